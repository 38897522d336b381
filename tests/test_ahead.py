"""Rendering ahead gives the split's own frames, with fewer calls."""

import torch

from fernn.training import ahead
from fernn.training.ahead import Ahead


def asked(split, batch, frames, epoch):
    """An epoch's videos, batch after batch."""
    parts = range(0, len(split), batch)
    return [split.video(first, batch, frames, epoch) for first in parts]


def test_frames_are_the_splits_own_to_the_last_bit(monkeypatch, sequences):
    """Whatever the epoch, the horizon or the number of sequences at a time."""
    split, calls = sequences(), []
    own = split.video

    def counted(*place):
        calls.append(place)
        return own(*place)

    monkeypatch.setattr(split, "video", counted)
    for block, epoch, frames, batch in [
        (2**20, 0, 4, 2),
        (2**20, 3, 5, 3),
        (1, 3, 5, 3),
    ]:
        monkeypatch.setattr(ahead, "BLOCK", block)
        expected = asked(split, batch, frames, epoch)
        calls.clear()
        found = asked(Ahead(split), batch, frames, epoch)
        assert len(calls) == (1 if block > 1 else len(expected))
        assert len(found) == len(expected) > 1
        assert all(map(torch.equal, found, expected))


def test_a_block_is_of_one_epoch_and_as_long_as_any_yet(sequences):
    """A piece of a batch that did not fit a device is found in it, too."""
    split, ahead = sequences(), Ahead(sequences())
    one, two = ahead.video(0, 4, 5, 1), ahead.video(0, 4, 5, 2)
    assert torch.equal(two, split.video(0, 4, 5, 2)) and not torch.equal(one, two)
    assert torch.equal(ahead.video(3, 1, 3, 2), two[3:, :3])
    assert torch.equal(ahead.video(0, 4, 7, 2), split.video(0, 4, 7, 2))
