r"""How a roll-out answers a perturbation along the group: exponents of its state.

A video f and its partner g·f are observed for T frames and rolled out. g is the
smallest element of the group along one axis: a *shift* by one step,
:math:`(g f)_t = \psi_1(a) f_t`, or a *flow* by one step per frame,
:math:`(g f)_t = \psi_t(a) f_t` with t = 0 for the first frame. Let :math:`X_n` and
:math:`Y_n` be the states of f and of g·f, n steps into the roll-out and in the lab
frame, and τ = T + n - 1. An equivariant model has :math:`Y_n = g_n X_n`:

.. math::
    (g_n X)(\nu) = \psi_1(a) X(\nu) \ \text{(shift)}, \qquad
    (g_n X)(\nu) = \psi_\tau(a) X(\nu - a) \ \text{(flow)}

The first holds for every V. The second holds, with an equivariant roll-out, wherever
ν - a is in V, thus in every slot if V is closed under adding a. A slot of a truncated V
may have no source: :math:`g_n X` is zero there, as if the slots outside V were empty.
The one slot of V = {0} is compared with its own flowed state. Measured are, between the
directions :math:`x = X_n / \lVert X_n \rVert`, likewise y, and
:math:`z = g_n X_n / \lVert g_n X_n \rVert`,

.. math::
    \text{displacement} = \lVert y - x \rVert, \qquad
    \text{deviation} \; \delta_n = \lVert y - z \rVert

and the stretch of a random small perturbation, whose rate is the largest ordinary
Lyapunov exponent (Benettin et al., Meccanica 15, 1980: a shadow state is drawn back
after every step; no gradient is needed). Exponents, and the gap that a broken symmetry
leaves of the zero one (Mo, arXiv 2605.03338), are in `fernn.evaluation.exponents`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from fernn.evaluation.states import require_states
from fernn.evaluation.subject import Subject
from fernn.evaluation.velocities import components, names
from fernn.flows import Flow, Velocity, cached_kernels
from fernn.models.rollouts import Carry

DRAWS = ("sampled",)
BASELINES = False  # they have no state
WORK = ({"slower": 2 * 5},)  # in double precision; it, two partners, it and its shadow
STORED = ((6, "sequences", "horizon"),)
PERTURBATIONS = ("shift", "flow")
SMALL = 1e-6  # of a state's norm: how far its shadow is

MEANINGS = {
    "squared_error": "mean squared error of the unperturbed forecast",
    "stretch": "logarithm of the growth of a small perturbation",
    "displacement": "distance of the directions of both states",
    "deviation": "distance of the directions from equivariance",
}


@torch.no_grad()
def measure(subject: Subject, spec: dict[str, Any]) -> xr.Dataset:
    """Answers to one shift and one flow along each axis, in double precision.

    Args:
        subject: a trained forecaster and its test sequences.
        spec: ``context``, ``horizon`` and ``batch``.

    Returns:
        ``squared_error`` and ``stretch`` (sample × frame), ``displacement`` and
        ``deviation`` (perturbation × direction × sample × frame). Directions are the
        axes along which the sequences move; frame n is the n-th of the roll-out. The
        deviation is NaN where no slot has a source.

    Raises:
        UserError: the model rolls out no state.
    """
    model, sequences = subject.model.double(), subject.sequences
    assert sequences is not None
    require_states(model, "lyapunov")
    context, horizon = spec["context"], spec["horizon"]
    units = _units(sequences.recipe)
    parts = []
    for video in subject.videos(spec):
        numbers = _numbers(model, video.double(), context, list(units.values()))
        parts.append(numbers)
    coords = {
        **sequences.recipe.coords,
        "perturbation": list(PERTURBATIONS),
        "direction": list(units),
        "frame": ("frame", np.arange(1, horizon + 1), {"units": "frame"}),
    }
    dims = ("perturbation", "direction", "sample", "frame")
    table = {}
    for name, meaning in MEANINGS.items():
        values = torch.cat([part[name] for part in parts], dim=-2).cpu().numpy()
        about = {"long_name": meaning, "units": "1"}
        table[name] = (dims[-values.ndim :], values, about)
    return xr.Dataset(table, coords=coords)


def _units(recipe: xr.Dataset) -> dict[str, Velocity]:
    """The smallest velocity along each axis on which the sequences move, or on all."""
    parts, step = components(recipe), int(recipe.attrs.get("step", 1))
    moving = [bool((recipe[name] != 0).any()) for name in names(recipe)]
    return {
        part: tuple(step * (part == other) for other in parts)
        for part, moves in zip(parts, moving, strict=True)
        if moves or not any(moving)
    }


def _numbers(
    model: Any, video: Tensor, context: int, units: Sequence[Velocity]
) -> dict[str, Tensor]:
    """What `MEANINGS` names, of some sequences; the last axes are sample and frame."""
    seen, future = video[:, :context], video[:, context:]
    count, asked = future.shape[1], list(itertools.product(PERTURBATIONS, units))
    partners = [
        model.trajectory(_perturbed(model.cell.flow, seen, *each), count)
        for each in asked
    ]
    errors, answers = [], []
    steps = zip(model.trajectory(seen, count), *partners, strict=True)
    for ahead, ((carry, frame), *others) in enumerate(steps):
        errors.append((frame - future[:, ahead]).square().mean((1, 2, 3)))
        pairs = zip(others, asked, strict=True)
        found = [_answer(model, carry, other, *each) for (other, _), each in pairs]
        answers.append(torch.stack(found, dim=1))
    both = torch.stack(answers, dim=-1)
    both = both.unflatten(1, (len(PERTURBATIONS), len(units)))
    return {
        "squared_error": torch.stack(errors, dim=-1),
        "stretch": torch.stack(list(_stretch(model, seen, count)), dim=-1),
        "displacement": both[0],
        "deviation": both[1],
    }


def _perturbed(flow: Flow, video: Tensor, kind: str, nu: Velocity) -> Tensor:
    """The video g·f."""
    times = range(video.shape[1]) if kind == "flow" else [1] * video.shape[1]
    frames = zip(video.unbind(1), times, strict=True)
    return torch.stack([flow.act(frame, nu, t) for frame, t in frames], dim=1)


def _answer(model: Any, carry: Carry, other: Carry, kind: str, nu: Velocity) -> Tensor:
    """Displacement and deviation (number × sample) at one step of the roll-out."""
    state, answer = (
        model.cell.lab(each.state, each.time, each.ahead) for each in (carry, other)
    )
    steps = carry.time + carry.ahead - 1 if kind == "flow" else 1
    expected = transformed(model.cell.flow, state, nu, steps, kind == "flow")
    x, y, z = (_direction(each) for each in (state, answer, expected))
    return torch.stack([(y - x).norm(dim=1), (y - z).norm(dim=1)])


def transformed(
    flow: Flow, state: Tensor, nu: Velocity, steps: int, permuted: bool
) -> Tensor:
    r"""The state :math:`g_n X`: what an equivariant model has for the partner.

    Args:
        flow: of the cell.
        state: batch × velocity × hidden × height × width, in the lab frame.
        nu: the velocity of the group element.
        steps: of `nu` by which every slot is moved.
        permuted: whether slots change places; a single slot keeps its own.
    """
    if not permuted or len(flow.velocities) == 1:
        return flow.act_on_state(state, nu, steps)
    found = torch.zeros_like(state)
    for slot, velocity in enumerate(flow.velocities):
        source = flow.difference(velocity, nu)
        if source is not None:
            found[:, slot] = flow.act_on_state(state[:, source], nu, steps)
    return found


def _direction(state: Tensor) -> Tensor:
    """Each sample's state as a unit vector; NaN where it is zero."""
    flat = state.flatten(1)
    return flat / flat.norm(dim=1, keepdim=True)


