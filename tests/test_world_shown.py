"""What is measured and drawn of worlds: ages, beliefs, likeness beside published."""

import json

import numpy as np
import pytest
import torch
import xarray as xr

import drawn
from fernn import models
from fernn.data import world
from fernn.evaluation import beliefs, last_seen
from fernn.evaluation.subject import Subject
from fernn.figures import last_seen as curve
from fernn.figures import world as picture
from fernn.tables import memory
from fernn.tables import worlds as table
from fernn.training import tasks
from fernn.videos.recipes import synthesize

RED, BLUE, GREY = drawn.MODELS
SPEC = {"context": 4, "horizon": 3, "batch": 2}
RECALL = {"kind": "recall", "world": 9}
TOLD = {"kind": "told", "hidden": 4, "context": 4}


@pytest.fixture
def sequences(atlas):
    """Three static worlds of 9×9 pixels, seen through 5×5."""
    spec = {
        "kind": "world",
        "split": "test",
        "pool": "test",
        "draw": "sampled",
        "seed": 0,
        "sequences": 3,
        "frames": 7,
        "frame_size": 5,
        "world": 9,
        "digits": 1,
        "max_speed": 0,
        "agent_speed": 2,
    }
    return world.Sequences(synthesize(spec, atlas), atlas)


def test_errors_are_sorted_by_age_and_by_what_is_shown():
    """Two pixels of a digit are 1 old, one was never seen; the background is 2 old."""
    error = torch.tensor([[[0.1, 0.3], [0.5, 0.7]]])
    age = torch.tensor([[[1, 1], [-1, 2]]])
    ink = torch.tensor([[[True, True], [True, False]]])
    sums, pixels = last_seen.summed(error, age, ink, 4)
    np.testing.assert_allclose(sums, [[0, 0, 0.7, 0], [0.5, 0.4, 0, 0]], atol=1e-6)
    assert pixels.tolist() == [[0, 0, 1, 0], [1, 2, 0, 0]]


def test_what_is_copied_in_a_static_world_errs_where_nothing_was_seen(sequences):
    found = last_seen.measure(Subject(None, RECALL, sequences), SPEC)
    assert found.pixels.sum() == 3 * 3 * 25
    seen = found.sel(age=slice(1, None))
    assert seen.squared_error.fillna(0).max() == 0
    assert found.squared_error.sel(age=-1, shows="digit") > 0.01
    age, ink = sequences.last_seen(0, 3, 4, 7)
    assert found.pixels.sel(shows="digit", age=2) == (ink & (age == 2)).sum()


@pytest.mark.law("evaluation/beliefs")
def test_a_belief_is_of_the_world_and_of_a_model_without_a_map_in_the_window(sequences):
    known = beliefs.measure(Subject(None, RECALL, sequences), SPEC)
    assert known.truth.sizes == {"sample": 3, "frame": 7, "row": 9, "column": 9}
    assert (
        known.truth == known.truth.isel(frame=0)
    ).all()  # static, not moving with us
    assert known.belief.sel(frame=slice(None, 0)).isnull().all()
    believed = known.belief.sel(frame=slice(1, None))
    wrong = believed != known.truth.sel(frame=slice(1, None))
    assert believed.where(wrong, 0).max() == 0  # black where nothing was seen
    subject = Subject(None, TOLD, sequences)
    subject.model = models.build(TOLD, 5)
    told = beliefs.measure(subject, SPEC)
    for sample, frame in np.ndindex(3, 3):
        own = told.isel(sample=sample).sel(frame=frame + 1)
        shift = [-int(part) for part in own.corner]
        own = np.roll(own.belief.values, shift, (0, 1))
        assert np.isfinite(own[:5, :5]).all()
        assert np.isnan(own).sum() == 81 - 25


