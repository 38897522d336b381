"""Kernels are used by choice of the program only where they give what torch gives.

A driver, a compiler or a card may be one that they were never tried with. Before a
process uses them for a kind of state, it computes a small state and its gradient both
ways. What it finds is told on standard error.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable, Hashable, Sequence
from importlib.util import find_spec
from types import ModuleType

import torch
from torch import Tensor

ACCELERATOR = "cuda"  # whose memory the kernels read
# The largest difference, as a share of the largest number.
TOLERANCES = {
    torch.float64: 1e-12,
    torch.float32: 1e-5,
    torch.float16: 5e-3,
    torch.bfloat16: 4e-2,
}

_VERDICTS: dict[Hashable, bool] = {}


def kernels_for(state: Tensor) -> ModuleType | None:
    """The module of kernels that can compute where a state is, if there is one."""
    return _kernels() if state.device.type == ACCELERATOR else None


@functools.cache
def _kernels() -> ModuleType | None:
    """The execution ``triton``, if that and its compiler are there."""
    home = f"{__package__}.triton"
    if find_spec("triton") is None or find_spec(home) is None:
        return None
    return importlib.import_module(home)


def trusted(
    what: str,
    kernels: Callable[..., Tensor],
    reference: Callable[..., Tensor],
    state: Tensor,
    about: Hashable = None,
    weights: Sequence[Tensor] = (),
) -> bool:
    """Whether kernels give what the reference gives; computed once in a process.

    Args:
        what: the kernels compute, in words.
        kernels: from a state, and from the weights.
        reference: the same by torch alone.
        state: of the shape, precision and device in question; a single sample of that
            shape is tried, with numbers of its own.
        about: what else the kernels depend on.
        weights: factors of products; if there are some, single precision may round as
            TF32 does where Torch may.
    """
    shapes = tuple(weight.shape for weight in weights)
    allowed = _allowed(state.dtype, products=bool(weights))
    key = what, state.shape[1:], state.dtype, state.device, about, shapes, allowed
    if key not in _VERDICTS:
        objection = _objection(kernels, reference, state, weights, allowed)
        verdict = f"not used for {what}: {objection}; torch's own operations are"
        if objection is None:
            verdict = f"used for {what}: they give what torch gives"
        where = f"{state.device}, {str(state.dtype).removeprefix('torch.')}"
        print(f"kernels {verdict} ({where})", file=sys.stderr, flush=True)
        _VERDICTS[key] = objection is None
    return _VERDICTS[key]


def _allowed(dtype: torch.dtype, products: bool) -> float:
    """The largest difference; factors in TF32 have as many digits as half precision."""
    rounded = torch.backends.cuda.matmul.allow_tf32 and dtype == torch.float32
    return TOLERANCES.get(torch.float16 if rounded and products else dtype, 0.0)


def _objection(
    kernels: Callable[..., Tensor],
    reference: Callable[..., Tensor],
    state: Tensor,
    weights: Sequence[Tensor],
    allowed: float,
) -> str | None:
    """Why the kernels are not to be used; None if they are right."""
    try:
        with torch.inference_mode(False), torch.enable_grad():
            ours, theirs = (
                _results(each, state, weights) for each in (kernels, reference)
            )
            apart = list(map(_apart, ours, theirs))
    except Exception as error:  # whatever a compiler or a driver raises
        reason = str(error).strip() or type(error).__name__
        return f"they fail ({reason.splitlines()[0]})"
    names = "results", "gradients", *(len(weights) * ["gradients of weights"])
    for name, found in zip(names, apart, strict=True):
        if not found <= allowed:  # nor what is no number
            return f"their {name} differ by {found:.2g} of the largest number"
    return None


def _results(
    compute: Callable[..., Tensor], state: Tensor, weights: Sequence[Tensor]
) -> tuple[Tensor, ...]:
    """What is computed from a sample, and its gradient and those of weights.

    The numbers leave the generators of the run alone. Half of them are zero, as in a
    rectified state, so that maxima have ties.
    """
    draws = torch.Generator().manual_seed(0)
    shape = (1, *state.shape[1:])
    sample = torch.randn(shape, generator=draws).relu().to(state).requires_grad_()
    inputs = sample, *(each.detach().clone().requires_grad_() for each in weights)
    found = compute(*inputs)
    weight = torch.randn(found.shape, generator=draws).to(found)
    return found.detach(), *torch.autograd.grad((found * weight).sum(), inputs)


def _apart(ours: Tensor, theirs: Tensor) -> float:
    ours, theirs = ours.double(), theirs.double()
    return float((ours - theirs).abs().max() / theirs.abs().max())
