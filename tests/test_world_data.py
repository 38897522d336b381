"""Worlds: what the window shows, the steps of the agent, and what was seen when."""

import numpy as np
import pytest
import torch
import xarray as xr

from fernn.data import world
from fernn.training import tasks
from fernn.training.ahead import Ahead
from fernn.videos.recipes import Acted, synthesize
from fernn.videos.visible import of_what_is_shown
from labrun.errors import UserError

SPEC = {
    "kind": "world",
    "split": "train",
    "pool": "train",
    "draw": "sampled",
    "seed": 0,
    "sequences": 6,
    "frames": 12,
    "frame_size": 6,
    "world": 11,
    "digits": 2,
    "max_speed": 1,
    "agent_speed": 3,
}


@pytest.fixture
def worlds(atlas):
    """Sequences of a small world, with changes."""

    def make(**changes):
        return world.Sequences(synthesize({**SPEC, **changes}, atlas), atlas)

    return make


def corners(sequences, frames=12):
    steps = sequences.actions(0, 6, frames)
    return torch.cat([torch.zeros(6, 1, 2), steps.cumsum(1)], dim=1).long()


def test_a_frame_is_what_the_window_shows_of_a_world_that_does_not_know_it(worlds):
    """The same digits with an agent at rest: f_t(x) = w_t(x + p_t)."""
    walking, resting = worlds(), worlds(agent_speed=0)
    assert resting.actions(0, 6, 12).abs().max() == 0
    assert walking.actions(0, 6, 12).abs().max() == 3
    whole, video, places = resting.worlds(0, 6, 12), walking.video(0, 6, 12), None
    places = corners(walking)
    for sample in range(6):
        for time in range(12):
            shift = [-int(part) for part in places[sample, time]]
            moved = whole[sample, time, 0].roll(shift, (0, 1))
            assert torch.equal(video[sample, time, 0], moved[:6, :6])
    seen_all = worlds(frame_size=11)
    assert torch.equal(seen_all.video(0, 6, 12), walking.worlds(0, 6, 12))


def test_digits_move_by_their_velocity_and_a_static_world_does_not(worlds):
    still = worlds(max_speed=0, agent_speed=0).video(0, 6, 12)
    assert torch.equal(still, still[:, :1].expand_as(still))
    line = worlds(flow="pan", max_speed=2)
    assert not line.recipe.velocity_rows.values.any()
    assert line.recipe.velocity_columns.values.any()
    alone = worlds(digits=1, agent_speed=0, frame_size=11)
    video, recipe = alone.video(0, 6, 12), alone.recipe
    assert recipe.velocity_rows.values.any()
    for sample in range(6):
        for time in range(12):
            nu = recipe.velocity_rows[sample, 0], recipe.velocity_columns[sample, 0]
            shift = [time * int(part) for part in nu]
            expected = video[sample, 0, 0].roll(shift, (0, 1))
            assert torch.equal(video[sample, time, 0], expected)


def test_any_part_of_any_epoch_is_the_same_in_any_order(worlds):
    sequences, other = worlds(), worlds()
    assert isinstance(sequences, Acted)
    whole = sequences.video(0, 6, 12, epoch=2)
    assert torch.equal(whole[2:4, 5:9], other.stretch(2, 2, 5, 4, epoch=2))
    steps = sequences.actions(0, 6, 12, epoch=2)
    assert torch.equal(steps[2:4, :6], other.actions(2, 2, 7, epoch=2))
    assert not torch.equal(steps, other.actions(0, 6, 12, epoch=1))
    assert torch.equal(steps, Ahead(sequences).actions(0, 6, 12, epoch=2))
    fixed = worlds(redraw="never")
    assert sorted(map(str, fixed.actions(0, 6, 12))) == sorted(
        map(str, fixed.actions(0, 6, 12, epoch=3))
    )


def test_the_task_hands_over_the_steps_between_all_frames(worlds):
    task = tasks.of(worlds())
    (seen, ahead, actions), target = task.batch(worlds(), 1, 3, 5, 4)
    assert (ahead, seen.shape[1], target.shape[1]) == (4, 5, 4)
    assert torch.equal(actions, worlds().actions(1, 3, 9))
    assert actions.shape == (3, 8, 2)


def test_an_agent_goes_away_and_comes_back(worlds):
    sequences = worlds(agent_speed=0, away=3, world=12)
    expected = [0, 0, 6, 0, 0, -6, 0, 0, 6, 0, 0]
    steps = sequences.actions(0, 6, 12)
    assert steps[0, :, 0].tolist() == steps[5, :, 1].tolist() == expected
    far = torch.tensor(expected)[None, :, None]
    walked = worlds(away=3, world=12).actions(0, 6, 12) - far
    assert torch.equal(walked, worlds(world=12).actions(0, 6, 12))


