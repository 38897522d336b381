r"""The observed frames are read again, from the state that the first reading left.

*Just Read Twice* repeats a prompt. Here frame 1 does not follow frame T, so each slot
of the state is first pulled back by its own flow,

.. math:: h_0'(\nu) = \psi_{-T}(\nu) \cdot h_T(\nu),

and a flow of the input permutes the slots after both readings as after one. Without the
pull-back, the form of the paper, the slots meet the frames again T steps away from
where they are, and the equivariance is lost.

Source: S. Arora and others, Just Read Twice, 2024, arXiv 2407.05483.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from torch import Tensor, nn

from fernn.flows import push_forward
from fernn.treatments import Stepwise, extended

NEUTRAL = {"readings": 1}
MODELS = ("forecaster",)


class Rereading(Stepwise):
    """A forecaster that reads its frames several times."""

    readings: int
    pulled_back: bool

    def _observe(self, video: Tensor, state: Tensor | None = None) -> Iterator[Tensor]:
        frames = video.shape[1]
        for _ in range(self.readings - 1):
            state = deque(super()._observe(video, state), maxlen=1).pop()
            state = self.cell.back(state, frames)
            if not self.pulled_back:
                state = push_forward(self.cell.flow, state, frames)
        yield from super()._observe(video, state)


def objection(*, readings: int = 1, pulled_back: bool = True):
    """Refuse fewer than one reading: the reason in one line, or None."""
    if not isinstance(readings, int) or readings < 1:
        return f"readings must be a positive whole number, got {readings}"
    return None


def treat(
    model: nn.Module, *, readings: int = 1, pulled_back: bool = True
) -> nn.Module:
    """A copy that reads the observed frames so many times.

    Args:
        model: a forecaster.
        readings: of all observed frames; each costs as much as the first.
        pulled_back: by the flow of each slot, before frame 1 comes again.

    Raises:
        UserError: the model is no forecaster.
    """
    return extended(model, Rereading, readings=readings, pulled_back=pulled_back)
