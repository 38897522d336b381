"""Kernels are used by choice of the program only where they give what torch gives.

A driver, a compiler or a card may be one that they were never tried with. Before a
process uses them for a kind of state, it computes a small state and its gradient both
ways. What it finds is told on standard error.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable

import torch
from torch import Tensor

# The largest difference, as a share of the largest number.
TOLERANCES = {
    torch.float64: 1e-12,
    torch.float32: 1e-5,
    torch.float16: 5e-3,
    torch.bfloat16: 4e-2,
}

_VERDICTS: dict[Hashable, bool] = {}


def trusted(
    what: str,
    kernels: Callable[[Tensor], Tensor],
    reference: Callable[[Tensor], Tensor],
    state: Tensor,
    about: Hashable = None,
) -> bool:
    """Whether kernels give what the reference gives; computed once in a process.

    Args:
        what: the kernels compute, in words.
        kernels: from a state.
        reference: the same by torch alone.
        state: of the shape, precision and device in question; a single sample of that
            shape is tried, with numbers of its own.
        about: what else the kernels depend on.
    """
    key = what, state.shape[1:], state.dtype, state.device, about
    if key not in _VERDICTS:
        objection = _objection(kernels, reference, state)
        verdict = f"not used for {what}: {objection}; torch's own operations are"
        if objection is None:
            verdict = f"used for {what}: they give what torch gives"
        where = f"{state.device}, {str(state.dtype).removeprefix('torch.')}"
        print(f"kernels {verdict} ({where})", file=sys.stderr, flush=True)
        _VERDICTS[key] = objection is None
    return _VERDICTS[key]


def _objection(
    kernels: Callable[[Tensor], Tensor],
    reference: Callable[[Tensor], Tensor],
    state: Tensor,
) -> str | None:
    """Why the kernels are not to be used; None if they are right."""
    try:
        with torch.inference_mode(False), torch.enable_grad():
            ours, theirs = (_results(each, state) for each in (kernels, reference))
            apart = list(map(_apart, ours, theirs))
    except Exception as error:  # whatever a compiler or a driver raises
        reason = str(error).strip() or type(error).__name__
        return f"they fail ({reason.splitlines()[0]})"
    allowed = TOLERANCES.get(state.dtype, 0.0)
    for name, found in zip(("results", "gradients"), apart, strict=True):
        if not found <= allowed:  # nor what is no number
            return f"their {name} differ by {found:.2g} of the largest number"
    return None


def _results(compute: Callable[[Tensor], Tensor], state: Tensor) -> tuple[Tensor, ...]:
    """What is computed from a sample, and its gradient.

    The numbers leave the generators of the run alone. Half of them are zero, as in a
    rectified state, so that maxima have ties.
    """
    draws = torch.Generator().manual_seed(0)
    shape = (1, *state.shape[1:])
    sample = torch.randn(shape, generator=draws).relu().to(state).requires_grad_()
    found = compute(sample)
    weight = torch.randn(found.shape, generator=draws).to(found)
    (gradient,) = torch.autograd.grad((found * weight).sum(), sample)
    return found.detach(), gradient


def _apart(ours: Tensor, theirs: Tensor) -> float:
    ours, theirs = ours.double(), theirs.double()
    return float((ours - theirs).abs().max() / theirs.abs().max())
