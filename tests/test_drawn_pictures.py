"""Film strips: which picture stands in which cell, and what joins two of them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.contour import ContourSet
from matplotlib.patches import Rectangle
from matplotlib.text import Annotation

import drawn
from drawn import BLUE, MODELS, RED
from fernn.figures import hidden_state, moving_clips, rollouts, static_and_flow

PIXELS = ("row", "column")


def strips(axes: Axes) -> list[list[np.ndarray]]:
    """The pictures of each row, from the left, the uppermost row first."""
    found = drawn.images(axes)
    tops = sorted({top for _, top in found})
    return [[found[at] for at in sorted(found) if at[1] == top] for top in tops]


def named(axes: Axes) -> list[str]:
    """The texts of a panel from the top, in one column those of rows."""
    ordered = sorted(axes.texts, key=lambda text: text.get_position()[1])
    return [text.get_text() for text in ordered if text.get_position()[1] > 0]


def assert_strip(found: list[np.ndarray], expected) -> None:
    np.testing.assert_allclose(found, np.asarray(expected), atol=1e-12)


FRAMES = np.arange(-3, 9)
RED_SEEDS, BLUE_SEEDS = np.array([0.05, 0.2]), np.array([-0.07, 0.3])


def forecasts() -> xr.Dataset:
    """Truth is another in every sample, frame and pixel; errors are of each model."""
    truth = np.add.outer([0.3, 0.5], 0.01 * np.arange(len(FRAMES)))
    truth = truth[..., None, None] + [[0.0, 0.1, 0.12], [0.02, 0.03, 0.04]]
    off = np.stack([RED_SEEDS, BLUE_SEEDS, [0.1, 0.1]])
    prediction = truth + off[..., None, None, None, None]
    dims = ("sample", "frame", *PIXELS)
    return xr.Dataset(
        {"truth": (dims, truth), "prediction": (("model", "seed", *dims), prediction)},
        {"model": list(MODELS), "seed": [0, 1], "sample": [0, 1], "frame": FRAMES},
        drawn.attrs("frames"),
    )


def test_rollouts_each_cell_is_the_frame_above_of_the_model_beside():
    cube = forecasts()
    figure = rollouts.draw([cube])
    assert [axes.get_title() for axes in figure.axes] == [
        "Title (small), sequence 0",
        "Title (small), sequence 1",
    ]
    for sample, axes in enumerate(figure.axes):
        truth = cube["truth"].isel(sample=sample)
        at = {text.get_text().replace("−", "-"): text for text in axes.texts}
        columns = ["-2", "-1", "0", "1", "2", "4", "8"]
        places = [at[number].get_position()[0] for number in columns]
        assert places == sorted(places)
        first, copied, red, off, blue, away = strips(axes)
        assert_strip(first, truth.sel(frame=[int(number) for number in columns]))
        future = truth.sel(frame=[1, 2, 4, 8]).values
        assert_strip(copied, future + 0.1)
        assert_strip(red, future + 0.05)
        assert_strip(off, np.full_like(future, 0.05))
        assert_strip(blue, future - 0.07)
        assert_strip(away, np.full_like(future, 0.07))  # absolute
        rows = ["truth", "Grey copy", "Red net", "error", "Blue net", "error"]
        assert named(axes) == rows
        assert to_hex(at["Red net"].get_color()) == RED
        assert to_hex(at["Blue net"].get_color()) == BLUE


def test_rollouts_errors_are_red_from_0_to_1_and_headings_are_over_their_frames():
    axes = rollouts.draw([forecasts()]).axes[0]
    shades = {image.get_extent()[3]: image.get_cmap().name for image in axes.images}
    assert [shades[top] for top in sorted(shades)] == [
        *("gray", "gray", "gray", "Reds", "gray", "Reds")
    ]
    assert {image.get_clim() for image in axes.images} == {(0, 1)}
    at = drawn.texts(axes)
    seen, near, far = (at[name][0] for name in ("observed", "as in training", "beyond"))
    number = {k: at[str(k).replace("-", "−")][0] for k in (-2, 0, 1, 2, 4, 8)}
    assert number[-2] < seen < number[0] < number[1] < near < number[2]
    assert number[2] < number[4] < far < number[8]


CLIPS = [  # class, velocity: classes are named in another order than they are sorted
    (0, (0, 0)),
    (0, (0, 0)),
    (1, (0, 0)),
    (0, (2, 0)),
    (0, (2, 0)),
    (1, (2, 0)),
    (0, (0, -3)),
    (0, (0, -3)),
    (1, (0, -3)),
]


def clips() -> xr.Dataset:
    video = np.add.outer(np.arange(len(CLIPS)) / 10, 0.001 * np.arange(10))
    video = video[..., None, None] * np.ones((2, 3))
    speeds = np.array([velocity for _, velocity in CLIPS])
    coords = {
        "label": ("sample", [label for label, _ in CLIPS]),
        "velocity_rows": ("sample", speeds[:, 0]),
        "velocity_columns": ("sample", speeds[:, 1]),
    }
    about = {"classes": json.dumps(["walking", "boxing"]), "source": "clips"}
    about["draw"] = "grid"
    table = {"video": (("sample", "frame", *PIXELS), video)}
    return xr.Dataset(table, coords, drawn.attrs("footage", **about))


def test_clips_one_of_each_class_at_rest_and_the_same_at_the_largest_velocity():
    (axes,) = moving_clips.draw([clips()]).axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["boxing", "walking"]
    assert axes.get_yticks().tolist() == [0.5, 1.5]
    boxing, walking = strips(axes)
    frames = 0.001 * np.arange(8)  # of ten
    for found, still, moving in ((boxing, 0.2, 0.8), (walking, 0.0, 0.6)):
        shades = [float(image[0, 0]) for image in found]
        assert shades == pytest.approx([*(still + frames), *(moving + frames)])
    rest, moved = zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
    assert (rest[0], moved[0]) == (4, 13)
    assert rest[1].get_text() == "camera at rest"
    assert moved[1].get_text().endswith("by (0, −3) pixels/frame")


def resting(flow: tuple[int, int]) -> np.ndarray:
    """Still and moving videos of one pixel on a torus, of five frames."""
    frame = np.zeros((8, 10))
    frame[0, 0] = 1.0
    moved = [np.roll(frame, (t * flow[0], t * flow[1]), (0, 1)) for t in range(5)]
    return np.stack([[frame] * 5, moved])


def test_static_and_flow_every_frame_alike_and_frame_t_by_t_steps():
    """The path from the pixel to 4 × (0, 2) beyond it is in the middle of 8 × 10."""
    attrs = drawn.attrs("hidden_state") | {"flow_rows": 0, "flow_columns": 2}
    dims = ("motion", "frame", *PIXELS)
    coords = {"motion": ["still", "moving"], "frame": np.arange(-4, 1)}
    cube = xr.Dataset({"video": (dims, resting((0, 2)))}, coords, attrs)
    (axes,) = static_and_flow.draw([cube]).axes
    places = [
        [tuple(map(int, np.argwhere(image)[0])) for image in strip]
        for strip in strips(axes)
    ]
    still, static, flow = places
    row, column = still[0]
    assert (row, column) == (4, 0)
    assert still == [(row, column)] * 5
    assert static == [(row, column + 8)] * 5
    assert flow == [(row, column + 2 * t) for t in range(5)]
    words = [name.partition("  ")[0] for name in named(axes)]
    assert words == ["a video", "static", "flow"]
    assert any("$g$ = (0, 8) pixels" in text.get_text() for text in axes.texts)
    assert any("ν̂ = (0, 2) pixel/frame" in text.get_text() for text in axes.texts)
    pixel = np.array([(column + 0.5) / 10, (row + 0.5) / 8])
    outlines = [each for each in axes.collections if isinstance(each, ContourSet)]
    middles = sorted(
        (
            np.concatenate([p.vertices for p in each.get_paths()]).mean(0) - pixel
        ).tolist()
        for each in outlines
    )
    pitch = static_and_flow.PITCH
    expected = [(c * pitch, r * pitch) for c in range(5) for r in (1, 2)]
    np.testing.assert_allclose(middles, expected, atol=0.05)


def hidden() -> xr.Dataset:
    """The slot of the moving input follows the theorem; the others do not.

    The input moves by (0, 1). Frames are 3 × 7, five of them: the digit has travelled
    by 4 columns at the last.
    """
    rng = np.random.default_rng(0)
    states = rng.random((2, 2, 2, 1, 3, 5, 3, 7))  # model seed motion slots frame ...
    states[1, 0, 1, 0, 2, -1] = np.roll(states[1, 0, 0, 0, 1, -1], 4, axis=1)
    states[0, :, :, :, [0, 2]] = np.nan
    dims = ("model", "seed", "motion", "slot_rows", "slot_columns", "frame", *PIXELS)
    coords = {
        "model": ["m", "n"],
        "seed": [0, 1],
        "motion": ["still", "moving"],
        "slot_rows": [0],
        "slot_columns": [-1, 0, 1],
        "frame": np.arange(-4, 1),
    }
    video = rng.random((2, 5, 3, 7))
    models = {"n": MODELS["n"] | {"velocities": [[0, -1], [0, 0], [0, 1]]}}
    models["m"] = MODELS["m"]
    table = {"hidden": (dims, states), "video": (("motion", "frame", *PIXELS), video)}
    attrs = drawn.attrs("hidden_state", models)
    return xr.Dataset(table, coords, attrs | {"flow_rows": 0, "flow_columns": 1})


def test_hidden_state_rows_are_slots_still_frames_left_and_moving_ones_right():
    cube = hidden()
    (axes,) = hidden_state.draw([cube]).axes
    inputs, single, *slots = strips(axes)
    for name, part in (("still", inputs[:4]), ("moving", inputs[4:])):
        assert_strip(part, cube["video"].sel(motion=name)[-4:])
    at = drawn.texts(axes)
    assert at["still input"][0] < at["moving input, ν̂ = (0, 1) pixel/frame"][0]
    heights = [at[f"ν = (0, {step})"][1] for step in ("−1", "0", "1")]
    assert heights == sorted(heights)
    first = cube["hidden"].isel(seed=0, slot_rows=0, frame=slice(-4, None))
    rows = [("m", 0, single), *zip("nnn", (-1, 0, 1), slots, strict=True)]
    for model, slot, strip in rows:
        own = first.sel(model=model, slot_columns=slot)
        assert_strip(strip[:4], own.sel(motion="still"))
        assert_strip(strip[4:8], own.sel(motion="moving"))
    headings = {t.get_text(): to_hex(t.get_color()) for t in axes.texts}
    assert headings["Red net: one state"] == RED
    assert headings["Blue net: a slot for each velocity ν"] == BLUE


def test_hidden_state_differences_are_against_the_slot_that_the_theorem_names():
    cube = hidden()
    (axes,) = hidden_state.draw([cube]).axes
    _, single, before, rest, along = strips(axes)
    last = cube["hidden"].isel(seed=0, slot_rows=0, frame=-1)

    def apart(model: str, slot: int, source: int) -> np.ndarray:
        still = last.sel(model=model, motion="still", slot_columns=source).values
        moved = last.sel(model=model, motion="moving", slot_columns=slot).values
        return np.roll(moved, -4, axis=1) - still

    assert len(before) == 8  # ν − ν̂ is not in V
    assert_strip(single[8:], [abs(apart("m", 0, 0))])
    assert_strip(rest[8:], [abs(apart("n", 0, -1))])
    assert_strip(along[8:], np.zeros((1, 3, 7)))
    still = last.sel(model="n", motion="still", slot_columns=-1).values
    error = np.linalg.norm(apart("n", 0, -1)) / np.linalg.norm(still)
    at = drawn.texts(axes)
    height = at["ν = (0, 0)"][1]
    assert at[f"{error:.2g}"][1] == height
    assert at["0"][0] != height and at["ν − ν̂ is\nnot in V"][1] == at["ν = (0, −1)"][1]


def test_hidden_state_arrows_frames_and_signs_join_the_slots_of_the_theorem():
    (axes,) = hidden_state.draw([hidden()]).axes
    at = drawn.texts(axes)
    rows = {at[f"ν = (0, {k})".replace("-", "−")][1]: k for k in (-1, 0, 1)}
    arrows = [
        (
            rows[text.xyann[1]],
            rows[text.xy[1]],
            to_hex(text.arrow_patch.get_edgecolor()),
        )
        for text in axes.texts
        if isinstance(text, Annotation) and text.xy[1] in rows
    ]
    assert sorted(arrows) == [(-1, 0, to_hex("0.6")), (0, 1, BLUE)]
    boxes = [box for box in axes.patches if isinstance(box, Rectangle)]
    framed = sorted((box.get_x(), rows[box.get_y() + 0.5]) for box in boxes)
    assert [slot for _, slot in framed] == [0, 1]  # still on the left, moving right
    signs = [text for text in axes.texts if text.get_text() in ("=", "≈", "≠")]
    assert {(s.get_text(), to_hex(s.get_color())) for s in signs} == {
        ("≠", RED),
        ("=", BLUE),
    }
