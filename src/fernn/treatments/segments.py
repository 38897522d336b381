r"""Long forecasts in segments: the model begins anew from a memory of frames.

After every S predicted frames the state is thrown away and made again from the last
frames (short-term memory) and some observed ones before them, its key frames (long-term
memory), as in RecurrentGPT. A state can then not drift for longer than S frames. Key
frames are old: each slot sees them moved by its own flow up to where they follow each
other and the last frames, so that the treatment is equivariant.

Source: W. Zhou and others, RecurrentGPT, 2023, arXiv 2305.13304.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from fernn.flows import cached_kernels
from fernn.models.rollouts import Carry, Frame, RollOut
from fernn.treatments import rolled_out

NEUTRAL = {"length": None}
MODELS = ("forecaster",)


class Memory(NamedTuple):
    """What a roll-out remembers beside its own.

    Attributes:
        recent: the last frames.
        keys: observed frames that follow each other.
        age: how many frames are later than the last of `keys`.
        predicted: frames since the last beginning.
        inner: what the model's own roll-out remembers.
    """

    recent: Tensor
    keys: Tensor
    age: int
    predicted: int
    inner: Any


class Segments(RollOut):
    """The model's own roll-out, begun anew after every so many frames.

    Args:
        own: the model's roll-out.
        length: S; None for one segment.
        recent: last frames in the memory.
        keys: key frames in it, the last observed.
        moved: key frames are moved by each slot's flow.
    """

    def __init__(
        self, own: RollOut, length: int | None, recent: int, keys: int, moved: bool
    ):
        self.own, self.length = own, length
        self.recent, self.keys, self.moved = recent, keys, moved

    def begin(self, state: Tensor, video: Tensor) -> Carry:
        """See `RollOut.begin`."""
        carry = self.own.begin(state, video)
        first = max(video.shape[1] - self.keys, 0)
        memory = Memory(video[:, -self.recent :], video[:, first:], 0, 0, carry.memory)
        return carry._replace(memory=memory)

    def step(self, model: Any, carry: Carry) -> tuple[Carry, Frame]:
        """See `RollOut.step`."""
        memory: Memory = carry.memory
        if memory.predicted == self.length:
            carry = self._again(model, memory)
            memory = memory._replace(predicted=0, inner=carry.memory)
        carry, frame = self.own.step(model, carry._replace(memory=memory.inner))
        last = torch.cat([memory.recent, frame.clamp(0, 1)[:, None]], dim=1)
        later, count = memory.age + 1, memory.predicted + 1
        after = Memory(last[:, -self.recent :], memory.keys, later, count, carry.memory)
        return carry._replace(memory=after), frame

    def _again(self, model: Any, memory: Memory) -> Carry:
        """The beginning after the frames of the memory."""
        recent, old = memory.recent, memory.keys.shape[1]
        # From the last key frame to the first of the recent ones is one step.
        ahead = memory.age - recent.shape[1] if self.moved else 0
        frames = torch.cat([memory.keys, recent], dim=1)
        state = None
        with cached_kernels(model):
            for time, frame in enumerate(frames.unbind(1)):
                by = ahead if time < old else 0
                lifted = model.cell.lift(frame[:, None], time, by)[0]
                state = model.cell(lifted, state)
        assert state is not None
        return self.own.begin(state, frames)


def objection(
    *, length: int | None = None, recent: int = 5, keys: int = 0, moved: bool = True
):
    """Refuse segments that no memory fits: the reason in one line, or None."""
    if recent < 1 or keys < 0:
        return f"recent must be positive and keys not negative, got {recent} and {keys}"
    if length is not None and (not isinstance(length, int) or length < 1):
        return f"length must be a positive whole number, got {length}"
    if keys and length is not None and length < recent:
        return f"length must be at least recent, {recent}, with key frames"
    return None


def treat(
    model: nn.Module,
    *,
    length: int | None = None,
    recent: int = 5,
    keys: int = 0,
    moved: bool = True,
) -> nn.Module:
    """A copy that begins anew after every `length` predicted frames.

    Args:
        model: a forecaster.
        length: S, frames; None, or at least the horizon, is the model's own roll-out.
        recent: how many of the last frames it then reads.
        keys: how many of the last observed frames it reads before them.
        moved: these are moved by the flow of each slot; else they stay where they were.

    Raises:
        UserError: the model is no forecaster.
    """

    def wrap(own: RollOut) -> RollOut:
        return Segments(own, length, recent, keys, moved)

    return rolled_out(model, "segments", wrap)
