"""Heat maps and dots of flows: which cell is which velocity, which outline is which."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.colors import to_hex

import drawn
from drawn import BLUE, MODELS, RED
from fernn.figures import equivariance, velocity_generalization
from fernn.figures.velocity_generalization import numbers

ROWS, COLUMNS = [-1, 0, 1], [-1, 0, 1, 2]
CELLS = [(row, column) for row in ROWS for column in COLUMNS]
# In thousandths, for the red net: 1 to 12 in reading order; the blue net has 20 more.
ERRORS = dict(zip(CELLS, range(1, 13), strict=True))


def velocities(models=MODELS, **changes) -> xr.Dataset:
    """Two samples of each velocity; the third frame is beyond the trained horizon.

    Clipped errors; raw ones are seven times as large.
    """
    base = np.array([ERRORS[cell] for cell in CELLS], float) / 1000
    copied = np.where([cell == (0, 0) for cell in CELLS], 0.002, 0.05)  # mean 0.046
    table = np.stack([base, base + 0.02, copied])
    table = np.einsum("mc,s,f->mscf", table, [0.5, 1.5], [0.6, 1.4, 100.0])
    table = np.concatenate([0.2 * table, 1.8 * table], axis=2)
    table[2] = table[2].mean(axis=0)  # a baseline is the same for all seeds
    speeds = np.array([*CELLS, *CELLS])
    names = ("velocity_rows", "velocity_columns")
    coords = {n: (("sample", "digit"), speeds[:, [k]]) for k, n in enumerate(names)}
    coords["seed"] = [0, 1]
    order = np.random.default_rng(0).permutation(len(speeds))
    cube = drawn.errors(table, coords, draw="grid", models=models, **changes)
    return cube.isel(sample=order)


def ticks(axis) -> dict[float, int]:
    """The number that stands at each place of an axis."""
    labels = [text.get_text().replace("−", "-") for text in axis.get_ticklabels()]
    return {at: int(text) for at, text in zip(axis.get_ticklocs(), labels, strict=True)}


def cells(axes: Axes) -> dict[tuple[int, int], float]:
    """The value of each velocity, by the numbers at the axes."""
    (mesh,) = (each for each in axes.collections if isinstance(each, QuadMesh))
    values, corners = np.asarray(mesh.get_array()), mesh.get_coordinates()
    rows, columns = ticks(axes.yaxis), ticks(axes.xaxis)
    middle = (corners[:-1, :-1] + corners[1:, 1:]) / 2
    return {
        (rows[middle[at][1]], columns[middle[at][0]]): float(values[at])
        for at in np.ndindex(*values.shape)
    }


def inside(axes: Axes, color: str) -> set[tuple[int, int]]:
    """The velocities that an outline of a colour runs around."""
    (edges,) = (
        each
        for each in axes.collections
        if isinstance(each, LineCollection) and to_hex(each.get_color()[0]) == color
    )
    across = {
        (float(a[0] + b[0]) / 2, float(a[1]))
        for a, b in edges.get_segments()
        if a[1] == b[1]
    }
    return {
        (row, column)
        for y, row in ticks(axes.yaxis).items()
        for x, column in ticks(axes.xaxis).items()
        if sum(x == at and level < y for at, level in across) % 2
    }


def hatched(axes: Axes) -> set[tuple[int, int]]:
    """The velocities whose cells are hatched."""
    rows, columns = ticks(axes.yaxis), ticks(axes.xaxis)
    corners = [each.get_xy() for each in axes.patches if each.get_hatch()]
    return {(rows[y + 0.5], columns[x + 0.5]) for x, y in corners}


def test_velocity_each_cell_is_the_mean_error_in_thousandths():
    figure = velocity_generalization.draw([velocities()])
    red, blue, _ = figure.axes
    for axes, label, color, more in (
        (red, "Red net", RED, 0),
        (blue, "Blue net", BLUE, 20),
    ):
        assert (axes.get_title(), to_hex(axes.title.get_color())) == (label, color)
        assert axes.get_xlabel().startswith("columns (pixel/frame)\n")
        expected = {cell: 7 * (error + more) for cell, error in ERRORS.items()}
        assert cells(axes) == pytest.approx(expected)
        notes = {text.get_position(): text.get_text() for text in axes.texts}
        rows, columns = ticks(axes.yaxis), ticks(axes.xaxis)
        shown = {(rows[y], columns[x]): float(text) for (x, y), text in notes.items()}
        assert shown == pytest.approx(expected)
    assert red.get_ylabel() == "Title (small)\nrows (pixel/frame)"


def test_velocity_outlines_are_the_training_data_and_v():
    """White: speeds up to 1; dashed: the model's V; hatched: where the copy is better.

    The copy has an error of 2 at (0, 0) and of 50 elsewhere.
    """
    figure = velocity_generalization.draw([velocities()])
    trained = {(row, column) for row in ROWS for column in (-1, 0, 1)}
    known = {"Red net": {(0, 0)}, "Blue net": {(0, 0), (1, 0), (1, 1)}}
    dashes = "#d41159"
    for axes in figure.axes[:2]:
        assert inside(axes, drawn.WHITE) == trained
        assert inside(axes, dashes) == known[axes.get_title()]
        assert hatched(axes) == {(0, 0)}
    assert drawn.strokes(figure) == {
        "velocities in training": ["#000000", drawn.WHITE],  # cased in black
        "velocities V of the model": [dashes],
        "a copy is as good": [],  # a hatched patch
        "Grey copy": ["#000000"],
    }
    told = MODELS | {"b": MODELS["b"] | {"oracle": True}}  # that is no control
    figure = velocity_generalization.draw([velocities(told)])
    assert not hatched(figure.axes[0])
    assert "a copy is as good" not in drawn.legend(figure)


def test_velocity_below_a_map_are_both_errors_of_each_class_of_velocities():
    """The red net: V is (0, 0), seen, so that those of speed 2 are outside; 4, 8, 12.

    The others are 1 to 11 but for these, 6 on average. To the blue net, whose numbers
    are 20 larger, (0, 2) is in V as well: in its row and column it is 8.
    """
    models = MODELS | {"n": MODELS["n"] | {"velocities": [[0, 0], [0, 2]]}}
    red, blue, _ = velocity_generalization.draw([velocities(models)]).axes
    told = [axes.get_xlabel().split("\n")[1:] for axes in (red, blue)]
    assert told[0] == ["seen 42 (6.0), outside 56 (8.0)"]
    assert told[1] == ["seen 182 (26), unseen 196 (28)", "outside 196 (28)"]
    found = {(n.model, n.quantity): n.mean for n in numbers([velocities(models)])}
    assert found["Red net", "test MSE, velocities of training"] == pytest.approx(0.042)
    words = "clipped test MSE, velocities unseen, in V"
    assert found["Blue net", words] == pytest.approx(0.028)
    assert ("Red net", words) not in found


def marks(figure) -> list[float]:
    """Where marks stand at the colour bar."""
    lines = figure.axes[-1].lines
    return [float(line.get_ydata()[0]) for line in lines if line.get_marker() == ">"]


@pytest.mark.parametrize("name", ["b", "anything"])
def test_velocity_the_mark_is_the_baseline_that_is_drawn_whatever_its_name(name):
    cube = velocities(models={k if k != "b" else name: v for k, v in MODELS.items()})
    cube = cube.assign_coords(model=["m", "n", name])
    figure = velocity_generalization.draw([cube])
    assert marks(figure) == pytest.approx([7 * 46])
    assert "Grey copy" in drawn.legend(figure)
    bar = figure.axes[-1]
    assert bar.get_ylabel() == "error (MSE) × 10³"
    assert bar.get_ylim() == pytest.approx((7, 7 * 46))


def test_velocity_a_baseline_that_is_not_drawn_leaves_no_mark():
    hidden = MODELS["b"] | {"drawn": False}
    figure = velocity_generalization.draw([velocities(MODELS | {"b": hidden})])
    assert marks(figure) == []
    assert "Grey copy" not in drawn.legend(figure)
    assert figure.axes[-1].get_ylim() == pytest.approx((7, 7 * 32))


def test_velocity_a_diverged_seed_is_infinite_in_its_cell():
    cube = velocities()
    place = (cube["velocity_rows"] == -1) & (cube["velocity_columns"] == 2)
    where = place.isel(digit=0) & (cube["model"] == "m") & (cube["seed"] == 1)
    cube["squared_error"] = cube["squared_error"].where(~where)
    red, blue, _ = velocity_generalization.draw([cube]).axes
    rows, columns = ticks(red.yaxis), ticks(red.xaxis)
    (at,) = {text.get_position() for text in red.texts if text.get_text() == "∞"}
    assert (rows[at[1]], columns[at[0]]) == (-1, 2)
    assert "∞" not in {text.get_text() for text in blue.texts}


def test_velocity_a_row_of_each_cube_and_none_for_a_model_that_it_lacks():
    second = velocities(title="Other", max_speed=0).sel(model=["n", "b"])
    figure = velocity_generalization.draw([velocities(), second])
    red, blue, none, other, _ = figure.axes
    assert not none.axison and blue.axison
    assert inside(red, drawn.WHITE) > inside(other, drawn.WHITE) == {(0, 0)}
    assert cells(other) == pytest.approx(cells(blue))


@pytest.mark.parametrize(("across", "rows"), [(2, 1), (1, 2)])
def test_velocity_of_many_models_there_are_several_rows(monkeypatch, across, rows):
    beside = velocity_generalization.draw([velocities()]).axes
    monkeypatch.setattr(velocity_generalization, "ACROSS", across)
    red, blue, _ = velocity_generalization.draw([velocities()]).axes
    assert [each.get_title() for each in (red, blue)] == ["Red net", "Blue net"]
    assert [cells(each) for each in (red, blue)] == [cells(e) for e in beside[:2]]
    assert red.get_subplotspec().get_gridspec().get_geometry() == (rows, across)
    assert (blue.get_position().y1 < red.get_position().y0) == (rows == 2)


FLOWS = [-1, 0, 1]


def flowed() -> xr.Dataset:
    """Errors of eight flows, all of speed 1; the worst slot is twice the other.

    Seeds have 1, 1 and 8 times the error: their median is 1.
    """
    seeds, frames = np.array([1.0, 1.0, 8.0]), np.array([1.0, 2.0, 9.0])
    # In reading order of (rows, columns); (0, 0) is 5. The median of the others is 5.
    flow = np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 90]])
    level = np.array([1e-3, 1e-7])
    slot = np.einsum("m,s,rc,ij->msrcij", level, seeds, flow, [[1.0, 2.0]])
    slot[..., 0, 0] = np.where(flow == 90, np.nan, slot[..., 0, 0])
    output = np.einsum("m,s,rc,f->msrcf", 10 * level, seeds, flow, frames)
    dims = ("model", "seed", "flow_rows", "flow_columns")
    return xr.Dataset(
        {
            "slot_error": ((*dims, "slot_rows", "slot_columns"), slot),
            "output_error": ((*dims, "frame"), output),
        },
        {
            "model": ["m", "n"],
            "seed": [0, 1, 2],
            "flow_rows": FLOWS,
            "flow_columns": FLOWS,
            "slot_rows": [0],
            "slot_columns": [0, 1],
            "frame": [1, 2, 3],
        },
        drawn.attrs("equivariance_error", {k: MODELS[k] for k in ("m", "n")}),
    )


@pytest.mark.parametrize(("panel", "factor"), [(0, 2), (1, 20)])
def test_equivariance_a_dot_of_each_flow_and_a_bar_at_their_median(panel, factor):
    """Left the worst slot, twice the error; right the median frame, 2 × 10 times."""
    figure = equivariance.draw([flowed()])
    axes = figure.axes[panel]
    assert axes.get_xlabel() == "speed of the flow ν̂ (pixel/frame)"
    assert figure.axes[0].get_ylabel() == "relative error (L2)"
    for color, level, full in ((RED, 1e-3, set()), (BLUE, 1e-7, {8, 90})):
        numbers = (1, 2, 3, 4, 6, 7, 8, 90)  # without the flow at rest
        dots = {
            round(y / level / factor): is_full
            for _, y, is_full in drawn.dots(axes, color)
        }
        assert dots == {number: number in full for number in numbers}
        xs = [x for x, *_ in drawn.dots(axes, color)]
        assert all(0.5 < x < 1.5 for x in xs)
        (bar,) = drawn.thin(axes, color)
        assert np.asarray(bar.get_ydata()) == pytest.approx(5 * level * factor)
        (note,) = (t for t in axes.texts if to_hex(t.get_color()) == color)
        assert float(note.get_text().replace("−", "-")) == pytest.approx(
            5 * level * factor
        )


def test_equivariance_titles_legend_and_the_range_of_rounding():
    figure = equivariance.draw([flowed()])
    left, right = figure.axes
    assert left.get_title().startswith("hidden state")
    assert right.get_title().startswith("forecast")
    (band,) = left.patches
    assert band.get_y() + band.get_height() == pytest.approx(1e-6)
    handles = drawn.legend(figure)
    assert to_hex(handles["Red net"].get_color()) == RED
    assert to_hex(handles["Blue net"].get_color()) == BLUE
    assert to_hex(handles["ν̂ in V"].get_markerfacecolor()) == to_hex("0.3")
    assert to_hex(handles["ν̂ not in V"].get_markerfacecolor()) == drawn.WHITE


def test_equivariance_an_error_of_zero_is_at_the_lower_end():
    cube = flowed()
    cube["slot_error"] = cube["slot_error"].where(cube["model"] != "m", 0.0)
    (left, _) = equivariance.draw([cube]).axes
    assert {y for _, y, _ in drawn.dots(left, RED)} == {1e-18}
    labels = dict(zip(left.get_yticks(), left.get_yticklabels(), strict=True))
    assert labels[1e-18].get_text() == "0"
