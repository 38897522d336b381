"""Digits whose velocity changes: paths worked out by hand, and what they conserve."""

import itertools

import numpy as np
import pytest
import torch

from fernn.data import changing_digits, motions
from fernn.data.motions import Room
from fernn.videos.recipes import open_sequences
from labrun.errors import UserError
from labrun.storage import write_dataset

KINDS = ("accelerate", "bounce", "collide", "glide", "piecewise")


def column(kind, start, speed, change=(), frames=8, size=10, digits=1, **options):
    """Where digits are along the columns in each frame; their rows are all 0."""
    room = Room(size, (4, 4), digits, 2, frames)
    motion = motions.build({"kind": kind, **options}, room)
    pair = [np.stack([np.zeros_like(v), v], -1) for v in (start, speed)]
    later = np.array(change, int).reshape(1, digits, -1)
    path = motion.path(
        *(values[None] for values in pair), np.stack([0 * later, later], -1), frames
    )
    assert (path[..., 0] == 0).all()
    return path[0, :, :, 1].tolist()


@pytest.mark.parametrize(
    ("kind", "start", "speed", "change", "options", "expected"),
    [
        ("piecewise", 3, 1, (-2, 0), {"every": 3}, [3, 4, 5, 6, 4, 2, 0, 0]),
        ("accelerate", 0, 1, (1,), {}, [0, 1, 3, 6, 10, 15, 21, 28]),
        ("accelerate", 0, 2, (-1,), {"every": 2}, [0, 2, 4, 5, 6, 6, 6, 5]),
        # A frame of 10 and a digit of 4: corners are from 0 to 6.
        ("bounce", 3, 2, (), {}, [3, 5, 5, 3, 1, 1, 3, 5]),
        ("bounce", 6, 1, (), {}, [6, 5, 4, 3, 2, 1, 0, 1]),
        # In 256ths of a pixel: half a pixel per frame, cut off.
        ("glide", 4 * 256, 128, (), {}, [4, 4, 5, 5, 6, 5, 5, 4]),
    ],
)
def test_a_path_by_hand(kind, start, speed, change, options, expected):
    arrays = np.array([start]), np.array([speed])
    assert column(kind, *arrays, change, **options) == [expected]


def test_a_collision_by_hand():
    """Corners 8 apart on a torus of 20, head on; nearer than 4 they would meet."""
    paths = column(
        "collide", np.array([2, 10]), np.array([1, -1]), size=20, digits=2, reach=4
    )
    assert paths == [[2, 3, 4, 3, 2, 1, 0, -1], [10, 9, 8, 9, 10, 11, 12, 13]]
    # The faster one catches up, and the slower one goes on with its velocity.
    paths = column(
        "collide", np.array([0, 6]), np.array([2, 1]), size=20, digits=2, reach=4
    )
    assert paths == [[0, 2, 4, 5, 6, 7, 8, 9], [6, 7, 8, 10, 12, 14, 16, 18]]


def free_and_met(reach):
    """Paths of many pairs, with the velocity of every step."""
    room = Room(16, (4, 4), 2, 2, 30)
    motion = motions.build({"kind": "collide", "reach": reach}, room)
    words = np.random.default_rng(0).integers(0, 2**32, (500, 2, 4), np.uint64)
    start, speed = motion.offsets(words[..., :2]), motion.velocities(words[..., 2:])
    path = motion.path(start, speed, np.zeros((500, 2, 0, 2), int), 30)
    return path, np.diff(path, axis=2)


def nearest(path, size=16):
    apart = (path[:, 0] - path[:, 1]) % size
    return np.minimum(apart, size - apart).max(-1)


def test_a_collision_conserves_momentum_and_energy():
    path, steps = free_and_met(reach=4)
    np.testing.assert_array_equal(steps.sum(1), steps[:, :, :1].sum(1).repeat(29, 1))
    energy = (steps**2).sum((1, 3))
    np.testing.assert_array_equal(energy, energy[:, :1].repeat(29, 1))
    assert nearest(path).min() == 4  # they touch and never pass through
    met = (steps != steps[:, :, :1]).any((1, 2, 3))
    assert 0.3 < met.mean() < 0.9


def test_what_does_not_collide_passes_through():
    """The converse: the same digits in straight lines come nearer than that."""
    path, steps = free_and_met(reach=4)
    straight = path[:, :, :1] + np.arange(30)[:, None] * steps[:, :, :1]
    assert nearest(straight).min() == 0
    piece = motions.build({"kind": "piecewise", "every": 2}, Room(16, (4, 4), 2, 2, 30))
    change = np.random.default_rng(1).integers(-2, 3, (500, 2, piece.changes, 2))
    steps = np.diff(piece.path(path[:, :, 0], steps[:, :, 0], change, 30), axis=2)
    assert (steps.sum(1) != steps[:, :, :1].sum(1)).any()


