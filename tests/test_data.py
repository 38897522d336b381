"""A sample is a pure function of its address; a frame is the sum of rolled digits."""

import numpy as np
import pytest
import torch

from fernn.data import changing_digits, flowing_digits, rotating_digits
from fernn.data.flowing_digits import Sequences
from labrun import random_words
from labrun.errors import UserError


def by_hand(atlas, recipe, sample, time):
    """A frame as the paper's text says it: place, roll, add, clamp."""
    frame = torch.zeros(7, 7)
    row = recipe.isel(sample=sample)
    for digit in range(recipe.sizes["digit"]):
        image = torch.zeros(7, 7)
        image[:4, :5] = torch.as_tensor(atlas.image.values[row.digit_index[digit]] / 16)
        shift = [
            int(row[f"offset_{axis}"][digit] + time * row[f"velocity_{axis}"][digit])
            for axis in ("rows", "columns")
        ]
        frame += torch.roll(image, shift, (0, 1))
    return frame.clamp(max=1)


def test_frames_equal_rolled_digits(atlas, recipe):
    table = recipe(sequences=20)
    video = Sequences(table, atlas).video(0, 20, 12)
    assert video.shape == (20, 12, 1, 7, 7)
    for sample in range(20):
        for time in range(12):
            expected = by_hand(atlas, table, sample, time)
            assert torch.equal(video[sample, time, 0], expected)


@pytest.mark.parametrize("epoch", [0, 3])
def test_samples_do_not_depend_on_how_they_are_read(sequences, epoch):
    split = sequences(sequences=24)
    whole = split.video(0, 24, 6, epoch)
    backwards = [split.video(first, 5, 6, epoch) for first in (20, 15, 10, 5, 0)]
    assert torch.equal(torch.cat(backwards[::-1]), whole)
    assert torch.equal(split.video(0, 24, 4, epoch), whole[:, :4])
    assert torch.equal(sequences(sequences=99).video(0, 24, 6, epoch), whole)


@pytest.mark.parametrize("kind", [flowing_digits, rotating_digits, changing_digits])
def test_a_stretch_is_a_part_of_the_video(atlas, recipe, kind):
    name = kind.__name__.rpartition(".")[2]
    options = next(given for module, given in KINDS if module is kind)
    split = kind.Sequences(recipe(kind=name, **options), atlas)
    whole = split.video(3, 5, 12, epoch=1)
    assert torch.equal(split.stretch(3, 5, 7, 4, epoch=1), whole[:, 7:11])
    assert not torch.equal(split.stretch(3, 5, 6, 4, epoch=1), whole[:, 7:11])


def rows_of(split, epoch):
    columns = split.rows(epoch, 0, len(split)).values()
    return np.concatenate([each.reshape(len(split), -1) for each in columns], 1)


KINDS = [
    (flowing_digits, {}),
    (rotating_digits, {"flow": "rotation", "step": 10}),
    (changing_digits, {"motion": {"kind": "bounce"}}),
]


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_sequences_that_are_never_redrawn_come_in_another_order(
    atlas, recipe, kind, options
):
    def made(**redraw):
        name = kind.__name__.rpartition(".")[2]
        return kind.Sequences(recipe(kind=name, **options, **redraw), atlas)

    kept, redrawn = made(redraw="never"), made()
    first = rows_of(kept, 0)
    assert np.array_equal(rows_of(redrawn, 0), first)
    orders = [rows_of(kept, epoch).tolist() for epoch in (0, 1, 2)]
    assert orders[0] != orders[1] != orders[2] != orders[0]
    assert sorted(orders[0]) == sorted(orders[1]) == sorted(orders[2])
    assert sorted(rows_of(redrawn, 1).tolist()) != sorted(orders[0])
    parts = [kept.rows(1, first, 7)["offset_rows"] for first in range(0, len(kept), 7)]
    kept.rows(2, 0, 3)  # another epoch between is of no consequence
    whole = kept.rows(1, 0, len(kept))["offset_rows"]
    assert np.array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("change", [{"seed": 1}, {"split": "val"}])
def test_another_seed_split_or_epoch_is_other_data(sequences, change):
    first = sequences().video(0, 24, 6)
    assert not torch.equal(sequences(**change).video(0, 24, 6), first)
    assert not torch.equal(sequences().video(0, 24, 6, epoch=1), first)


