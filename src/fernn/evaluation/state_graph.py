r"""The graph of a model's states: does it have the period of what it sees?

After transformers with discrete bottlenecks: states, pooled over V in the lab frame,
are clustered, and the transitions between clusters counted. Of a forecaster with a
bottleneck it is its codes that are clustered. On a torus of N pixels a
digit of v pixels per frame returns after :math:`N / \gcd(N, v)` frames; a model that
knows where it is walks a cycle of that length. Clusters are those of all sequences,
without the first quarter of each run, and transitions are those between them. A run is
*driven* by true frames, or is the *rollout* after the context. See
`fernn.evaluation.graphs`.

Source: A. Dedieu and others, ICML 2024, arXiv 2401.05946.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from fernn.evaluation import graphs
from fernn.evaluation.headlines import Headline
from fernn.evaluation.states import RUNS, driven, in_lab, require_states
from fernn.evaluation.subject import Subject
from fernn.evaluation.velocities import names, period

DRAWS = ("sampled",)
BASELINES = False  # they have no state
WORK = ({"slower": 4},)  # and clusters
STORED = ((4, "sequences"),)
SETTLING = 4  # the share of a run after which states are clustered is one in so many


@torch.no_grad()
def measure(
    subject: Subject,
    spec: dict[str, Any],
    *,
    unexplained: float = 0.001,
    codes: int = 256,
) -> xr.Dataset:
    """Cycles and determinism of both runs.

    Args:
        subject: a trained forecaster and sequences of constant velocity.
        spec: ``context``, ``horizon`` and ``batch``.
        unexplained: the share of the states' variance that clusters may leave.
        codes: clusters, at most.

    Returns:
        ``period`` (run × sample), in frames, NaN without a cycle; ``true_period``
        (sample) of the first velocities; ``determinism``, ``codes`` and ``edges``
        (run): the share of transitions to the most frequent successor, the clusters,
        and the pairs of them that follow each other more often than in 5 %.

    Raises:
        UserError: the model rolls out no state.
    """
    model, sequences = subject.model, subject.sequences
    assert sequences is not None
    require_states(model, "state_graph")
    context = spec["context"]
    visited: list[list[Tensor]] = [[], []]
    for video in subject.videos(spec):
        seen = (in_lab(model, carry) for carry, _ in driven(model, video))
        steps = model.trajectory(video[:, :context], spec["horizon"])
        rolled = (in_lab(model, carry) for carry, _ in steps)
        for run, states in zip(visited, (seen, rolled), strict=True):
            read = (_read(model, state).flatten(1) for state in states)
            run.append(torch.stack([*read], 1))
    found = [_graph(torch.cat(run), unexplained, codes) for run in visited]
    recipe = sequences.recipe
    numbers = ("period", "determinism", "codes", "edges")
    dims = {"period": ("run", "sample")}
    table: dict[str, Any] = {
        name: (dims.get(name, ("run",)), np.stack(values))
        for name, values in zip(numbers, zip(*found, strict=True), strict=True)
    }
    table["true_period"] = ("sample", true_periods(recipe))
    return xr.Dataset(table, coords={**recipe.coords, "run": list(RUNS)})


def _read(model: Any, state: Tensor) -> Tensor:
    """What is decoded of a state: pooled over V, behind a bottleneck its codes."""
    pooled, levels = model.pool(state), getattr(model, "levels", None)
    return levels.codes(pooled) if levels else pooled


def _graph(states: Tensor, unexplained: float, most: int) -> tuple:
    """The numbers of one run; states are sample × time × number."""
    settled = states[:, states.shape[1] // SETTLING :].double().cpu().numpy()
    labels = graphs.codes(settled, unexplained, most)
    counts = graphs.transitions(labels)
    about = graphs.determinism(counts), float(len(counts)), float(graphs.edges(counts))
    return graphs.periods(labels, counts), *about


def true_periods(recipe: xr.Dataset) -> np.ndarray:
    """Frames after which all digits of each sequence are where they were."""
    size = period(recipe)
    speeds = np.concatenate([recipe[name].values for name in names(recipe)], axis=1)
    each = [[size // math.gcd(size, int(v)) for v in sample] for sample in speeds]
    return np.array([float(math.lcm(*sample)) for sample in each])


def _recovered(cube: xr.Dataset, model: str) -> xr.DataArray:
    """The share of sequences whose cycle in the roll-out has the true length."""
    own = cube[["period", "true_period"]].sel(model=model, run="rollout")
    return (own["period"] == own["true_period"]).mean("sample").astype(np.float64)


COMPARED = {
    "state_graph": Headline("periods recovered", "difference", "higher", _recovered)
}
