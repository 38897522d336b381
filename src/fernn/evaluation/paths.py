r"""Do a model's states know the way? Shortest paths in the graph of a random walk.

An agent walks at random through a world at rest. The states of a model are clustered,
and the graph has, for each code and each step that was taken there, the code that
followed most often. From one place of the walk to another the shortest path in that
graph is a plan, which is then taken in the world. It succeeds if it ends at the goal
and has no more steps than the shortest path in the graph of the true places of the same
walk: codes that take two places for one lead elsewhere, codes that take one place for
several have only longer ways.

Beside the ``state`` stand the graph of the ``pixels`` of the frames, clustered alike,
and a walk at ``random``, of as many steps as the true path, drawn from those of the
walk. What is clustered is `remembered` by the model after each frame, but for the first
quarter, in which it gets to know the world; states that diverge beyond all numbers tell
no places apart, and are one code. Places are those of a torus.

Source: after A. Dedieu and others, transformers with discrete bottlenecks, ICML 2024,
arXiv 2401.05946.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float, Int
from torch import Tensor

from fernn.evaluation import graphs
from fernn.evaluation.subject import Subject
from fernn.models._window import corners_of
from labrun.errors import UserError
from labrun.random_words import below, words

TASK = "act"
DRAWS = ("sampled",)
WORK = ({"slower": 4},)  # and clusters
STORED = ((3, "sequences"),)
SETTLING = 4  # the share of a walk after which states count is one in so many
GRAPHS = ("state", "pixels", "random")
Walk = Int[np.ndarray, "time 2"]
Codes = Int[np.ndarray, " time"]


@torch.no_grad()
def measure(
    subject: Subject,
    spec: dict[str, Any],
    *,
    goals: int = 100,
    unexplained: float = 0.001,
    codes: int = 512,
) -> xr.Dataset:
    """The share of plans that succeed, of each world.

    Args:
        subject: a model that remembers, and walks through worlds at rest.
        spec: ``context``, ``horizon`` and ``batch``; a walk has the frames of both.
        goals: pairs of times of a walk, of each world; the later one is the goal.
        unexplained: the share of the variance that clusters may leave.
        codes: clusters, at most.

    Returns:
        ``success`` (graph × sample), a share of the pairs that are two places, NaN if
        none is; ``codes`` (graph × sample), NaN of the random walk; and ``places``
        (sample), those that were visited.

    Raises:
        UserError: the model does not remember, or the digits of the worlds move.
    """
    sequences: Any = subject.sequences
    if not hasattr(subject.model, "remembered"):
        kind = type(subject.model).__name__
        raise UserError(f"paths needs a model that remembers, got a {kind}")
    if sequences.recipe.attrs["max_speed"]:
        raise UserError("paths needs worlds at rest (max_speed: 0)")
    frames, found = spec["context"] + spec["horizon"], []
    for first in range(0, len(sequences), spec["batch"]):
        video = sequences.video(first, spec["batch"], frames)
        actions = sequences.actions(first, len(video), frames)
        states = [*subject.model.remembered(video, actions)]
        seen = torch.stack(states, dim=1).flatten(2), video.flatten(2)
        walks = corners_of(actions)[:, frames // SETTLING :].cpu().numpy()
        for number, walk in enumerate(walks):
            each = [kind[number, frames // SETTLING :] for kind in seen]
            labels = [_codes(one, unexplained, codes) for one in each]
            drawn = sequences.recipe.attrs["seed"], first + number, goals
            found.append(
                _of_world(labels, walk, sequences.recipe.attrs["world"], drawn)
            )
    return _tabulated(found, sequences.recipe)


def _codes(
    vectors: Float[Tensor, "time number"], unexplained: float, most: int
) -> Codes:
    """Clusters; where a number is not finite, one of all vectors."""
    if not vectors.isfinite().all():
        return np.zeros(len(vectors), int)
    return graphs.codes(vectors.double().cpu().numpy(), unexplained, most)


def _of_world(
    labels: Sequence[Codes], walk: Walk, world: int, drawn: tuple[int, int, int]
) -> tuple[np.ndarray, list[float], int]:
    """Success of each of `GRAPHS`, the codes of each, and the places.

    Args:
        labels: what a place is taken for, by state and by pixels.
        walk: true places, not wrapped.
        world: side of the torus, pixels.
        drawn: the seed, the sample, and how many pairs.
    """
    seed, sample, goals = drawn
    places = np.unique(walk % world, axis=0, return_inverse=True)[1].ravel()
    every, steps = [places, *labels], np.diff(walk, axis=0)
    known = [graphs.ways(each, steps) for each in every]
    pairs = below(words(seed, "paths", 0, sample, 1, 2 * goals), len(walk))
    success = []
    for number, (start, goal) in enumerate(np.sort(pairs.reshape(goals, 2))):
        if places[start] == places[goal]:
            continue
        ends = [(int(each[start]), int(each[goal])) for each in every]
        best, *plans = (
            graphs.shortest(w, *e) for w, e in zip(known, ends, strict=True)
        )
        assert best is not None  # the walk itself leads there
        chances = words(seed, f"paths/{number}", 0, sample, 1, len(best))[0]
        plans.append(steps[below(chances, len(steps))].tolist())
        apart = walk[goal] - walk[start]
        success.append([_leads(plan, apart, world, len(best)) for plan in plans])
    shares = np.mean(success, axis=0) if success else np.full(len(GRAPHS), np.nan)
    many = [len(np.unique(each)) for each in every]
    return shares, [*map(float, many[1:]), np.nan], many[0]


def _leads(
    plan: Sequence[Any] | None, apart: np.ndarray, world: int, most: int
) -> bool:
    """Whether a plan bridges a distance, in no more than `most` steps."""
    if plan is None or len(plan) > most:
        return False
    taken = np.array(plan, int).reshape(-1, 2).sum(0)
    return not ((taken - apart) % world).any()


def _tabulated(found: list, recipe: xr.Dataset) -> xr.Dataset:
    success, codes, places = (np.array(each) for each in zip(*found, strict=True))
    dims = ("graph", "sample")
    table: dict[str, Any] = {"success": (dims, success.T), "codes": (dims, codes.T)}
    table["places"] = ("sample", places.astype(float))
    return xr.Dataset(table, {**recipe.coords, "graph": list(GRAPHS)})
