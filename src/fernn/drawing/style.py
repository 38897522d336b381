"""The style of all figures: theme, width, saving, and how each model looks."""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import xarray as xr
from matplotlib.figure import Figure

from fernn.evaluation import aggregate
from labrun.errors import UserError
from labrun.storage import atomic

PAGE = 6.75  # inches: the text width of a two-column page
FORMATS = ("pdf", "png")

THEME = {  # on top of matplotlib's own
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same on every machine
    "font.size": 7,
    "axes.labelsize": 7,
    "axes.titlesize": 7.5,
    "axes.titleweight": "bold",
    "axes.linewidth": 0.6,
    "figure.titlesize": 8,
    "figure.constrained_layout.use": True,
    "legend.fontsize": 6.5,
    "legend.title_fontsize": 6.5,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "lines.markersize": 3.5,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "ytick.minor.size": 1.5,
    "grid.linewidth": 0.4,
    "grid.color": "0.9",
    "axes.grid": True,
    "axes.axisbelow": True,
    "image.interpolation": "nearest",
    # Of seaborn's style `ticks` and context `paper`, without the second of its import.
    "axes.edgecolor": ".15",
    "axes.labelcolor": ".15",
    "lines.solid_capstyle": "round",
    "patch.edgecolor": "w",
    "patch.force_edgecolor": True,
    "patch.linewidth": 0.8,
    "text.color": ".15",
    "xtick.color": ".15",
    "ytick.color": ".15",
    "xtick.minor.size": 3.2,
    "xtick.minor.width": 0.8,
    "ytick.minor.width": 0.8,
    "pdf.fonttype": 42,  # TrueType: journals refuse Type 3
    "savefig.dpi": 300,
}

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


def theme(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Let a `draw` function work in the style, and leave matplotlib as it was."""

    @functools.wraps(draw)
    def themed(*args, **kwargs) -> Figure:
        with _settings():
            return draw(*args, **kwargs)

    return themed


@contextmanager
def _settings() -> Iterator[None]:
    settings: dict[Any, Any] = {**THEME}  # whose keys matplotlib types as literals
    with matplotlib.rc_context(settings):
        yield


def metadata(kind: str, lineage: dict) -> dict:
    """What is written into a file of format `kind`: the lineage, but no date."""
    text = json.dumps(lineage, sort_keys=True)
    if kind == "png":
        return {"lineage": text, "Software": None}
    return {"Keywords": text, "CreationDate": None}


def save(figure: Figure, path: Path, lineage: dict) -> None:
    """Write a figure with its lineage inside; equal input gives equal bytes.

    Args:
        figure: what `draw` returned.
        path: its suffix is the format.
        lineage: of `labrun.lineage.stamp`, written as JSON into the text chunk
            ``lineage`` of a PNG and the ``Keywords`` of a PDF.

    Raises:
        UserError: the suffix is neither ``.pdf`` nor ``.png``.
    """
    kind = path.suffix.removeprefix(".")
    if kind not in FORMATS:
        known = ", ".join(f".{known}" for known in FORMATS)
        raise UserError(f"{path}: a figure is one of {known}")
    with _settings(), atomic(path) as temporary:
        figure.savefig(temporary, format=kind, metadata=metadata(kind, lineage))


@dataclass(frozen=True)
class Look:
    """How one model is drawn in every figure."""

    label: str
    color: str
    marker: str
    linestyle: str | tuple
    baseline: bool


def looks_of(cubes: Sequence[xr.Dataset], baselines: bool = True) -> dict[str, Look]:
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
        kind = about["label"], about.get("color"), about["role"]
        if kind in known:
            look = known[kind]
        elif about["role"] == "baseline":
            look = Look(about["label"], "0.45", "", next(dashes), True)
        else:
            color, marker, line = next(styles)
            color = about.get("color") or color
            look = Look(about["label"], color, marker, line, False)
        chosen[name] = known[kind] = look
    return chosen
