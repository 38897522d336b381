"""What a run leaves on disk, from the shapes in its plan."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from fernn.config.options import constant
from fernn.config.widths import parameters
from fernn.estimate.work import repeats, sequences

NUMBER = 4.0  # bytes in a cube: of float32, or of what compression leaves of it in 64
USUAL = (("sequences", "horizon"),)  # the arrays of a statistic that lists none
FILE = 30_000  # bytes of a netCDF file around its numbers
IMAGE = 600_000  # bytes of a figure in its two forms
POINT = 125  # bytes of a number in a spool
ROW = 400  # bytes of it in the tracker's database, with its indices
COPIES = 4  # of the weights in a saved state: now, best, and Adam's two moments
KEPT = 2  # saved states of a run
DIGITS = 55_000_000  # bytes of MNIST's
ATLASES = {  # bytes of others: of the digits inside scikit-learn, and of clips
    "handwritten": 120_000,
    "kth": 200_000_000,
    "synthetic_actions": 10_000_000,
}


def disk(plan: dict[str, Any], results: Path) -> dict[str, float]:
    """Bytes by kind."""
    trained = [
        _weights(results, name, model, entry, seed)
        for name, experiment in plan["experiments"].items()
        for model, entry in experiment["models"].items()
        for seed in experiment["seeds"]
    ]
    cubes = sum(_cubes(plan, name) for name in plan["experiments"])
    points = _points(plan)
    return {
        "weights": float(sum(trained)),
        "saved states": float(KEPT * COPIES * sum(trained)),
        "shards and cubes": 2.0 * cubes,
        "digits and recipes": _data(plan, results),
        "spools": float(POINT * points),
        "tracker": float(ROW * points),
        "figures": float(IMAGE * len(plan["figures"])),
    }


def _weights(
    results: Path, name: str, model: str, entry: dict[str, Any], seed: int
) -> int:
    """Bytes of a run's weights: of its file if it is there, else four a weight."""
    path = results / "runs" / name / model / str(seed) / "model.pt"
    if path.exists():
        return path.stat().st_size
    spec = json.dumps(entry["model"], sort_keys=True)
    return 4 * parameters(spec, entry["frame_size"])


def _cubes(plan: dict[str, Any], name: str) -> float:
    """Bytes of the shards of an experiment, of which its cubes are as large."""
    experiment = plan["experiments"][name]
    total = 0.0
    for axis in experiment["axes"].values():
        recipe = experiment["recipes"][axis["recipe"]]
        baselines = experiment["baselines"] if axis["baselines"] else {}
        made = {n: about["of"] for n, about in experiment.get("treated", {}).items()}
        for model in (*experiment["models"], *made, *baselines):
            entry = experiment["models"].get(made.get(model, model))
            different = (
                len(experiment["seeds"]) if entry else 1
            )  # equal numbers compress to nothing
            total += FILE + different * _statistic(axis, recipe, entry)
    return total


def _statistic(
    axis: dict[str, Any], recipe: dict[str, Any], entry: dict[str, Any] | None
) -> float:
    """Bytes of one model and seed, of the numbers that its module's `STORED` lists."""
    flow = entry["model"].get("flow", {}) if entry else {}
    sizes = {
        "sequences": sequences(recipe),
        "copies": sequences(recipe) / recipe["sequences"],
        "context": axis["spec"]["context"],
        "horizon": axis["spec"]["horizon"],
        "pixels": recipe["frame_size"] ** 2,
        "slots": (2 * flow.get("max_speed", 0) + 1) ** 2,
        "epochs": entry["training"]["epochs"] if entry else 1,
        "repeats": repeats(axis),
    }
    stored = constant("evaluation", axis["statistic"], "STORED") or USUAL
    arrays = (math.prod(sizes.get(part, part) for part in array) for array in stored)
    return NUMBER * sum(arrays)


def _data(plan: dict[str, Any], results: Path) -> float:
    """Bytes of the atlases, as they lie there or as they will, and of the recipes."""
    total = 0.0
    for name, source in plan["sources"].items():
        atlas = results / "data" / f"{name}.nc"
        if atlas.exists():
            total += atlas.stat().st_size
        else:
            many = ATLASES.get(source["kind"], DIGITS)
            total += many / source.get("shrink", 1) ** 2
    for experiment in plan["experiments"].values():
        for recipe in experiment["recipes"].values():
            total += FILE + 12 * sequences(recipe) * recipe.get("digits", 1)
    return total


def _points(plan: dict[str, Any]) -> float:
    """Numbers that runs report: of every tenth step, four of each epoch."""
    total = 0.0
    for experiment in plan["experiments"].values():
        trainings = len(experiment["seeds"])
        for entry in experiment["models"].values():
            runs = {"training": trainings, "trial": entry["tuning"]["trials"]}
            for kind, number in runs.items():
                spec = entry[kind]
                steps = spec["sequences"] // spec["batch"] * spec["epochs"]
                total += number * (steps / 10 + 4 * spec["epochs"])
    return total
