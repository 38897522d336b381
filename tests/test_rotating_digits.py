"""Turning digits are a pure function of the recipe, and turn as the flow says."""

import numpy as np
import pytest
import torch

from fernn import flows
from fernn.data import rotating_digits
from labrun.errors import UserError

RECIPE = {
    "split": "train",
    "pool": "train",
    "draw": "sampled",
    "seed": 0,
    "sequences": 20,
    "frames": 9,
    "frame_size": 9,
    "digits": 2,
    "max_speed": 2,
    "step": 45,
    "max_offset": 1,
}


@pytest.fixture
def sequences(atlas):
    def make(**changes):
        recipe = rotating_digits.synthesize(atlas, **{**RECIPE, **changes})
        return rotating_digits.Sequences(recipe, atlas)

    return make


def test_a_sample_does_not_depend_on_how_it_is_asked_for(sequences):
    split = sequences()
    for epoch in (0, 3):
        whole = split.video(0, 20, 5, epoch)
        parts = [split.video(first, 7, 9, epoch)[:, :5] for first in (0, 7, 14)]
        assert torch.equal(whole, torch.cat(parts))
    assert not torch.equal(split.video(0, 20, 5, 0), split.video(0, 20, 5, 3))
    other = sequences(seed=1).video(0, 20, 5)
    assert not torch.equal(split.video(0, 20, 5), other)


def test_velocities_are_multiples_of_the_step(sequences):
    recipe = sequences(sequences=200).recipe
    assert set(np.unique(recipe.velocity_degrees)) == {-90, -45, 0, 45, 90}
    assert recipe.velocity_degrees.attrs["units"] == "degree/frame"
    grid = sequences(draw="grid", grid_speed=3, sequences=2).recipe
    assert grid.velocity_degrees.values[::2, 0].tolist() == [*range(-135, 136, 45)]
    assert (grid.velocity_degrees[:, 0] == grid.velocity_degrees[:, 1]).all()
    assert len(np.unique(grid.digit_index[::2])) <= 2  # the same digits for all
    listed = sequences(draw="grid", grid_speed=3, flows=[[4], [-1]], sequences=1).recipe
    assert listed.velocity_degrees.values[:, 0].tolist() == [180, -45]


def test_a_flow_turns_every_frame(sequences):
    """By quarter turns exactly; the converse: by their opposite not at all."""
    split = sequences(draw="flowed", flows=[[2]], sequences=5)
    assert split.recipe.flow_degrees.values.tolist() == [0] * 5 + [90] * 5
    flow = flows.build({"kind": "rotation", "orientations": 4, "closed": True}, 9)
    video = split.video(0, 10, 6)
    for t in range(6):
        expected = flow.act(video[:5, t], (90,), t)
        torch.testing.assert_close(video[5:, t], expected, rtol=0, atol=1e-5)
    wrong = flow.act(video[:5, 1], (-90,), 1)
    assert (video[5:, 1] - wrong).abs().max() > 0.1


def test_a_digit_at_rest_is_the_image(sequences, atlas):
    """A digit of 4×5 pixels on a frame of 9: rows lie between pixels, columns on."""
    recipe = sequences(digits=1, max_offset=0, max_speed=0).recipe
    recipe["angle"] *= 0
    split = rotating_digits.Sequences(recipe, atlas)
    video = split.video(0, 20, 2)
    assert torch.equal(video[:, 0], video[:, 1])
    image = atlas.image.values[split.recipe.digit_index.values[:, 0]] / 16
    between = (image[:, 1:] + image[:, :-1]) / 2
    found = video[:, 0, 0, 3:6, 2:7].numpy()
    np.testing.assert_allclose(found, between, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"flow": "translation"}, "flows by rotation, got 'translation'"),
        ({"draw": "gird"}, "did you mean 'grid'"),
        ({"max_offset": 3}, "up to 3 off the centre, do not fit a frame of 9×9"),
        ({"step": 0}, "step must be positive"),
        ({"pool": "tset"}, "no digits for 'tset'"),
    ],
)
def test_a_wrong_recipe_is_refused(sequences, changes, message):
    with pytest.raises(UserError, match=message):
        sequences(**changes)
