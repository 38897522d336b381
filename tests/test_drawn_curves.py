"""Lines, dots and bands of the figures are the numbers that their captions name.

Cubes have few numbers, chosen so that a mean, a geometric mean and a median differ,
as do clipped and unclipped errors, seeds and samples, models and colours.
"""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_hex

import drawn
from drawn import BLUE, GREY, MODELS, RED
from fernn.evaluation import aggregate
from fernn.figures import (
    angular_generalization,
    camera_speed,
    cost_of_velocities,
    error_by_seconds,
    length_generalization,
    sample_efficiency,
    training_speed,
)
from labrun.errors import UserError

# Of three seeds: mean 10/3, geometric mean 2, median 1. The logarithms have a standard
# error of ln 2, so that the 95 % interval of Student's t (2 degrees of freedom) is:
SEEDS = np.array([1.0, 1.0, 8.0])
T = 4.302653
LOW, HIGH = 2 * 2**-T, 2 * 2**T
FRAMES = np.arange(1, 5)
SAMPLES = np.array([1.0, 2.0, 6.0])  # mean 3, median 2
LEVELS = {"Red net": 0.001, "Blue net": 0.0001, "Grey copy": 0.01}
NETS = {"Red net": RED, "Blue net": BLUE}
COLORS = NETS | {"Grey copy": GREY}


def length(**changes) -> xr.Dataset:
    """Errors of four frames, in proportion to the frame's number."""
    table = np.einsum("s,n,f->snf", SEEDS, SAMPLES, FRAMES)
    copies = np.einsum("s,n,f->snf", np.ones(3), SAMPLES, np.ones(4))
    levels = list(LEVELS.values())
    clipped = np.stack([levels[0] * table, levels[1] * table, levels[2] * copies])
    changes = {"draw": "sampled"} | changes
    return drawn.errors(clipped, {"seed": [0, 1, 2]}, **changes)


@pytest.mark.parametrize(
    ("place", "factor", "title", "label"),
    [(0, 7, "Title (small)", "error (MSE)"), (1, 1, "clipped", "error (MSE, clipped)")],
)
def test_length_seeds_are_thin_and_their_geometric_mean_is_bold(
    place, factor, title, label
):
    """Left the raw error, which is seven times as large, in the middle the clipped."""
    figure = length_generalization.draw([length()])
    axes = figure.axes[place]
    assert (axes.get_title(), axes.get_yscale()) == (title, "log")
    assert (axes.get_ylabel(), axes.get_xlabel()) == (label, "predicted frame")
    assert drawn.colors(figure) == COLORS
    for net, color in NETS.items():
        level = factor * LEVELS[net]
        for line, seed in zip(drawn.thin(axes, color), SEEDS, strict=True):
            drawn.assert_points(line, FRAMES, 3 * seed * FRAMES * level)
        line = drawn.bold(axes)[net]
        assert to_hex(line.get_color()) == color
        drawn.assert_points(line, FRAMES, 6 * FRAMES * level)
        ends = np.array(drawn.band(axes, color, 2)) / (2 * level)
        assert ends == pytest.approx([3 * LOW, 3 * HIGH])
    drawn.assert_points(drawn.bold(axes)["Grey copy"], FRAMES, [0.03 * factor] * 4)


def test_length_right_the_median_over_sequences_and_seeds():
    figure = length_generalization.draw([length()])
    right = figure.axes[2]
    assert right.get_title() == "median, clipped"
    assert right.get_ylim() == figure.axes[1].get_ylim()
    for label, color in NETS.items():
        line = drawn.bold(right)[label]
        assert to_hex(line.get_color()) == color
        drawn.assert_points(line, FRAMES, 2 * FRAMES * LEVELS[label])
        assert not drawn.thin(right, color)


