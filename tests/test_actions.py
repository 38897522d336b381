"""Clips are carried by the camera and told apart by person; recipes are integers."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import mock_clips
from fernn.data.sources import synthetic_actions
from fernn.data.sources._actions import ACTIONS
from fernn.data.sources._figures import Body, draw
from fernn.models.bag import Bag
from fernn.videos.recipes import Labelled
from labrun.errors import UserError
from mock_clips import sequences


@pytest.fixture
def clips():
    return mock_clips.atlas()


def by_hand(atlas, row, time, stride=1, zero=False):
    """A frame as the text says it: take, mirror, move."""
    clip = int(row.clip_index)
    first = int(atlas["first"][clip]) + int(row.start) + stride * time
    image = torch.as_tensor(atlas.image.values[first] / 255.0)
    image = image.flip(-1) if row.mirrored else image
    shift = time * int(row.velocity_rows), time * int(row.velocity_columns)
    moved = torch.roll(image, shift, (0, 1))
    if zero:
        for axis, by in enumerate(shift):
            places = torch.arange(6)
            seen = (places >= by) & (places < 6 + by)
            moved = moved * (seen[:, None] if axis == 0 else seen[None])
    return moved


@pytest.mark.parametrize("boundary", ["circular", "zero"])
def test_a_frame_is_the_clip_moved_by_the_camera(clips, boundary):
    split = sequences(boundary=boundary, stride=2, frames=3)
    video = split.video(0, 40, 3)
    assert isinstance(split, Labelled) and (split.recipe.mirrored == 1).any()
    for sample in range(40):
        row = split.recipe.isel(sample=sample)
        expected = [by_hand(clips, row, t, 2, boundary == "zero") for t in range(3)]
        assert torch.allclose(video[sample, :, 0].double(), torch.stack(expected))
    other = sequences(boundary="zero" if boundary == "circular" else "circular")
    assert not torch.equal(other.video(0, 40, 3), video)


@pytest.mark.parametrize("epoch", [0, 3])
def test_samples_do_not_depend_on_how_they_are_read(epoch):
    split = sequences()
    whole, labels = split.video(0, 40, 4, epoch), split.labels(0, 40, epoch)
    parts = range(35, -1, -5)
    video = [split.video(first, 5, 4, epoch) for first in parts]
    named = [split.labels(first, 5, epoch) for first in parts]
    assert torch.equal(torch.cat(video[::-1]), whole)
    assert torch.equal(split.video(0, 40, 3, epoch), whole[:, :3])
    assert torch.equal(torch.cat(named[::-1]), labels)
    assert torch.equal(sequences(sequences=99).video(0, 40, 4, epoch), whole)
    assert not torch.equal(sequences(seed=1).video(0, 40, 4, epoch), whole)
    assert not torch.equal(split.video(0, 40, 4, epoch + 1), whole)


def test_clips_come_in_turn_and_short_ones_never():
    """Of the 16 training clips 2 have 3 frames, too few for 4."""
    for epoch in (0, 2):
        drawn = sequences().rows(epoch, 0, 40)["clip_index"]
        turns = [set(drawn[:14]), set(drawn[14:28])]
        assert turns[0] == turns[1] and len(turns[0]) == 14
        assert list(drawn[:14]) != list(drawn[14:28])
    assert not turns[0] & {0, 9}


def cameras(split, epoch, samples=40):
    """The velocity of each showing of a clip, as the clip moves unmirrored."""
    rows = split.rows(epoch, 0, samples)
    columns = rows["velocity_columns"] * (1 - 2 * rows["mirrored"])
    turns, clips = np.arange(samples) // 14, rows["clip_index"]
    pairs = zip(turns.tolist(), clips.tolist(), strict=True)
    moved = zip(rows["velocity_rows"].tolist(), columns.tolist(), strict=True)
    return dict(zip(pairs, moved, strict=True))


def test_a_clip_keeps_the_velocity_of_its_camera_if_it_is_never_redrawn():
    fixed, fresh = sequences(redraw="never"), sequences(redraw="epoch")
    first = cameras(fixed, 0)
    assert first == cameras(fresh, 0) and len({*first.values()}) > 10
    for epoch in (1, 2, 7):
        later = cameras(fixed, epoch)
        both = first.keys() & later.keys()  # the third turn shows 12 of its 14 clips
        assert len(both) >= 28 + 10
        assert [later[one] for one in both] == [first[one] for one in both]
        assert sum(cameras(fresh, epoch)[one] != first[one] for one in both) > 20
    before, after = (fixed.rows(epoch, 0, 40) for epoch in (1, 2))
    for name in ("clip_index", "start", "mirrored"):  # these are drawn every epoch
        assert (before[name] != after[name]).any()
    shown = fixed.rows(2, 13, 20)  # of two turns, read by itself
    assert all((shown[name] == after[name][13:33]).all() for name in shown)


def test_a_clip_of_no_sequence_in_epoch_0_has_a_velocity_too():
    few = [cameras(sequences(redraw="never", sequences=5), n, 5) for n in range(40)]
    every = {one for rows in few for one in rows}
    assert len(every) == 14
    for one in every:
        assert len({rows[one] for rows in few if one in rows}) == 1


def test_a_mirror_shows_the_motion_of_the_camera_too():
    """The clip in a mirror is the mirrored clip with its camera: same relative motion.

    Of one draw of words, the two differ in the sign of the columns alone.
    """
    plain, seen = (sequences(mirror=mirror).rows(0, 0, 40) for mirror in (False, True))
    signs = 1 - 2 * seen["mirrored"]
    assert {*signs.tolist()} == {1, -1} and not plain["mirrored"].any()
    assert (seen["velocity_columns"] == signs * plain["velocity_columns"]).all()
    assert (seen["velocity_rows"] == plain["velocity_rows"]).all()
    assert (seen["velocity_columns"] != plain["velocity_columns"]).any()


def test_no_person_is_in_two_splits_and_only_training_is_mirrored(clips):
    seen = {}
    for pool in ("train", "val", "test"):
        recipe = sequences(split=pool, pool=pool, frames=3).recipe
        seen[pool] = set(recipe.person.values.tolist())
        assert (recipe.mirrored == 1).any() == (pool == "train")
    assert seen["train"] == set(range(1, 17)) and seen["val"] == set(range(17, 21))
    assert seen["test"] == set(range(21, 26))


def test_a_grid_shows_the_same_clips_at_every_velocity():
    recipe = sequences(draw="grid", grid_speed=1, split="camera", sequences=5).recipe
    assert recipe.sizes["sample"] == 45
    pairs = zip(
        recipe.velocity_rows.values, recipe.velocity_columns.values, strict=True
    )
    assert len(set(pairs)) == 9
    for name in ("clip_index", "start"):
        table = recipe[name].values.reshape(9, 5)
        assert (table == table[0]).all()
    pan = sequences(draw="grid", grid_speed=2, split="camera", flow="pan").recipe
    assert (pan.velocity_rows == 0).all() and pan.sizes["sample"] == 5 * 40
    assert (sequences(flow="pan").recipe.velocity_rows == 0).all()
    assert (sequences().recipe.velocity_rows != 0).any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frames": 12}, "no clips of 12 frames for 'train'"),
        ({"frames": 4, "stride": 4}, "no clips of 13 frames"),
        ({"frame_size": 7}, "6×6 pixels are no frames of 7×7"),
        ({"flow": "pam"}, "no flow 'pam'; did you mean 'pan'"),
        ({"boundary": "zeros"}, "did you mean 'zero'"),
        ({"draw": "flowed"}, "no draw 'flowed'"),
        ({"redraw": "nevr"}, "no redraw 'nevr'; did you mean 'never'"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_impossible_recipes_are_refused(change, message):
    with pytest.raises(UserError, match=message):
        sequences(**change)


def test_synthetic_actions_are_balanced_and_labelled_as_such():
    atlas = synthetic_actions.fetch(size=12, length=2)
    assert atlas.sizes["clip"] == 25 * 6 * 4 * 2 and atlas.sizes["frame"] == 2400
    split = atlas.split.values.tolist()
    assert [split.count(name) for name in ("train", "val", "test")] == [768, 192, 240]
    assert np.unique(atlas.label, return_counts=True)[1].tolist() == [200] * 6
    assert atlas.attrs["source"].startswith("synthetic actions")
    again, other = (synthetic_actions.fetch(12, 2, seed) for seed in (0, 1))
    assert np.array_equal(atlas.image, again.image)
    assert not np.array_equal(atlas.image, other.image)
    with pytest.raises(UserError, match="size must be at least 12"):
        synthetic_actions.fetch(size=8)


@pytest.mark.parametrize("action", [a for set_ in ACTIONS.values() for a in set_[::2]])
def test_a_figure_moves_with_its_phase_and_its_place(action):
    body = Body(np.full(3, 11.0), 1.0, 0.05, (1.0, 0.9, 0.8, 0.7), 1, 1.0)
    phase, place = np.array([0.3, 0.3, 2.0]), np.array([[8.0, 8], [8, 11], [8, 8]])
    scaled = replace(body, height=body.height * action.scale(phase))
    first, moved, later = draw(action.pose(phase, 1.0), scaled, place, 16)
    np.testing.assert_allclose(np.roll(first, 3, axis=1), moved, atol=1e-12)
    assert np.abs(first - later).max() > 0.3
    assert 0 <= first.min() and 0.9 < first.max() <= 1


def performances(actions):
    """Frames by person, class, scenario × take and time."""
    atlas = synthetic_actions.fetch(size=12, length=8, actions=actions)
    return atlas.image.values.reshape(25, 6, 8, 8, 12, 12)


def test_ordered_actions_come_in_pairs_of_equal_frames_in_reversed_order():
    clips = performances("ordered")
    assert np.array_equal(clips[:, ::2], clips[:, 1::2, :, ::-1])
    assert not (clips == clips[:, :, :, ::-1]).all((3, 4, 5)).any()
    assert not np.array_equal(clips[:, 0], clips[:, 2])
    other = performances("kth")
    assert not (other[:, ::2] == other[:, 1::2, :, ::-1]).all((3, 4, 5)).any()


def test_a_bag_of_frames_cannot_tell_the_classes_of_a_pair_a_bag_of_differences_can():
    torch.manual_seed(0)
    clips = torch.as_tensor(performances("ordered")[:2, :2, 0] / 255)[..., None, :, :]
    one, other = clips.transpose(0, 1)
    for of, same in (("frames", True), ("differences", False)):
        bag = Bag(of).double().eval()
        apart = (bag(one) - bag(other)).abs().amax(1)
        assert (apart < 1e-12).all() if same else (apart > 1e-4).all(), of
