r"""The observed frames are read several times, each from the state of the time before.

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
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor

from fernn.flows import push_forward

Reading = Callable[[Tensor, Tensor | None], Iterator[Tensor]]


def earlier(
    model: Any, read: Reading, video: Tensor, state: Tensor | None
) -> Tensor | None:
    """The state from which the last reading of a video begins.

    Args:
        model: with ``readings`` and ``pulled_back``.
        read: reads the video once, from a state.
        video: the observed frames.
        state: from which the first reading begins.
    """
    for _ in range(model.readings - 1):
        last = deque(read(video, state), maxlen=1).pop()  # refuses a wrong video
        back = model.cell.back(last, video.shape[1])
        if not model.pulled_back:
            back = push_forward(model.cell.flow, back, video.shape[1])
        state = back
    return state