def test_length_a_diverged_roll_out_is_cut_off():
    cube = length()
    bounded = length_generalization.draw([cube]).axes[1].get_ylim()
    cube["squared_error"].loc[{"model": "m", "frame": 4}] = 1e30
    left, middle, _ = length_generalization.draw([cube]).axes
    assert left.get_ylim()[1] == pytest.approx(1000 * bounded[1])
    assert middle.get_ylim() == bounded
    drawn.assert_points(
        drawn.bold(left)["Red net"], FRAMES, [0.042, 0.084, 0.126, 1e30]
    )


def test_length_marks_the_trained_horizon_and_the_longest_roll_out():
    for axes in length_generalization.draw([length()]).axes:
        assert drawn.upright(axes) == [2, 3]
        notes = {text.get_text(): text.xy[0] for text in axes.texts}
        assert notes == {"trained\nhorizon": 2, "longest\nin training": 3}
    beyond = length(long_horizon=5)  # the last frame that is drawn is 4
    for axes in length_generalization.draw([beyond]).axes:
        assert drawn.upright(axes) == [2] and len(axes.texts) == 1


def test_length_frames_are_logarithmic_beyond_twenty_horizons():
    short, long = length(horizon=1), length(horizon=1)
    assert length_generalization.draw([short]).axes[0].get_xscale() == "linear"
    for cube, last in ((short, 20), (long, 24)):
        cube["frame"] = [1, 2, 3, last]
    panels = length_generalization.draw([short, long]).axes
    assert [axes.get_xscale() for axes in panels] == ["linear"] * 3 + ["log"] * 3
    assert [axes.get_xlim() for axes in panels[2::3]] == [(0, 21), (1, 25)]
    near = length(horizon=1)
    near["frame"] = [1, 2, 50, 51]  # frames within 10 % of each other are one point
    axes = length_generalization.draw([near]).axes[1]
    points = [1, 2, 50.5], 6 * LEVELS["Red net"] * np.array([1, 2, 3.5])
    drawn.assert_points(drawn.bold(axes)["Red net"], *points)
    first, *_ = length_generalization.numbers([long])
    assert first.quantity == "test MSE, frames 24 to 24"
    mean = 7 * SEEDS.mean() * SAMPLES.mean() * FRAMES[-1] * LEVELS["Red net"]
    assert first.mean == pytest.approx(mean)


def test_length_an_exact_baseline_is_in_the_legend_only():
    cube = length()
    for variable in cube.data_vars:
        cube[variable].loc[{"model": "b"}] = 0
    figure = length_generalization.draw([cube])
    assert "Grey copy: 0" in drawn.legend(figure)
    line = drawn.bold(figure.axes[0])["Grey copy: 0"]
    assert np.isnan(np.asarray(line.get_ydata())).all()


def test_length_a_panel_pair_of_each_cube():
    cubes = [length(), length(title="Other") * 2]
    cubes[1].attrs = cubes[0].attrs | {"title": "Other"}
    panels = length_generalization.draw(cubes).axes
    assert [axes.get_title() for axes in panels[::3]] == [
        "Title (small)",
        "Other (small)",
    ]
    for axes, factor in zip(panels[1::3], (1, 2), strict=True):
        (_, first), *_ = drawn.points(drawn.bold(axes)["Red net"])
        assert first == pytest.approx(0.006 * factor)


def few(sequences: int, factor: float, **changes) -> xr.Dataset:
    """`length` of so many training sequences, with errors in proportion to a factor."""
    about = {"redraw": "never", "sequences": sequences, "protocol": "p"} | changes
    cube = length(**about).isel(frame=slice(0, 2))
    return xr.Dataset(
        {name: factor * cube[name] for name in cube.data_vars}, attrs=cube.attrs
    )


