"""Outlines around cells of a heat map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection


def around(axes: Axes, mask: np.ndarray, strokes: Sequence[tuple]) -> None:
    """Draw around the cells in `mask`; cell (i, j) spans i..i+1 down, j..j+1 across.

    Args:
        axes: of the heat map.
        mask: (row, column), True inside.
        strokes: (colour, width in points, line style), the first one undermost.
    """
    for color, width, line in strokes:
        cap = "projecting" if line == "solid" else "butt"
        style: dict[str, Any] = {"color": color, "linewidth": width, "linestyle": line}
        edges = LineCollection(_border(mask), clip_on=False, capstyle=cap, **style)
        axes.add_collection(edges)


def _border(mask: np.ndarray) -> list[tuple]:
    """The edges between cells in `mask` and cells outside it."""
    padded = np.pad(mask, 1)
    across = np.argwhere(padded[1:, 1:-1] != padded[:-1, 1:-1])
    down = np.argwhere(padded[1:-1, 1:] != padded[1:-1, :-1])
    lines = [((column, row), (column + 1, row)) for row, column in across]
    return lines + [((column, row), (column, row + 1)) for row, column in down]
