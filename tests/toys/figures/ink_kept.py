"""The ink of each model's predictions, relative to that of the truth.

A bar for each model.
"""

from __future__ import annotations

from matplotlib.figure import Figure

from fernn.drawing.style import looks_of, theme

SHOWS = {"bright": {"statistic": "ink"}}


@theme
def draw(cubes) -> Figure:
    """The mean over seeds and samples of each model."""
    figure = Figure(figsize=(2, 2))
    axes = figure.subplots()
    for name, look in looks_of(cubes).items():
        height = float(cubes[0]["ink"].sel(model=name).mean())
        axes.bar(look.label, height, color=look.color)
    return figure