def test_efficiency_lines_are_geometric_means_over_the_numbers_of_sequences():
    figure = sample_efficiency.draw([few(64, 1), few(16, 2)])
    (axes,) = figure.axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert axes.get_xlabel() == "training sequences"
    assert axes.get_title() == "protocol p (small)"
    assert [text.get_text() for text in axes.get_xticklabels()] == ["16", "64"]
    assert drawn.colors(figure) == COLORS
    mean = 7 * 3 * 1.5  # of unclipped errors, over samples and both frames
    for label, color in NETS.items():
        level = mean * LEVELS[label]
        line = drawn.bold(axes)[label]
        drawn.assert_points(line, [16, 64], [2 * 2 * level, 2 * level])
        first, second = drawn.thin(axes, color)
        drawn.assert_points(first, [16] * 3, 2 * SEEDS * level)
        drawn.assert_points(second, [64] * 3, SEEDS * level)
    flat = 7 * 3 * LEVELS["Grey copy"]
    drawn.assert_points(drawn.bold(axes)["Grey copy"], [16, 64], [2 * flat, flat])
    assert not drawn.thin(axes, GREY)


def test_efficiency_a_panel_of_each_protocol_and_of_a_number_that_comes_twice():
    cubes = [few(16, 1), few(64, 1), few(16, 1, protocol="q"), few(16, 3)]
    panels = sample_efficiency.draw(cubes).axes
    titles = [axes.get_title()[:10] for axes in panels]
    assert titles == ["protocol p", "protocol q", "protocol p"]
    counts = [len(drawn.points(drawn.bold(axes)["Red net"])) for axes in panels]
    assert counts == [2, 1, 1]


def test_efficiency_numbers_are_means_over_sequences_of_each_seed():
    found = [*sample_efficiency.numbers([few(16, 2)])]
    assert [number.model for number in found] == [*NETS]
    assert found[0].quantity == "test MSE, 16 training sequences"
    assert found[0].mean == pytest.approx(2 * 7 * 3 * 1.5 * SEEDS.mean() * 0.001)


def test_efficiency_sequences_that_are_redrawn_are_refused():
    with pytest.raises(UserError, match=r"redraw epoch.*redraw never"):
        aggregate.require([few(16, 1, redraw="epoch")], sample_efficiency.SHOWS)


TURNS = np.array([-90, -45, 0, 45, 90])


def turning() -> xr.Dataset:
    """Errors grow with the velocity; of two frames in training, the mean counts."""
    models = json.loads(json.dumps(MODELS))
    models["m"]["velocities"] = [[0]]
    models["n"]["velocities"] = [[0], [45], [270]]  # 270 is -90
    scale = 1 + np.arange(5)
    table = np.einsum("s,n,f->snf", SEEDS, scale, [0.5, 1.5, 100])
    flat = np.einsum("s,n,f->snf", np.ones(3), scale**0, [0.5, 1.5, 100])
    clipped = np.stack([0.001 * table, 0.0001 * table, 0.01 * flat])
    coords = {
        "seed": [0, 1, 2],
        "velocity_degrees": (("sample", "digit"), TURNS[:, None]),
    }
    about = {"draw": "grid", "models": models, "step": 45}
    order = [3, 0, 4, 2, 1]  # samples need not be sorted
    return drawn.errors(clipped, coords, **about).isel(sample=order)


@pytest.mark.parametrize(
    ("place", "factor", "label"),
    [(0, 7, "error (MSE)"), (1, 1, "error (MSE, clipped)")],
)
def test_angular_lines_are_geometric_means_and_full_dots_are_in_v(place, factor, label):
    """Above the raw error, which is seven times as large, below the clipped."""
    panels = angular_generalization.draw([turning()]).axes
    axes = panels[place]
    assert panels[0].get_title() == "Title (small)"
    assert panels[1].get_xlabel() == "angular velocity (degree/frame)"
    assert axes.get_ylabel() == label
    for level, color, inside in (
        (0.001, RED, [False, False, True, False, False]),
        (0.0001, BLUE, [True, False, True, True, False]),
    ):
        means = 2 * factor * level * np.arange(1, 6)
        lines = drawn.bold(axes).values()
        (line,) = (each for each in lines if to_hex(each.get_color()) == color)
        drawn.assert_points(line, TURNS, means)
        for thin, seed in zip(drawn.thin(axes, color), SEEDS, strict=True):
            drawn.assert_points(thin, TURNS, seed * means / 2)
        expected = zip(TURNS, means, inside, strict=True)
        for found, dot in zip(drawn.dots(axes, color), expected, strict=True):
            assert found == pytest.approx(dot)
        ends = np.array(drawn.band(axes, color, 45)) / (4 * factor * level)
        assert ends == pytest.approx([LOW, HIGH])
    assert drawn.dots(axes, GREY) == []
    band = drawn.span(axes)
    assert (band.get_x(), band.get_x() + band.get_width()) == (-67.5, 67.5)


