"""Data that break a symmetry in one known way; observed frames are as ever."""

import pytest
import torch

from fernn.data import broken_digits, changing_digits
from fernn.data.broken_digits import factor
from labrun.errors import UserError

CONTEXT = 3


@pytest.fixture
def videos(atlas):
    """Four sequences of seven frames."""

    def make(breaks, kind=broken_digits, **options):
        own = {"breaks": breaks, "context": CONTEXT, **options}
        if kind is changing_digits:
            own = {"motion": broken_digits.STRAIGHT}
        spec = {"split": "train", "pool": "train", "draw": "sampled", "seed": 0}
        spec |= {"sequences": 4, "frames": 7, "frame_size": 8, "digits": 1}
        recipe = kind.synthesize(atlas, **spec, max_speed=1, flow="pan", **own)
        return kind.Sequences(recipe, atlas)

    return make


def test_factors_worked_by_hand():
    frames = torch.tensor([-1, 0, 1, 2])  # the first two are observed
    dark = factor("dark", frames, 4, 0.5, columns=2)
    assert dark.tolist() == [[1, 1, 1, 1]] * 2 + [[0.5, 0.5, 1, 1]] * 2
    gain = factor("gain", frames, 4, 0.8, columns=2)
    expected = torch.tensor([[1.0] * 4] * 2 + [[1.0, 0.6, 0.2, 0.6]] * 2)
    torch.testing.assert_close(gain, expected.double())
    fade = factor("fade", frames, 2, 0.5, columns=2)
    assert fade.tolist() == [[1, 1], [1, 1], [0.5, 0.5], [0.25, 0.25]]
    assert (factor("nothing", frames, 4, 1.0, columns=2) == 1).all()


@pytest.mark.parametrize("breaks", ["dark", "gain", "fade"])
def test_predicted_frames_alone_are_broken(videos, breaks):
    whole = videos("nothing").video(0, 4, 7)
    assert torch.equal(whole, videos("", kind=changing_digits).video(0, 4, 7))
    broken = videos(breaks, strength=0.5).video(0, 4, 7)
    assert torch.equal(broken[:, :CONTEXT], whole[:, :CONTEXT])
    assert not torch.equal(broken[:, CONTEXT], whole[:, CONTEXT])
    known = factor(breaks, torch.arange(1, 5), 8, 0.5, 4).float()
    expected = whole[:, CONTEXT:] * known[:, None, None]
    torch.testing.assert_close(broken[:, CONTEXT:], expected)
    later = videos(breaks, strength=0.5).stretch(0, 4, 4, 3)
    torch.testing.assert_close(later, broken[:, 4:])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"breaks": "drak"}, "no breaks 'drak'; did you mean 'dark'"),
        ({"breaks": "dark", "strength": 2.0}, "strength must be from 0 to 1, got 2.0"),
        ({"breaks": "dark", "columns": 9}, "columns must be from 1 to 8, got 9"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_wrong_values_are_refused(videos, options, message):
    with pytest.raises(UserError, match=message):
        videos(**options)