@pytest.mark.parametrize("inner", ["convlstm", "transformer"])
@pytest.mark.law("models/told")
def test_told_models_know_a_step_when_it_matters_and_not_before(sequences, inner):
    """The step to a frame may change it and later ones, and no earlier one."""
    torch.manual_seed(0)
    model = models.build({**TOLD, "inner": inner}, 5)
    (video, ahead, actions), _ = tasks.of(sequences).batch(sequences, 0, 3, 4, 3)
    other = actions.clone()
    other[:, 4] += 1  # to the second predicted frame
    with torch.no_grad():
        apart = (model(video, ahead, actions) - model(video, ahead, other)).abs()
    changed = [float(apart[:, frame].max()) > 1e-6 for frame in range(3)]
    assert changed == [False, True, True]


def of_seeds(values):
    return np.array(values)[:, None] * np.ones((len(values), 2))


def seen(errors: np.ndarray, pixels: np.ndarray) -> xr.Dataset:
    """A cube of errors and numbers of pixels: model, seed, shows, age."""
    dims = ("model", "seed", "shows", "age")
    ages = [last_seen.NEVER, *range(1, errors.shape[-1])]
    coords = {"model": [*drawn.MODELS], "seed": [0, 1], "age": ages}
    coords["shows"] = ["background", "digit"]
    arrays = {"squared_error": (dims, errors), "pixels": (dims, pixels)}
    return xr.Dataset(arrays, coords, drawn.attrs("last_seen"))


def test_the_curve_of_an_age_is_the_mean_over_seeds_and_never_stands_apart():
    """Of fewer pixels than a few dozen nothing is drawn."""
    errors = np.full((3, 2, 2, 5), 0.5)
    errors[0, :, 1] = [[0.9, 0.1, 0.2, 0.3, 0.4], [0.9, 0.1, 0.2, 0.3, 0.1]]
    pixels = np.full((3, 2, 2, 5), 100.0)
    pixels[..., 2] = 3
    figure = curve.draw([seen(errors, pixels)])
    digits, others = figure.axes
    assert [axes.get_title() for axes in (digits, others)] == [*curve.TITLES.values()]
    line, dot = (
        [each for each in digits.lines if each.get_color() == drawn.RED][place]
        for place in (0, 1)
    )
    drawn.assert_points(line, [1, 2, 3, 4], [0.1, np.nan, 0.3, 0.2])
    drawn.assert_points(dot, [8], [0.9])


def test_the_table_has_means_over_the_pixels_of_digits():
    """Of 4 and 5 frames, of which two columns have one each; the last column ends."""
    errors, pixels = np.full((3, 2, 2, 13), 0.5), np.zeros((3, 2, 2, 13))
    errors[0, :, 1, :6] = [
        [0.9, 0.1, 0.2, 0.3, 0.4, 0.7],
        [0.7, 0.1, 0.2, 0.3, 0.0, 0.7],
    ]
    errors[0, :, 1, 12] = np.nan  # of no pixel
    pixels[0, :, 1, [0, 4, 5]] = 2
    pixels[0, :, 1, 1] = 6
    first = memory.tabulate([seen(errors, pixels)]).to_dict("records")[0]
    shown = [name for name in first if name.endswith("_mean")]
    assert shown == ["1-4_mean", "5-10_mean", "11-12_mean", "never_mean"]
    of_seeds = (6 * 0.1 + 2 * 0.4) / 8, 6 * 0.1 / 8
    assert first["1-4_mean"] == pytest.approx(np.mean(of_seeds))
    assert first["1-4_std"] == pytest.approx(np.std(of_seeds, ddof=1))
    assert first["5-10_mean"] == pytest.approx(0.7)
    assert np.isnan(first["11-12_mean"])
    assert first["never_mean"] == pytest.approx(0.8)