def test_angular_the_legend_says_which_dots_are_in_v():
    handles = drawn.legend(angular_generalization.draw([turning()]))
    assert [*handles] == [*COLORS, "in V", "not in V"]
    for label, color in COLORS.items():
        assert to_hex(handles[label].get_color()) == color
    faces = [
        to_hex(handles[each].get_markerfacecolor()) for each in ("in V", "not in V")
    ]
    assert faces == [to_hex("0.3"), drawn.WHITE]


def test_angular_a_diverged_seed_leaves_a_gap():
    cube = turning()
    cube["clamped_squared_error"].loc[{"model": "m", "seed": 1, "sample": 2}] = np.nan
    cube = cube.transpose("model", "sample", "seed", "frame", ...)
    _, axes = angular_generalization.draw([cube]).axes
    line = drawn.bold(axes)["Red net"]
    gap = np.isnan(np.asarray(line.get_ydata())).tolist()
    assert gap == [False, False, False, False, True]  # sample 2 turns by 90


def camera() -> xr.Dataset:
    """Two samples of each speed 0, 1, 3; the larger component is the speed."""
    red = [[1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 0], [1, 1, 0, 0, 1, 0]]
    blue = [[1, 1, 1, 1, 1, 1], [1, 0, 1, 1, 0, 0], [0, 0, 0, 1, 1, 1]]
    models = {name: MODELS[name] for name in ("m", "n")}
    coords = {
        "model": ["m", "n"],
        "velocity_rows": ("sample", [0, 0, -1, 0, 1, -3]),
        "velocity_columns": ("sample", [0, 0, 0, 1, 3, 2]),
    }
    about = {"classes": json.dumps(["a", "b", "c", "d"]), "source": "clips"}
    return xr.Dataset(
        {"correct": (("model", "seed", "sample"), np.array([red, blue], float))},
        coords,
        drawn.attrs("classification", models, **about),
    )


def test_camera_accuracy_by_the_larger_component():
    figure = camera_speed.draw([camera()])
    (axes,) = figure.axes
    assert drawn.colors(figure) == NETS
    assert (axes.get_xlabel(), axes.get_ylabel()) == (
        "camera speed (pixels/frame)",
        "accuracy",
    )
    seeds = {
        RED: [[1, 0.5, 0], [1, 1, 0.5], [1, 0, 0.5]],
        BLUE: [[1, 1, 1], [0.5, 1, 0], [0, 0.5, 1]],
    }
    for label, color in NETS.items():
        lines = [*map(drawn.points, drawn.thin(axes, color))]
        assert lines == [[*zip((0, 1, 3), seed, strict=True)] for seed in seeds[color]]
        line = drawn.bold(axes)[label]
        drawn.assert_points(line, (0, 1, 3), np.mean(seeds[color], axis=0))
        assert to_hex(line.get_color()) == color
    models = MODELS | {"m": MODELS["m"] | {"control": True}}
    told = camera().assign_attrs(models=json.dumps(models))
    (axes,) = camera_speed.draw([told]).axes
    red, blue = (drawn.bold(axes)[label] for label in NETS)
    assert red.get_linewidth() < blue.get_linewidth()
    assert red.get_marker() == "None" != blue.get_marker()
    (axes,) = figure.axes
    (chance,) = drawn.thin(axes, GREY)
    assert np.asarray(chance.get_ydata()).tolist() == [0.25, 0.25]
    band = drawn.span(axes)
    assert (band.get_x(), band.get_x() + band.get_width()) == (-0.25, 1.25)


