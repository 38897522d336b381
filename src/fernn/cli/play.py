"""Draw forecasts and errors of trained models, without training.

    fernn play                    # the models that come with fernn
    fernn play weights/my-model   # your own, from `fernn export`

Makes test sequences, evaluates the models on them, and draws three figures: predicted
frames, error against the length of the forecast, and error at each velocity.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from labrun.errors import UserError

FRAMES = 50  # predicted
AXES = {  # what is drawn: the statistic, and the test set beside that of the models
    "rollouts": ("frames", {"draw": "sampled", "sequences": 2}, FRAMES),
    "length_generalization": (
        "squared_error",
        {"draw": "sampled", "sequences": 32},
        FRAMES,
    ),
    "velocity_generalization": (
        "squared_error",
        {"draw": "grid", "grid_speed": 3, "grid_digits": "first", "sequences": 8},
        None,
    ),
}
BATCH = 32


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "models", nargs="*", metavar="MODEL", help="a name, or a folder of an export"
    )
    parser.add_argument(
        "--output",
        dest="folder",
        type=Path,
        default=Path("results/play"),
        help="folder of the figures; default: %(default)s",
    )


def run(args: argparse.Namespace) -> None:
    """Measure, draw, and say where the figures are."""
    from fernn import pretrained

    chosen = {name: pretrained.describe(name) for name in args.models or _shipped()}
    first = _alike(chosen)
    args.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        _call("fetch", source=first["source"], output=work / "atlas.nc")
        _synthesize(work, first)
        _evaluate(work, chosen, first)
        for axis in AXES:
            cube = work / f"{axis}-cube.nc"
            attrs = _attrs(chosen, axis)
            _call(
                "combine", shards=work / "shard.nc", axis=axis, attrs=attrs, output=cube
            )
            picture = args.folder / f"{axis}.png"
            _call("figure", axis, cubes=cube, output=picture)
            print(picture)


def _shipped() -> list[str]:
    """Those that saw the data of one of them, by the size of V."""
    from fernn import pretrained

    known = {name: pretrained.describe(name) for name in pretrained.names()}
    data = known["demo-fernn-v2"]["recipe"]
    alike = [name for name, about in known.items() if about["recipe"] == data]
    return sorted(alike, key=lambda name: known[name]["model"]["flow"]["max_speed"])


def _alike(chosen: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The first of the models, if all were trained for the same frames.

    Raises:
        UserError: one was not, two have one name, or one says nothing of its data.
    """
    (first, about), *others = chosen.items()
    for name, told in chosen.items():
        if "recipe" not in told:
            raise UserError(f"{name}: its config.json says nothing of its data")
    for name, told in others:
        for key in ("source", "recipe", "context", "horizon"):
            if told[key] != about[key]:
                raise UserError(
                    f"{name} and {first} differ in {key}: play one at a time"
                )
    names = [told["name"] for told in chosen.values()]
    if len({*names}) < len(names):
        raise UserError(f"two of the models are called alike: {names}")
    return about


def _synthesize(work: Path, about: dict[str, Any]) -> None:
    for axis, (_, draw, horizon) in AXES.items():
        frames = about["context"] + (horizon or about["horizon"])
        recipe = {**about["recipe"], **draw, "frames": frames, "split": axis}
        output = work / f"{axis}.nc"
        _call("synthesize", atlas=work / "atlas.nc", recipe=recipe, output=output)


def _evaluate(
    work: Path, chosen: dict[str, dict[str, Any]], about: dict[str, Any]
) -> None:
    """All axes of all models and baselines, in one shard."""
    from fernn import checkpoint, pretrained

    given: list[str] = []
    for name, told in chosen.items():
        path = work / told["name"] / "model.pt"
        spec = {"model": told["model"], "frame_size": told["frame_size"]}
        weights = pretrained.load(name).state_dict()
        checkpoint.save(path, weights, spec, {"commit": told["commit"]})
        given += ["--model", told["name"], str(path)]
    for name, spec in about["baselines"].items():
        given += ["--baseline", name, json.dumps(spec)]
    axes = {
        axis: {"statistic": statistic, "recipe": axis, "spec": _sizes(about, horizon)}
        for axis, (statistic, _, horizon) in AXES.items()
    }
    recipes = [str(work / f"{axis}.nc") for axis in AXES]
    given += ["--recipes", *recipes]
    output = work / "shard.nc"
    _call(
        "evaluate", *given, seeds=0, axes=axes, atlas=work / "atlas.nc", output=output
    )


def _sizes(about: dict[str, Any], horizon: int | None) -> dict[str, int]:
    ahead = horizon or about["horizon"]
    return {"context": about["context"], "horizon": ahead, "batch": BATCH}


def _attrs(chosen: dict[str, dict[str, Any]], axis: str) -> dict[str, Any]:
    """What the cube of an axis says about itself."""
    models: dict[str, Any] = {}
    for told in chosen.values():
        models |= told["attrs"]["models"]
    last = list(chosen.values())[-1]["attrs"]
    statistic, draw, _ = AXES[axis]
    return {**last, "models": models, "statistic": statistic, "draw": draw["draw"]}


def _call(command: str, *words: str, **options: Any) -> None:
    """Another command, in this process.

    Raises:
        UserError: it ended with an error, which it has told.
    """
    from fernn.cli import main

    given = [command, *words]
    for name, value in options.items():
        text = json.dumps(value) if isinstance(value, dict) else str(value)
        given += [f"--{name}", text]
    print(f"fernn {command}", file=sys.stderr, flush=True)
    if code := main(given):
        raise UserError(f"fernn {command} ended with exit code {code}")