def _stretch(model: Any, seen: Tensor, count: int) -> Iterator[Tensor]:
    """The logarithm (sample) of the growth of a random perturbation up to each frame.

    What is fed is perturbed as the state is, since the next step depends on both.
    """
    generator = torch.Generator().manual_seed(0)
    with cached_kernels(model):
        carry = model.rollout.begin(model.observed(seen), seen)
        apart = [
            torch.randn(part.shape, dtype=part.dtype, generator=generator).to(part)
            for part in _parts(carry)
        ]
        grown = torch.zeros(len(seen)).to(seen)
        for _ in range(count):
            small = SMALL * _norm(_parts(carry))
            shadow = _moved(carry, apart, small / _norm(apart))
            carry, shadow = (model.rollout.step(model, c)[0] for c in (carry, shadow))
            pairs = zip(_parts(shadow), _parts(carry), strict=True)
            apart = [there - here for there, here in pairs]
            grown = grown + (_norm(apart) / small).log()
            yield grown


def _parts(carry: Carry) -> list[Tensor]:
    return [part for part in (carry.state, carry.fed) if part is not None]


def _norm(parts: Sequence[Tensor]) -> Tensor:
    """The joint Euclidean norm of each sample."""
    return torch.cat([part.flatten(1) for part in parts], dim=1).norm(dim=1)


def _moved(carry: Carry, apart: Sequence[Tensor], factor: Tensor) -> Carry:
    """A carry whose state, and what is fed, are so many times `apart` away."""
    moved = [
        part + factor.view(-1, *[1] * (part.ndim - 1)) * step
        for part, step in zip(_parts(carry), apart, strict=True)
    ]
    return carry._replace(**dict(zip(("state", "fed"), moved, strict=False)))