def test_the_picture_has_the_world_above_and_the_window_where_it_is():
    frames = np.arange(-1, 6)
    truth = np.arange(7)[None, :, None, None] / 10 + np.zeros((1, 7, 4, 4))
    off = np.array([0.01, 0.02, 0.03])[:, None, None, None, None, None]
    belief = np.where(frames[:, None, None] > 0, truth + off, np.nan)
    corner = np.broadcast_to([3, 1], (1, 7, 2))
    dims = ("sample", "frame", "row", "column")
    cube = xr.Dataset(
        {
            "truth": (dims, truth),
            "belief": (("model", "seed", *dims), belief + np.zeros((3, 1, 1, 1, 1, 1))),
            "corner": (
                ("model", "seed", "sample", "frame", "component"),
                np.broadcast_to(corner, (3, 1, *corner.shape)),
            ),
        },
        {"model": [*drawn.MODELS], "seed": [0], "frame": frames},
        drawn.attrs("beliefs", horizon=2, frame_size=2),
    )
    axes = picture.draw([cube]).axes[0]
    assert picture.frames_shown(cube) == ([-1, 0], [1, 2, 5])
    found = drawn.images(axes)
    tops = sorted({top for _, top in found})
    rows = [[v for at, v in sorted(found.items()) if at[1] == top] for top in tops]
    assert [[float(image[0, 0]) for image in row] for row in rows[:1]] == [
        [0, 0.1, 0.2, 0.3, 0.6]
    ]
    for row, apart in zip(rows[1:], sorted(off.ravel()), strict=True):
        values = [float(image[0, 0]) for image in row]
        np.testing.assert_allclose(values, np.array([0.2, 0.3, 0.6]) + apart)
    # A window of 2×2 at (3, 1) of a torus of 4: rows 3 and 0, columns 1 and 2.
    outline = axes.collections[0].get_segments()
    ends = {tuple(np.round(point, 6)) for line in outline for point in line}
    assert {(0.25, 0), (0.75, 0), (0.25, 0.25), (0.25, 0.75), (0.75, 1)} <= ends


def test_the_table_has_means_of_pixels_and_published_numbers_beside():
    published = {"name": "flowm", "source": ["A note."]}
    published["others"] = {"Theirs": {"mse_mean_20": 0.5, "psnr_20": 9, "ssim_150": 1}}
    counted = {name: {**each, "parameters": 7} for name, each in drawn.MODELS.items()}
    dims = ("model", "seed", "sample", "frame")
    sums = np.array([4.0, 8.0, 12.0])[:, None, None, None] * np.ones((3, 2, 1, 4))
    sums[0, :, :, 2:] = [[[8.0]], [[16.0]]]
    names = {"mse": sums, "mae": sums, "ssim": 0 * sums + 0.5, "psnr": 0 * sums + 20}
    cube = xr.Dataset(
        {name: (dims, values) for name, values in names.items()},
        {"model": [*drawn.MODELS], "seed": [0, 1], "frame": [1, 2, 3, 4]},
        drawn.attrs("image_quality", horizon=2, frame_size=2)
        | {"published": json.dumps(published), "models": json.dumps(counted)},
    )
    found = table.tabulate([cube])
    first = found.iloc[0]
    assert (first.experiment, first.frames) == ("e", 4)
    assert (first.mse_mean, first.mse_end_mean) == (2.0, 3.0)
    assert first.mse_end_std == pytest.approx(np.sqrt(2))
    assert (first.psnr, first.ssim) == (20, 0.5)
    theirs = found[found.model == "Theirs"].set_index("frames")
    assert (theirs.mse_mean[20], theirs.psnr[20], theirs.ssim[150]) == (0.5, 9, 1)
    assert theirs.source.tolist() == ["flowm", "flowm"]
    assert "A note." in found.attrs["notes"]
    beaten = "No model has a smaller error than the best control"
    assert not [note for note in found.attrs["notes"] if note.startswith(beaten)]
    worse = cube.assign(mse=cube.mse * xr.where(cube.model == GREY, 0.5, 1))
    (told,) = (n for n in table.tabulate([worse]).attrs["notes"] if beaten in n)
    assert told == f"{beaten}: e, mse (Blue net 2.00, Grey copy 1.50)."