def costs() -> xr.Dataset:
    rounds = np.array([1.0, 2.0, 9.0])  # median 2, mean 4, geometric 2.6
    step = np.array([[1.0, 3.0], [2.0, 20.0]])
    table = {
        "step_time": (("form", "velocities", "round"), step[..., None] * rounds),
        "memory": (("form", "velocities"), 5 * step),
    }
    coords = {"form": ["auto", "naive"], "velocities": [1, 9]}
    about = {"experiment": "bench", "axis": "velocities", "size": "tiny"}
    return xr.Dataset(table, coords, about)


def test_cost_rounds_are_dots_and_their_medians_a_line():
    figure = cost_of_velocities.draw([costs()])
    time, memory = figure.axes
    assert time.get_ylabel() == "time of a training step (ms)"
    assert memory.get_ylabel() == "memory (MiB)"
    assert time.get_xlabel() == memory.get_xlabel() == "number of velocities |V|"
    palette = {"auto": "#0072b2", "naive": "#d55e00"}
    assert drawn.colors(figure) == palette
    for form, step, times in (("auto", (1, 3), "3.0×"), ("naive", (2, 20), "10×")):
        color = palette[form]
        line = drawn.bold(time)[form]
        assert to_hex(line.get_color()) == color
        assert drawn.points(line) == [(1, 2 * step[0]), (9, 2 * step[1])]
        rounds = [
            np.asarray(each.get_ydata()).tolist() for each in drawn.thin(time, color)
        ]
        assert rounds == [[step[0] * r, step[1] * r] for r in (1, 2, 9)]
        used = drawn.bold(memory)[form]
        assert drawn.points(used) == [(1, 5 * step[0]), (9, 5 * step[1])]
        (note,) = (text for text in time.texts if to_hex(text.get_color()) == color)
        assert (note.get_text(), note.xy) == (times, (9, 2 * step[1]))


def curves(**changes) -> xr.Dataset:
    """The red net trains two epochs, of the same 200 updates as the blue net's four."""
    table = np.full((3, 3, 4), np.nan)
    table[0, :, :2] = SEEDS[:, None] * [0.04, 0.02]
    table[1] = SEEDS[:, None] * [0.4, 0.3, 0.2, 0.1]
    table[2, :, 0] = 0.5
    updates = [[100, 200, np.nan, np.nan], [50, 100, 150, 200], [0] + 3 * [np.nan]]
    coords = {
        "model": list(MODELS),
        "epoch": [1, 2, 3, 4],
        "updates": (("model", "epoch"), np.array(updates, float)),
    }
    dims = ("model", "seed", "epoch")
    table = {"validation_error": (dims, table), "train_loss": (dims, 11 * table)}
    return xr.Dataset(table, coords, drawn.attrs("curves", **changes))


def test_training_geometric_means_against_updates_and_compute():
    figure = training_speed.draw([curves()])
    left, right = figure.axes
    assert drawn.colors(figure) == COLORS
    assert left.get_xlabel() == "optimiser updates"
    assert left.get_ylabel() == "validation error (MSE,\nframes 1 to 3)"
    assert right.get_xlabel() == "compute (1 = one update of Blue net)"
    for label, color, x, errors, cost in (
        ("Red net", RED, (100, 200), (0.04, 0.02), 0.5),
        ("Blue net", BLUE, (50, 100, 150, 200), (0.4, 0.3, 0.2, 0.1), 1),
    ):
        for axes, factor in ((left, 1), (right, cost)):
            updates = [at * factor for at in x]
            line = drawn.bold(axes)[label]
            assert to_hex(line.get_color()) == color
            drawn.assert_points(line, updates, 2 * np.array(errors))
            for seed, thin in zip(SEEDS, drawn.thin(axes, color), strict=True):
                drawn.assert_points(thin, updates, seed * np.array(errors))
    for axes in (left, right):
        level = drawn.bold(axes)["Grey copy"]
        assert np.asarray(level.get_ydata()).tolist() == [0.5, 0.5]


