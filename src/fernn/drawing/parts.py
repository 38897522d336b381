"""Parts of panels: titles, legends, marks, images, outlines, and numbers as text."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

HATCH: dict[str, Any] = {
    "fill": False,
    "hatch": "////",
    "edgecolor": "0.7",
    "linewidth": 0,
}
HANDLE, LETTER = 0.5, 0.055  # inches of a legend: a handle with its gaps, and a letter


def apart(cubes: Sequence[xr.Dataset]) -> list[xr.Dataset]:
    """The cubes, with the axis in the titles of those that would be the same."""
    titles = [cube.attrs["title"] for cube in cubes]
    return [
        cube
        if titles.count(own) == 1
        else cube.assign_attrs(title=f"{own}, {cube.attrs['axis'].replace('_', ' ')}")
        for cube, own in zip(cubes, titles, strict=True)
    ]


def title(cube: xr.Dataset) -> str:
    """What a panel shows: the experiment and the budget."""
    return f"{cube.attrs['title']} ({cube.attrs['budget']})"


def wrapped(text: str, letters: int) -> str:
    """A text in lines of so many letters; a name with a hyphen stays in one line."""
    return textwrap.fill(text, letters, break_on_hyphens=False)


def seeds(cubes: Sequence[xr.Dataset]) -> str:
    """The number of seeds, as in ``n = 3 seeds``; a range if the cubes differ."""
    counts = sorted({cube.sizes["seed"] for cube in cubes})
    number = "–".join(str(count) for count in dict.fromkeys((counts[0], counts[-1])))
    return f"n = {number} seed{'' if counts == [1] else 's'}"


def legend(figure: Figure, handles: Sequence, labels: Sequence[str], note="") -> None:
    """One legend for all panels, above them and under a note, in lines that fit."""
    room = figure.get_figwidth()
    needed = sum(HANDLE + LETTER * len(label) for label in labels)
    lines = max(1, math.ceil(needed / room))
    while lines < len(labels) and _wide(labels, math.ceil(len(labels) / lines)) > room:
        lines += 1
    columns = math.ceil(len(labels) / max(1, lines))
    place = "outside upper center"
    figure.legend(handles, labels, loc=place, ncols=columns, title=note or None)


def _wide(labels: Sequence[str], columns: int) -> float:
    """Inches of a legend: the longest label of a column decides how wide it is."""
    filled = np.array_split(np.array(labels), columns)
    return sum(HANDLE + LETTER * max(map(len, column)) for column in filled)


def legend_of(figure: Figure, panels: Iterable[Axes], note: str = "") -> None:
    """`legend` of all that is drawn in any of the panels."""
    found: dict[str, Any] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    legend(figure, list(found.values()), list(found), note)


def full_and_open() -> list[Line2D]:
    """Handles of a full and of an open marker, for a legend."""
    dot: dict[str, Any] = {"color": "0.3", "marker": "o", "linestyle": "none"}
    return [Line2D([], [], **dot), Line2D([], [], **dot, mfc="white")]


def mark(axes: Axes, x: float, text: str, height: float = 0.99) -> None:
    """A thin vertical line with a small note beside its upper end."""
    axes.axvline(x, color="0.6", linewidth=0.6, zorder=1)
    axes.annotate(
        text,
        (x, height),
        xycoords=("data", "axes fraction"),
        xytext=(2, 0),
        textcoords="offset points",
        va="top",
        fontsize=5.5,
        color="0.35",
    )


def cell(
    axes: Axes, image: xr.DataArray, left: float, top: float, cmap: str, high: float = 1
) -> None:
    """An image of a film strip: a unit square on axes whose y points down."""
    extent = (left, left + 1, top + 1, top)
    axes.imshow(image, cmap=cmap, vmin=0, vmax=high, extent=extent)


def outline(
    axes: Axes,
    mask: np.ndarray,
    strokes: Sequence[tuple],
    left: float = 0.0,
    scale: float = 1.0,
) -> None:
    """Draw around the cells in `mask`; cell (i, j) spans i..i+1 down, j..j+1 across.

    Args:
        axes: of the heat map.
        mask: (row, column), True inside.
        strokes: (colour, width in points, line style), the first one undermost.
        left: where the left border of the mask is.
        scale: side of a cell.
    """
    for color, width, line in strokes:
        cap = "projecting" if line == "solid" else "butt"
        style: dict[str, Any] = {"color": color, "linewidth": width, "linestyle": line}
        lines = np.array(_border(mask)).reshape(-1, 2, 2) * scale + [left, 0]
        edges = LineCollection([*lines], clip_on=False, capstyle=cap, **style)
        axes.add_collection(edges)


def hatch(axes: Axes, mask: np.ndarray) -> None:
    """Hatch the cells in `mask`, which lie as in `outline`."""
    for row, column in np.argwhere(mask):
        axes.add_patch(Rectangle((column, row), 1, 1, **HATCH))


def _border(mask: np.ndarray) -> list[tuple]:
    """The edges between cells in `mask` and cells outside it."""
    padded = np.pad(mask, 1)
    across = np.argwhere(padded[1:, 1:-1] != padded[:-1, 1:-1])
    down = np.argwhere(padded[1:-1, 1:] != padded[1:-1, :-1])
    lines = [((column, row), (column + 1, row)) for row, column in across]
    return lines + [((column, row), (column, row + 1)) for row, column in down]


def signed(number: int) -> str:
    """A whole number with a true minus sign."""
    return f"{number:d}".replace("-", "−")


def short(value: float) -> str:
    """Two digits, or one and a power of ten: ``0.74``, ``130``, ``6e−8``, ``0``."""
    if value == 0 or not math.isfinite(value):
        return f"{value:.0f}".replace("inf", "∞")
    if abs(value) >= 9.95:
        return f"{value:.0f}"
    if abs(value) >= 1e-3:
        return f"{value:#.2g}"
    mantissa, power = f"{value:.0e}".split("e")
    return f"{mantissa}e{int(power)}".replace("-", "−")