def test_the_stream_is_fixed():
    """Philox is read at an address; these numbers must never change."""
    drawn = random_words.words(0, "train", 0, 5, 2, 6)
    np.testing.assert_array_equal(
        drawn[1], random_words.words(0, "train", 0, 6, 1, 6)[0]
    )
    assert drawn[0, :3].tolist() == FIRST


FIRST = [2959203348, 2584314567, 3706334010]


def test_draws_are_uniform_and_within_bounds(recipe):
    table = recipe(sequences=5000)
    speeds, counts = np.unique(table.velocity_rows, return_counts=True)
    assert speeds.tolist() == [-2, -1, 0, 1, 2]
    # 10,000 draws: 2,000 each, standard deviation 40
    assert np.abs(counts - 2000).max() < 5 * 40
    assert table.offset_columns.min() == 0 and table.offset_columns.max() == 6


def test_no_digit_is_in_two_splits(atlas, recipe):
    used = [
        set(recipe(pool=pool, split=pool, sequences=500).digit_index.values.ravel())
        for pool in ("train", "val", "test")
    ]
    assert [len(digits) for digits in used] == [40, 10, 10]
    assert not used[0] & used[1] | used[0] & used[2] | used[1] & used[2]


def test_a_grid_holds_every_velocity_equally_often_with_the_same_digits(recipe):
    table = recipe(draw="grid", grid_speed=3, sequences=4)
    first = table.isel(digit=0)
    pairs = zip(first.velocity_rows, first.velocity_columns, strict=True)
    counted = {(int(a), int(b)) for a, b in pairs}
    assert len(table.sample) == 49 * 4 and len(counted) == 49
    assert (table.velocity_rows[:, 0] == table.velocity_rows[:, 1]).all()
    np.testing.assert_array_equal(table.digit_index[:4], table.digit_index[-4:])
    own = recipe(draw="grid", grid_speed=3, sequences=4, grid_digits="first")
    drawn = recipe(sequences=4)
    for name in own.data_vars:  # but for the velocities of the other digits, the same
        if name.startswith("velocity"):
            assert (own[name][:, 0] == table[name][:, 0]).all()
            others = np.tile(drawn[name].values[:, 1], 49)
            np.testing.assert_array_equal(own[name][:, 1], others)
        else:
            np.testing.assert_array_equal(own[name], table[name])
    listed = recipe(draw="grid", grid_speed=3, flows=[[0, 3], [-1, 2]], sequences=1)
    assert listed.velocity_rows[:, 0].values.tolist() == [0, -1]
    assert listed.velocity_columns[:, 0].values.tolist() == [3, 2]


def test_a_flowed_sequence_is_the_sequence_flowed(atlas, recipe):
    table = recipe(draw="flowed", grid_speed=1, sequences=3)
    video = Sequences(table, atlas).video(0, 27, 5)
    for copy in range(9):
        rows = int(table.flow_rows[3 * copy])
        columns = int(table.flow_columns[3 * copy])
        assert (copy == 0) == (rows == columns == 0)
        for time in range(5):
            shift = (time * rows, time * columns)
            expected = torch.roll(video[:3, time], shift, (-2, -1))
            assert torch.equal(video[3 * copy : 3 * copy + 3, time], expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frame_size": 4}, "4×5 pixels do not fit a frame of 4×4"),
        ({"pool": "trian"}, "no digits for 'trian'"),
        ({"draw": "grit"}, "did you mean 'grid'"),
        ({"flow": "rotation"}, "got 'rotation'"),
        ({"draw": "grid", "grid_digits": "frist"}, "did you mean 'first'"),
    ],
)
def test_impossible_recipes_are_refused(recipe, change, message, unchecked):
    with pytest.raises(UserError, match=message):
        recipe(**change)


def test_options_of_a_recipe_are_kept_in_it(recipe):
    table = recipe(draw="grid", grid_speed=2)
    assert table.attrs["kind"] == flowing_digits.__name__.rpartition(".")[2]
    assert table.attrs["grid_speed"] == 2 and table.velocity_rows.units == "pixel/frame"
