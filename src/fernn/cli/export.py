"""Export a trained model of a run: weights, description and model card.

    fernn export results/demo/runs/translation/fernn_v2/0 weights/demo-fernn-v2

The folder has model.safetensors, config.json and README.md; `fernn.load(folder)` gives
the model. Results come from the cubes of the run's budget; without cubes the card has
no results.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labrun.errors import UserError

CARD = """\
# {label}

A {label} of the experiment *{title}*, trained by fernn at the budget `{budget}` with
seed {seed}: {parameters:,} parameters, frames of {frame_size}×{frame_size} pixels,
{context} observed frames, trained to predict {horizon}.

```python
import fernn

model = fernn.load("{name}")
future = model(past, horizon=20)  # past: batch × time × 1 × {frame_size} × {frame_size}
```

Mean squared error:

| test set: quantity | this model | mean over {seeds} seeds | 95 % interval |
|---|---:|---:|---:|
{rows}

Predictions are limited to [0, 1]; *k*x: the last {horizon} frames of a forecast of *k*
times {horizon} frames; velocities are seen in training, unseen but in V, or outside V.
The interval is Student's, of the mean over seeds.

* Data: `{data}`, test set `{test}`; digits of `{source}` that training does not show.
* Code: commit `{commit}`, version {version}. Licence of the weights: MIT.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "trained", type=Path, metavar="RUN", help="a folder with model.pt"
    )
    parser.add_argument("output", type=Path, metavar="FOLDER", help="to be written")


def run(args: argparse.Namespace) -> None:
    """Write the folder."""
    from fernn import checkpoint, pretrained

    budget, experiment, model, seed = _place(args.trained)
    whole = _plan(budget)
    plan = whole["experiments"][experiment]
    path = args.trained / "model.pt"
    built, told = checkpoint.load(path), checkpoint.describe(path)
    entry = plan["models"][model]
    about = {
        "model": told["spec"]["model"],
        "frame_size": told["spec"]["frame_size"],
        "name": model,
        "seed": int(seed),
        "context": entry["training"]["context"],
        "horizon": entry["training"]["horizon"],
        "recipe": plan["recipes"]["in_distribution"],
        "source": whole["sources"][whole["atlases"][experiment]],
        "baselines": plan["baselines"],
        "attrs": _described(plan, model),
        "parameters": sum(each.numel() for each in built.parameters()),
        "commit": told["lineage"]["commit"],
        "version": told["lineage"]["version"],
        "numbers": dict(_numbers(budget / "cubes" / experiment, model, int(seed))),
    }
    pretrained.write(args.output, built.state_dict(), about)
    card = _card(args.output.name, about)
    (args.output / pretrained.CARD).write_text(card, encoding="utf-8")


def _place(run: Path) -> tuple[Path, str, str, str]:
    """The budget's folder, the experiment, the model and the seed of a run."""
    parts = run.resolve().parts
    if len(parts) < 5 or parts[-4] != "runs" or not (run / "model.pt").exists():
        where = "results/BUDGET/runs/EXPERIMENT/MODEL/SEED"
        raise UserError(f"{run} is no run with a model.pt; runs are {where}")
    experiment, model, seed = parts[-3:]
    return Path(*parts[:-4]), experiment, model, seed


def _plan(budget: Path) -> dict[str, Any]:
    import json

    try:
        return json.loads((budget / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{budget}/config.json cannot be read: {error}") from None


def _described(plan: dict[str, Any], model: str) -> dict[str, Any]:
    """What cubes say of the experiment, of the model and of the baselines."""
    attrs = {
        name: value for name, value in plan["attrs"].items() if name != "published"
    }
    shown = {model, *plan["baselines"]}
    about = {
        name: {**told, "published": None, "differs": []}
        for name, told in attrs["models"].items()
        if name in shown
    }
    return {**attrs, "models": about}


def _numbers(
    cubes: Path, model: str, seed: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """By axis and quantity, the model's own error and the mean over seeds."""
    import numpy as np
    import xarray as xr

    from fernn import needs
    from fernn.evaluation import aggregate, errors
    from fernn.tables.generalization import SHOWS
    from labrun.storage import read_dataset

    for path in sorted(cubes.glob("*.nc")):
        cube = read_dataset(path)
        role = needs.role(SHOWS, aggregate.properties(cube))
        if role is None or model not in cube["model"]:
            continue
        about, place = aggregate.models(cube)[model], cube["seed"].values.tolist()
        found = errors.of_seeds(cube, role, model, about, errors.clipped)
        for quantity, values in found.items():
            if np.isnan(values).any():  # no velocity of a class
                continue
            low, high = aggregate.t_interval(xr.DataArray(values, dims="seed"))
            name = quantity if quantity == path.stem else f"{path.stem}: {quantity}"
            yield (
                name,
                {
                    "error": float(values[place.index(seed)]),
                    "mean": float(values.mean()),
                    "interval": [float(low), float(high)] if len(values) > 1 else None,
                    "seeds": len(values),
                },
            )


def _card(name: str, about: dict[str, Any]) -> str:
    def row(axis: str, number: dict[str, Any]) -> str:
        ends = number["interval"]
        interval = f"{ends[0]:.3g} to {ends[1]:.3g}" if ends else "–"
        words = axis.replace("_", " ")
        return (
            f"| {words} | {number['error']:.4g} | {number['mean']:.4g} | {interval} |"
        )

    attrs, recipe = about["attrs"], about["recipe"]
    return CARD.format(
        **{
            key: about[key]
            for key in ("parameters", "frame_size", "context", "horizon")
        },
        **{key: about[key] for key in ("seed", "commit", "version")},
        label=attrs["models"][about["name"]]["label"],
        title=attrs["title"],
        budget=attrs["budget"],
        name=name,
        data=recipe["kind"],
        test=recipe["split"],
        source=about["source"].get("label", about["source"]["kind"]),
        seeds=max((number["seeds"] for number in about["numbers"].values()), default=0),
        rows="\n".join(row(*item) for item in about["numbers"].items()),
    )
