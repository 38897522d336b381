"""How each model looks: the same in every figure."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import xarray as xr

from fernn.evaluation import aggregate

# Okabe and Ito's palette: told apart by readers with any colour vision. A model's
# `color` in config.yaml wins; marker and line follow the order of the models.
LOOKS = (
    ("#D55E00", "s", (0, (1.2, 0.8))),
    ("#009E73", "^", (0, (4, 1.2))),
    ("#0072B2", "o", "solid"),
    ("#CC79A7", "D", (0, (6, 1, 1, 1))),
    ("#E69F00", "v", (0, (3, 1))),
    ("#56B4E9", "P", (0, (5, 1, 1, 1, 1, 1))),
    ("#000000", "X", (0, (8, 2))),
)
BASELINES = ((0, (4, 2)), (0, (1, 1.5)), (0, (4, 1.5, 1, 1.5)))


@dataclass(frozen=True)
class Look:
    """How one model is drawn in every figure."""

    label: str
    color: str
    marker: str
    linestyle: str | tuple
    baseline: bool


def looks(cubes: Sequence[xr.Dataset], baselines: bool = True) -> dict[str, Look]:
    """The look of each model, in the cubes' display order; one look for each label.

    A new model in ``config.yaml`` appears without a change here.
    """
    found: dict[str, dict] = {}
    for cube in cubes:
        found |= aggregate.models(cube, baselines)
    styles, dashes = itertools.cycle(LOOKS), itertools.cycle(BASELINES)
    chosen: dict[str, Look] = {}
    known: dict[tuple, Look] = {}
    for name, about in found.items():
        kind = about["label"], about.get("color"), about["baseline"]
        if kind in known:
            look = known[kind]
        elif about["baseline"]:
            look = Look(about["label"], "0.45", "", next(dashes), True)
        else:
            color, marker, line = next(styles)
            color = about.get("color") or color
            look = Look(about["label"], color, marker, line, False)
        chosen[name] = known[kind] = look
    return chosen
