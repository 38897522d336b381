r"""Fixed points of a roll-out in the frame of its input, and their spectra.

After an analysis of networks that emulate hidden Markov models, in the frame of a flow:
a network that follows a moving template does not come to rest, but its state may become
a travelling wave, :math:`h_{t+1} = \psi_1(\hat\nu) h_t`. Measured is

.. math::
    q_t = \min_{\nu} \lVert \psi_{-1}(\nu) h_{t+1} - h_t \rVert / \lVert h_t \rVert

over the velocities of the data, beside the same for :math:`\nu = 0`, the lab frame; in
the run *driven* with true frames and in the *rollout*. From the last state of a
roll-out q is minimised, and the Jacobian of
:math:`G = \psi_{-1}(\hat\nu) \circ F` there has the eigenvalues μ: those near 1 belong
to the template's positions, and, of a roll-out that keeps the norm, to the norm. A flow
of the input maps the fixed points of a flow equivariant model to others, of the same
spectrum. See `fernn.evaluation.dynamics`.

Source: E. Torre and others, 2025, arXiv 2510.25674.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from fernn.evaluation import dynamics
from fernn.evaluation.headlines import Headline
from fernn.evaluation.states import RUNS, driven, in_lab, require_states
from fernn.evaluation.subject import Subject

DRAWS = ("sampled",)
BASELINES = False  # they have no state
WORK = ({"slower": 2 * 10},)  # in double precision, with some hundreds of gradients
STORED = ((4, "sequences", "context"), (4, "sequences", "horizon"))
FRAMES = ("comoving", "lab")


@torch.no_grad()
def measure(
    subject: Subject,
    spec: dict[str, Any],
    *,
    starts: int = 2,
    steps: int = 200,
    tolerance: float = 1e-6,
    eigenvalues: int = 20,
) -> xr.Dataset:
    """Residuals along both runs, fixed points from some of the sequences, ablations.

    Args:
        subject: a trained forecaster and its test sequences.
        spec: ``context``, ``horizon`` and ``batch``.
        starts: sequences from whose roll-out a fixed point is searched.
        steps: of the search, at most.
        tolerance: of the residual, at which a search ends.
        eigenvalues: how many, the largest, of each fixed point.

    Returns:
        ``residual`` (system × run × sample × time), NaN for the roll-out before the
        context ends; ``fixed_residual`` (start), ``eigenvalue`` (part × start ×
        number), parts being real and imaginary; ``kick`` (channel), the increase of the
        mean squared error of the first forecast if a channel of the state is zero.

    Raises:
        UserError: the model rolls out no state, or its roll-out's step needs more.
    """
    sequences = subject.sequences
    assert sequences is not None
    require_states(subject.model, "fixed_points")
    model, context = subject.model.double(), spec["context"]
    dynamics.require_map(model, "fixed_points")
    velocities = dynamics.candidates(sequences.recipe)
    found, kicks, points = [], [], []
    for single in subject.videos(spec):
        video = single.double()
        parts, last = _residuals(model, video, context, velocities)
        found.append(parts)
        kicks.append(_kicks(model, video, context))
        for state, index in zip(*last, strict=True):
            if len(points) < starts:
                step = dynamics.comoving(model, velocities[int(index)])
                state, q = dynamics.minimised(step, state[None], steps, tolerance)
                points.append((q, dynamics.spectrum(step, state, eigenvalues)))
    return _dataset(sequences.recipe, found, kicks, points)


def _residuals(
    model: Any, video: Tensor, context: int, velocities: list
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Residuals, system × run × sample × time, and where the roll-out ends.

    That is its last state with the index of the velocity at which it moves.
    """
    flow, length = model.cell.flow, video.shape[1]
    seen = (in_lab(model, carry) for carry, _ in driven(model, video[:, :-1]))
    steps = model.trajectory(video[:, :context], length - context)
    rolled = (in_lab(model, carry) for carry, _ in steps)
    still = [(0,) * len(velocities[0])]
    runs, state, index = [], video, video
    for first, states in ((1, seen), (context, rolled)):
        pairs: Iterable = itertools.pairwise(states)
        blank = torch.full((2, len(video)), torch.nan).to(video)
        both = [blank] * (first - 1)
        for before, state in pairs:
            near, index = dynamics.residuals(flow, before, state, velocities).min(0)
            lab = dynamics.residuals(flow, before, state, still)[0]
            both.append(torch.stack([near, lab]))
        runs.append(torch.stack(both, dim=-1))
    return torch.stack(runs, dim=1), (state, index)


def _kicks(model: Any, video: Tensor, context: int) -> Tensor:
    """The increase of the error without each channel: sample × channel."""
    state, true = model.observed(video[:, :context]), video[:, context]

    def error(state: Tensor) -> Tensor:
        begun = model.rollout.begin(state, video[:, :context])
        _, frame = model.rollout.step(model, begun)
        return (frame - true).square().mean((1, 2, 3))

    without = []
    for channel in range(state.shape[2]):
        ablated = state.clone()
        ablated[:, :, channel] = 0
        without.append(error(ablated))
    return torch.stack(without, dim=1) - error(state)[:, None]


def _dataset(recipe: xr.Dataset, found: list, kicks: list, points: list) -> xr.Dataset:
    residual = torch.cat(found, dim=2).cpu().numpy()
    kick = torch.cat(kicks).mean(0).cpu().numpy()
    spectra = np.stack([values for _, values in points])
    about = {"long_name": "distance from a fixed point, relative to the state"}
    return xr.Dataset(
        {
            "residual": (("system", "run", "sample", "time"), residual, about),
            "fixed_residual": ("start", [q for q, _ in points], about),
            "eigenvalue": (
                ("part", "start", "number"),
                np.stack([np.real(spectra), np.imag(spectra)]),
            ),
            "kick": ("channel", kick, {"long_name": "increase of the error"}),
        },
        coords={
            **recipe.coords,
            "system": list(FRAMES),
            "run": list(RUNS),
            "time": ("time", np.arange(1, residual.shape[-1] + 1), {"units": "frame"}),
            "part": ["real", "imaginary"],
        },
    )


def _residual(cube: xr.Dataset, model: str) -> xr.DataArray:
    """The relative change at the end of the roll-out, in the frame of its velocity."""
    chosen = cube["residual"].sel(model=model, system="comoving", run="rollout")
    return chosen.isel(time=-1, drop=True).mean("sample")


COMPARED = {"fixed_points": Headline("change of the state", "ratio", None, _residual)}
