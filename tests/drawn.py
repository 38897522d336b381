"""What a figure shows, read from matplotlib's artists; and cubes of few numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.offsetbox import HPacker
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from numpy.typing import ArrayLike

RED, BLUE, GREY = "#aa0000", "#0000aa", to_hex("0.45")
WHITE = "#ffffff"


def model(label: str, color: str, velocities: Sequence, **changes) -> dict:
    about = {"label": label, "color": color, "velocities": velocities, "cost": 1.0}
    return about | {"role": "model", "oracle": False, "drawn": False} | changes


MODELS = {
    "m": model("Red net", RED, [[0, 0]], cost=0.5),
    "n": model("Blue net", BLUE, [[0, 0], [1, 0], [1, 1]]),
    "b": model("Grey copy", "", [], role="baseline", drawn=True),
}


def attrs(statistic: str, models: Mapping = MODELS, **changes) -> dict:
    """Attributes of a cube; models as a mapping."""
    about = {"statistic": statistic, "experiment": "e", "axis": "a", "title": "Title"}
    about |= {"budget": "small", "horizon": 2, "long_horizon": 3, "max_speed": 1}
    return about | {"frame_size": 8, "models": json.dumps(models)} | changes


def errors(clipped: np.ndarray, coords: Mapping, **changes) -> xr.Dataset:
    """Errors (model, seed, sample, frame); unclipped ones are seven times as large."""
    dims = ("model", "seed", "sample", "frame")
    table = {"clamped_squared_error": (dims, clipped)}
    table["squared_error"] = dims, 7 * clipped
    names = list(MODELS)[: len(clipped)]
    frames = np.arange(1, clipped.shape[-1] + 1)
    coords = {"model": names, "frame": frames, **coords}
    return xr.Dataset(table, coords, attrs("squared_error", **changes))


def bold(axes: Axes) -> dict[str, Line2D]:
    """The line of each label."""
    lines = {str(line.get_label()): line for line in axes.lines}
    return {label: line for label, line in lines.items() if label[0] != "_"}


def thin(axes: Axes, color: str) -> list[Line2D]:
    """The lines of a colour that have no label."""
    return [
        line
        for line in axes.lines
        if str(line.get_label())[0] == "_" and to_hex(line.get_color()) == color
    ]


def points(line: Line2D) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in np.asarray(line.get_xydata())]


def assert_points(line: Line2D, x: ArrayLike, y: ArrayLike) -> None:
    """A line goes through these points and no others."""
    np.testing.assert_allclose(line.get_xdata(), x)
    np.testing.assert_allclose(line.get_ydata(), y)


def upright(axes: Axes) -> list[float]:
    """Where thin vertical lines stand."""
    ends = [points(line) for line in axes.lines if len(points(line)) == 2]
    return sorted(x for (x, low), (_, high) in ends if (low, high) == (0, 1))


def band(axes: Axes, color: str, x: float) -> tuple[float, float]:
    """Lower and upper end of a shaded band of a colour at x."""
    (found,) = (
        collection
        for collection in axes.collections
        if isinstance(collection, PolyCollection)
        and to_hex(collection.get_facecolor()[0]) == color
    )
    vertices = np.asarray(found.get_paths()[0].vertices)
    height = vertices[np.isclose(vertices[:, 0], x), 1]
    return float(height.min()), float(height.max())


def span(axes: Axes) -> Rectangle:
    """The one shaded band that crosses the panel."""
    (found,) = (patch for patch in axes.patches if isinstance(patch, Rectangle))
    return found


def dots(axes: Axes, color: str) -> list[tuple[float, float, bool]]:
    """x, y and whether it is full, of each marker with an edge of a colour."""
    found = []
    for collection in axes.collections:
        if not isinstance(collection, PathCollection):
            continue
        if to_hex(collection.get_edgecolors()[0]) == color:
            faces = [to_hex(face) for face in collection.get_facecolors()]
            assert {*faces} <= {color, WHITE}
            places = np.asarray(collection.get_offsets()).tolist()
            full = [face == color for face in faces]
            found += [(*at, f) for at, f in zip(places, full, strict=True)]
    return found


def legend(figure: Figure) -> dict[str, Line2D]:
    """The handle of each label."""
    (box,) = figure.legends
    texts = [text.get_text() for text in box.get_texts()]
    return dict(zip(texts, box.legend_handles, strict=True))


def colors(figure: Figure) -> dict[str, str]:
    """The colour of each label in the legend."""
    return {label: to_hex(line.get_color()) for label, line in legend(figure).items()}


def strokes(figure: Figure) -> dict[str, list[str]]:
    """The colours of the lines that stand beside each label, the undermost first."""
    items = figure.legends[0].findobj(
        lambda artist: isinstance(artist, HPacker) and artist.findobj(Text)
    )
    return {
        item.findobj(Text)[0].get_text(): [
            to_hex(line.get_color()) for line in item.findobj(Line2D)
        ]
        for item in items
        if len(item.findobj(Text)) == 1
    }


def images(axes: Axes) -> dict[tuple[float, float], np.ndarray]:
    """The pictures by their upper left corner, as (left, top)."""
    found = {}
    for image in axes.images:
        left, right, bottom, top = image.get_extent()
        assert (round(right - left, 9), round(bottom - top, 9)) == (1, 1)
        found[round(left, 2), round(top, 2)] = np.asarray(image.get_array())
    return found


def texts(axes: Axes) -> dict[str, tuple[float, float]]:
    """Where each text of a panel stands."""
    return {
        text.get_text(): (round(text.get_position()[0], 2), text.get_position()[1])
        for text in axes.texts
    }
