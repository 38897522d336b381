"""How much of a GPU's memory a training takes, for `jobs_per_gpu: memory`."""

from __future__ import annotations

import argparse
import json
from typing import Any

from fernn.cli import _run, _trial

LIBRARIES = 2**30  # bytes that CUDA and its libraries hold in a process
SPARE = 1.25  # for what an allocator cannot reuse, and a strategy's own tensors


def of_training(args: argparse.Namespace, together: int = 1) -> float:
    """Bytes that a training takes, as `fernn.cli._run` has its arguments.

    Args:
        args: the model, its settings and its data.
        together: how many it trains as one model, where such models can be.
    """
    from fernn.estimate import memory
    from fernn.estimate.flop import build
    from fernn.estimate.work import Network
    from fernn.training import stacked
    from fernn.training.settings import settings
    from fernn.videos.recipes import open_sequences

    chosen = settings(args.training, seed=0)
    size = open_sequences(args.train, args.atlas).size
    network = Network(json.dumps(args.model, sort_keys=True), size)
    ahead = chosen.long_horizon if chosen.extend_horizon else chosen.horizon
    sizes = chosen.batch, chosen.context, ahead
    one = memory.of_training(network, *sizes, chosen.precision)
    as_one = together > 1 and stacked.objection(build(network), chosen) is None
    return LIBRARIES + SPARE * one * (together if as_one else 1)


def of_trials(args: argparse.Namespace, together: int) -> float:
    """Bytes that the largest trial of a study takes; `together` of the first are one.

    Sampled hyperparameters may all be at their largest.
    """
    from labrun.tuning.samplers import distributions

    highest = {}
    for name, space in distributions(args.tuning["ranges"]).items():
        values = getattr(space, "choices", [getattr(space, "high", None)])
        if all(isinstance(each, (int, float)) for each in values):
            highest[name] = max(values)
    points = {str(point): point for point in map(_unrated, _trial.points(args))}
    needed = [
        of_training(_run.tuned(args, point), together) for point in points.values()
    ]
    return max(*needed, of_training(_run.tuned(args, highest)))


def _unrated(point: dict[str, Any]) -> dict[str, Any]:
    """A point without its learning rate, on which no memory depends."""
    return {name: value for name, value in point.items() if name != "learning_rate"}