def test_training_the_unit_of_compute_is_the_model_of_cost_one():
    models = {**MODELS, "m": MODELS["m"] | {"cost": 1.0}}
    models["n"] = models["n"] | {"cost": 2.0}
    right = training_speed.draw([curves(models=models)]).axes[1]
    assert right.get_xlabel() == "compute (1 = one update of Red net)"
    models["m"] = models["m"] | {"cost": 3.0}  # a baseline, of cost 1, is not trained
    right = training_speed.draw([curves(models=models)]).axes[1]
    assert right.get_xlabel() == "compute (updates × cost)"


def seconds(published=None, **changes) -> xr.Dataset:
    """The red net trains two epochs, the blue one four; seeds take 1, 2 and 4 times."""
    error = np.full((2, 3, 4), np.nan)
    error[0, :, :2] = SEEDS[:, None] * [0.04, 0.02]
    error[1] = SEEDS[:, None] * [0.4, 0.3, 0.2, 0.1]
    spent = np.full((2, 3, 4), np.nan)
    spent[0, :, :2] = np.outer([1, 2, 4], [10, 20])
    spent[1] = np.outer([1, 2, 4], [5, 10, 15, 20])
    models = {"m": MODELS["m"] | {"parameters": 1200}}
    models["n"] = MODELS["n"] | {"parameters": 1200, "published": published}
    dims = ("model", "seed", "epoch")
    return xr.Dataset(
        {"validation_error": (dims, error), "processor_seconds": (dims, spent)},
        {"model": ["m", "n"], "epoch": [1, 2, 3, 4]},
        drawn.attrs("processor_seconds", models, **changes),
    )


def test_seconds_geometric_means_of_errors_and_of_seconds():
    figure = error_by_seconds.draw([seconds()])
    (axes,) = figure.axes
    assert drawn.colors(figure) == NETS
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert axes.get_title() == "Title (small)\n1,200 parameters"
    assert axes.get_xlabel() == "processor seconds of training"
    assert axes.get_ylabel() == "validation error (MSE,\nframes 1 to 3)"
    for label, color, x, errors in (
        ("Red net", RED, (10, 20), (0.04, 0.02)),
        ("Blue net", BLUE, (5, 10, 15, 20), (0.4, 0.3, 0.2, 0.1)),
    ):
        drawn.assert_points(
            drawn.bold(axes)[label], 2 * np.array(x), 2 * np.array(errors)
        )
        lines = drawn.thin(axes, color)
        for line, seed, times in zip(lines, SEEDS, (1, 2, 4), strict=True):
            drawn.assert_points(line, times * np.array(x), seed * np.array(errors))


def test_seconds_a_panel_of_each_width_on_equal_axes_with_the_published_errors():
    cubes = [
        seconds({"mean": 0.01, "std": 0.002}, title=f"Width {i}") for i in range(4)
    ]
    cubes[3] = seconds({"mean": None}, title="Width 3")
    panels = error_by_seconds.draw(cubes).axes
    assert [axes.get_title()[:7] for axes in panels] == [f"Width {i}" for i in range(4)]
    assert len({axes.get_xlim() for axes in panels}) == 1
    assert len({axes.get_ylim() for axes in panels}) == 1
    for axes in panels[:3]:
        (level,) = (line for line in axes.lines if line.get_linestyle() == ":")
        assert to_hex(level.get_color()) == BLUE
        assert np.asarray(level.get_ydata()).tolist() == [0.01, 0.01]
    assert ":" not in {line.get_linestyle() for line in panels[3].lines}


def test_seconds_a_training_that_was_not_timed_has_no_line():
    cube = seconds()
    cube["processor_seconds"][0] = np.nan
    (axes,) = error_by_seconds.draw([cube]).axes
    line = drawn.bold(axes)["Red net"]
    assert np.isnan(np.asarray(line.get_xdata())).all()
    drawn.assert_points(
        drawn.bold(axes)["Blue net"], [10, 20, 30, 40], [0.8, 0.6, 0.4, 0.2]
    )