@pytest.mark.parametrize("kind", ["bounce", "glide"])
def test_walls_keep_digits_inside_and_turn_them(atlas, recipe_of, kind):
    table = recipe_of(kind, sequences=200, frames=40)
    motion = changing_digits.motion_of(table.attrs)
    path = paths(table, 40)
    assert path.min() == 0
    assert (path <= [7 - 4, 7 - 5]).all() and (path[..., 1] == 2).any()
    turned = np.sign(np.diff(path, axis=2))
    assert (turned.min(2) < 0).any() and (turned.max(2) > 0).any()
    velocity = columns(table, "velocity")
    free = columns(table, "offset")[:, :, None] + 39 * velocity[:, :, None]
    assert (free // motion.parts < 0).any()  # without walls they would leave


def test_gliding_digits_have_one_speed(recipe_of):
    room = Room(64, (28, 28), 2, 0, 20)
    motion = motions.build({"kind": "glide"}, room)
    words = np.random.default_rng(0).integers(0, 2**32, (400, 2, 2), np.uint64)
    speed = np.linalg.norm(motion.velocities(words) / 256, axis=-1)
    np.testing.assert_allclose(speed, 3.6, atol=0.005)  # a tenth of 64 - 28


def columns(table, name):
    return np.stack([table[f"{name}_{a}"].values for a in ("rows", "columns")], -1)


def paths(table, frames):
    change = np.zeros((table.sizes["sample"], 2, 0, 2), int)
    if "change_rows" in table:
        change = columns(table, "change").astype(int)
    start = [columns(table, name).astype(int) for name in ("offset", "velocity")]
    return changing_digits.motion_of(table.attrs).path(*start, change, frames)


@pytest.fixture
def recipe_of(atlas):
    def build(kind="piecewise", options=None, **changes):
        spec = {"split": "train", "pool": "train", "draw": "sampled", "seed": 0}
        spec |= {"sequences": 24, "frames": 12, "frame_size": 7, "digits": 2}
        motion = {"kind": kind, **(options or {})}
        if kind == "collide":
            motion["reach"] = 2
        spec |= {"max_speed": 2, "motion": motion, **changes}
        return changing_digits.synthesize(atlas, **spec)

    return build


@pytest.mark.parametrize("kind", KINDS)
def test_frames_show_the_path(atlas, recipe_of, kind):
    table = recipe_of(kind)
    video = changing_digits.Sequences(table, atlas).video(0, 24, 12)
    path = paths(table, 12)
    for sample, time in itertools.product((0, 7, 23), (0, 5, 11)):
        frame = torch.zeros(7, 7)
        for digit in range(2):
            image = torch.zeros(7, 7)
            row = table.digit_index.values[sample, digit]
            image[:4, :5] = torch.as_tensor(atlas.image.values[row] / 16)
            shift = path[sample, digit, time].tolist()
            frame += torch.roll(image, shift, (0, 1))
        assert torch.equal(video[sample, time, 0], frame.clamp(max=1))


@pytest.mark.parametrize("kind", KINDS)
def test_a_sample_is_a_pure_function_of_its_address(tmp_path, atlas, recipe_of, kind):
    """However it is read, and from a file too; another epoch is other data."""
    table = recipe_of(kind)
    for dataset, name in ((table, "recipe.nc"), (atlas, "atlas.nc")):
        write_dataset(dataset, tmp_path / name)
    split = open_sequences(tmp_path / "recipe.nc", tmp_path / "atlas.nc")
    whole = changing_digits.Sequences(table, atlas).video(0, 24, 8, 3)
    backwards = [split.video(first, 5, 8, 3) for first in (20, 15, 10, 5, 0)]
    assert torch.equal(torch.cat(backwards[::-1]), whole)
    assert torch.equal(split.video(0, 24, 12, 3)[:, :8], whole)
    assert not torch.equal(split.video(0, 24, 8), whole)
    assert not torch.equal(split.video(0, 24, 8, 4), whole)


def test_a_pan_moves_along_the_columns_alone(recipe_of):
    for kind in ("piecewise", "accelerate", "collide", "bounce"):
        path = paths(recipe_of(kind, flow="pan"), 12)
        assert not np.diff(path[..., 0], axis=2).any()
        assert np.diff(path[..., 1], axis=2).any()
    assert np.diff(paths(recipe_of(), 12)[..., 0], axis=2).any()


@pytest.mark.parametrize(
    ("kind", "options", "changes", "message"),
    [
        ("colide", {}, {}, "no 'colide' in motions; did you mean 'collide'"),
        ("collide", {}, {"digits": 3}, "needs 2 digits, got 3"),
        ("collide", {}, {"frame_size": 5, "max_speed": 1}, None),
        ("piecewise", {"every": 0}, {}, "every must be positive, got 0"),
        ("glide", {"share": 0.0}, {}, "share must be positive"),
        ("bounce", {}, {"frame_size": 5}, "4×5 pixels cannot move inside"),
        ("bounce", {}, {"draw": "grid"}, "no draw 'grid'"),
        ("bounce", {}, {"flow": "rotation"}, "no flow 'rotation'"),
        ("bounce", {}, {"frame_size": 4}, "do not fit a frame"),
    ],
)
def test_what_cannot_move_is_refused(recipe_of, kind, options, changes, message):
    if message is None:  # 2 pixels of reach leave room on a torus of 5
        assert recipe_of(kind, options, **changes)
        return
    with pytest.raises(UserError, match=message):
        recipe_of(kind, options, **changes)


def test_too_long_a_reach_leaves_no_place():
    room = Room(12, (8, 8), 2, 1, 5)
    assert motions.build({"kind": "collide", "reach": 6}, room)
    with pytest.raises(UserError, match="at most half of the frame of 12"):
        motions.build({"kind": "collide", "reach": 7}, room)


def test_more_frames_than_the_recipe_tells_are_refused(atlas, recipe_of):
    with pytest.raises(UserError, match="tells of 12 frames, not of 13"):
        changing_digits.Sequences(recipe_of(), atlas).video(0, 1, 13)


def test_a_recipe_tells_when_velocities_change(recipe_of):
    """In the frame after the first step with a new velocity; of piecewise by design."""
    table = recipe_of("piecewise", {"every": 4}, sequences=200)
    steps = np.diff(paths(table, 12), axis=2)
    kept = (steps[:, :, :8] == steps[:, :, :1]).all((1, 2, 3))
    first = table.first_change.values
    assert (first[~kept] == 5).mean() > 0.9 and (first >= 5).all()
    still = recipe_of("piecewise", {"every": 4}, max_speed=0)
    assert (still.first_change == 12).all()
