"""A bag of patches: no order, no place, and nothing else is lost."""

import pytest
import torch

from fernn import models
from fernn.models.bag import Bag
from labrun.errors import UserError


@pytest.fixture
def video():
    torch.manual_seed(0)
    return torch.rand(2, 5, 1, 8, 8).double()


def logits(of, video):
    torch.manual_seed(1)
    return Bag(of).double().eval()(video)


@pytest.mark.law("models/bag")
def test_the_order_of_frames_does_not_count_but_that_of_differences_does(video):
    shuffled = video[:, [3, 0, 4, 1, 2]]
    frames = logits("frames", video)
    torch.testing.assert_close(frames, logits("frames", shuffled), rtol=0, atol=1e-12)
    differences = logits("differences", video) - logits("differences", shuffled)
    assert differences.abs().amax(1).min() > 1e-4


@pytest.mark.parametrize("of", ["frames", "differences"])
def test_a_shift_by_the_stride_does_not_count_but_other_frames_do(of, video):
    moved = torch.roll(video, (2, -4), (-2, -1))
    torch.testing.assert_close(logits(of, video), logits(of, moved), rtol=0, atol=1e-12)
    odd = torch.roll(video, 1, -1)
    assert (logits(of, video) - logits(of, odd)).abs().max() > 1e-6
    assert (logits(of, video) - logits(of, video.flip(-1))).abs().max() > 1e-4


def test_a_filter_by_hand():
    """One filter that sums 2×2 patches, on a frame with one pixel of ink 1."""
    bag = Bag(filters=1, patch=2, stride=2)
    with torch.no_grad():
        bag.filters.weight.fill_(1.0)
        bag.filters.bias.fill_(-0.5)
    video = torch.zeros(1, 3, 1, 4, 4)
    video[0, 1, 0, 0, 0] = 1  # in one of 3 × 4 patches: 1 - 0.5
    assert bag.content(video).item() == pytest.approx(0.5 / 12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filters": 0}, "filters must be positive"),
        ({"patch": 9}, "patches of 9 pixels do not fit frames of 8"),
    ],
)
def test_impossible_bags_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        models.build({"kind": "bag", **options}, 8)


def test_one_frame_has_no_difference():
    with pytest.raises(UserError, match="needs two frames, got 1"):
        Bag("differences").eval()(torch.rand(1, 1, 1, 8, 8))