@pytest.mark.law("evaluation/last_seen")
def test_last_seen_of_a_world_of_one_row_by_hand():
    """A digit of one pixel moves right; a window of two pixels in a world of six.

    Frame:    0        1        2 (predicted)  3
    agent at  0        2        0              4
    digit at  1        2        3              4
    """
    image = np.full((1, 1, 1), 16, np.uint8)
    data = {"image": (("digit", "row", "column"), image, {"scale": 16})}
    atlas = xr.Dataset(data, coords={"split": ("digit", ["train"])})
    changes = {"frame_size": 2, "world": 6, "frames": 4, "digits": 1, "sequences": 1}
    recipe = synthesize({**SPEC, **changes}, atlas)
    chosen = {"offset_rows": 0, "offset_columns": 1}
    chosen |= {"velocity_rows": 0, "velocity_columns": 1}
    for name, value in chosen.items():
        recipe[name].values[:] = value
    recipe.action_rows.values[:] = 0
    recipe.action_columns.values[:] = [[2, -2, 4]]
    sequences = world.Sequences(recipe, atlas)
    age, ink = sequences.last_seen(0, 1, 2, 4)
    # The window of frame 2 shows places 0 and 1, seen in frame 0; that of frame 3 shows
    # places 4, with the digit, which was seen in frame 1, and 5, which never was. Row 1
    # is never lit, and as old as its column.
    assert age[0].tolist() == [[[2, 2], [2, 2]], [[2, -1], [-1, -1]]]
    assert ink[0].tolist() == [2 * [2 * [False]], [[True, False], 2 * [False]]]
    assert torch.equal(sequences.video(0, 1, 4)[0, 2:, 0] > 0, ink[0])


def test_last_seen_of_a_static_world_is_when_its_place_was_in_the_window(worlds):
    """In a static world digits are places: counted here pixel by pixel."""
    sequences = worlds(max_speed=0)
    age, ink = sequences.last_seen(0, 6, 5, 12)
    places = corners(sequences)
    last = torch.full((6, 11, 11), -1)
    for sample in range(6):
        for time in range(5):
            for row in range(6):
                for column in range(6):
                    y, x = (places[sample, time] + torch.tensor([row, column])) % 11
                    last[sample, y, x] = time
        for time in range(5, 12):
            shift = [-int(part) for part in places[sample, time]]
            there = last[sample].roll(shift, (0, 1))[:6, :6]
            expected = torch.where(there < 0, -1, time - there)
            assert torch.equal(age[sample, time - 5], expected)
    assert torch.equal(ink, sequences.video(0, 6, 12)[:, 5:, 0] > 0)
    moving, _ = worlds().last_seen(0, 6, 5, 12)
    assert not torch.equal(moving, age)


def test_a_moving_digit_is_as_old_as_a_static_one_for_who_walks_as_much_less(
    worlds, atlas
):
    """The same frames: the digit at rest, and its velocity taken from every step."""
    moving = worlds(digits=1, max_speed=2)
    recipe = moving.recipe.copy(deep=True)
    for axis in ("rows", "columns"):
        recipe[f"action_{axis}"] = (
            recipe[f"action_{axis}"] - recipe[f"velocity_{axis}"][:, 0]
        )
        recipe[f"velocity_{axis}"] = 0 * recipe[f"velocity_{axis}"]
    still = world.Sequences(recipe, atlas)
    assert torch.equal(still.video(0, 6, 12), moving.video(0, 6, 12))
    (age, ink), (other, _) = (each.last_seen(0, 6, 5, 12) for each in (moving, still))
    assert torch.equal(age[ink], other[ink])
    assert not torch.equal(age[~ink], other[~ink])


def test_mistakes_are_told_in_one_line(worlds):
    with pytest.raises(UserError, match=r"a world of 5×5 pixels \(world\) is smaller"):
        worlds(world=5)
    with pytest.raises(UserError, match="agent_speed must not be negative, got -1"):
        worlds(agent_speed=-1)
    with pytest.raises(UserError, match="flow 'rotation'"):
        worlds(flow="rotation")
    with pytest.raises(UserError, match="the recipe tells of 12 frames, not of 13"):
        worlds().video(0, 1, 13)
    with pytest.raises(UserError, match="the recipe tells of 12 frames, not of 13"):
        worlds().actions(0, 1, 13)


def test_of_digits_that_overlap_the_one_seen_last_counts():
    """Four pixels: no digit, one never seen, two, and one beside a never seen one."""
    ages = np.array([[5, 5, 5, 5], [3, -1, 4, 6], [2, 2, 3, -1]]).reshape(1, 3, 1, 1, 4)
    covers = np.array([[0, 1, 1, 1], [0, 0, 1, 1]], bool).reshape(1, 2, 1, 1, 4)
    found, ink = of_what_is_shown(ages, covers)
    assert found.ravel().tolist() == [5, -1, 3, 6]
    assert ink.ravel().tolist() == [False, True, True, True]
