"""Footnotes on what the models of an experiment shared, and what each chose."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import xarray as xr

from fernn.evaluation import aggregate
from labrun.tuning.edges import words

SHARED = {
    "epochs": "Models share the number of epochs",
    "parameters": "Models share epochs and, by their width, the number of parameters",
    "compute": (
        "Models share compute: epochs are divided by the cost of a training step in the"
        " form that a model runs in, as configured or else counted"
    ),
}


def rollout(cube: xr.Dataset, about: dict[str, Any]) -> str | None:
    """The roll-out of a model: its own, or that of the protocol; None of a baseline."""
    if about["role"] == "baseline":
        return None
    return about.get("rollout") or cube.attrs.get("rollout")


def recipe(cube: xr.Dataset, about: dict[str, Any]) -> dict[str, str | None]:
    """How a model was trained, as it chose or as the protocol has it."""
    if about["role"] == "baseline":
        return dict.fromkeys(("rollout", "initial", "extended"))
    chosen = about.get("search", {}).get("params", {})
    extended = chosen.get("extend_horizon", bool(cube.attrs.get("extended")))
    return {
        "rollout": rollout(cube, about),
        "initial": chosen.get("initial", cube.attrs.get("initial")),
        "extended": "yes" if extended else "no",
    }


def notes(cubes: Sequence[xr.Dataset]) -> list[str]:
    """Footnotes of experiments on what is matched, and on searches if they have any.

    What is the same in several is told once.
    """
    found: dict[str, dict[str, None]] = {}
    for cube in cubes:  # an experiment may have several
        for text in _of(cube):
            found.setdefault(text, {})[cube.attrs["experiment"]] = None
    every = {cube.attrs["experiment"] for cube in cubes}
    heads = {
        text: "" if len(names) == len(every) > 1 else f"{', '.join(names)}: "
        for text, names in found.items()
    }
    return [f"{heads[text]}{text}" for text in found]


def _of(cube: xr.Dataset) -> Iterator[str]:
    models = aggregate.models(cube, baselines=False).values()
    match = cube.attrs.get("match")
    if match in SHARED:
        told = {"compute": _cost, "parameters": _parameters}.get(match)
        each = f": {', '.join(map(told, models))}" if told else ""
        yield f"{SHARED[match]}{each}."
    searched = [about for about in models if about.get("search", {}).get("params")]
    if searched:
        frames, trials = cube.attrs["validation_horizon"], cube.attrs["trials"]
        each = "; ".join(f"{about['label']} {_chosen(about)}" for about in searched)
        over = f" over {frames} frames" if frames else ""
        yield f"Best of {trials} trials by the validation{over}: {each}."
    for about in searched:
        for name, edge in about["search"]["edges"].items():
            told = words(name, edge)
            yield f"{about['label']}: {told}; a better value may lie beyond."


def _cost(about: dict[str, Any]) -> str:
    return f"{about['label']} {about['cost']:g} ({about.get('form') or 'plain'})"


def _parameters(about: dict[str, Any]) -> str:
    return f"{about['label']} {about['parameters']}"


def _chosen(about: dict[str, Any]) -> str:
    params = about["search"]["params"].items()
    return ", ".join(f"{name} {_value(value)}" for name, value in params)


def _value(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value).lower()
