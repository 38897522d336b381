r"""Scheduled sampling: whether a recurrent model is fed a true frame, or its own.

With probability η a frame is the true one, drawn for each step, sequence and frame. Of
the observed frames (o) and the later ones (l), with k the share that is done of the
steps until `stop`,

=========  ====================================  ==========================
order      η_o                                   η_l
=========  ====================================  ==========================
scheduled  1                                     1 - k
reverse    1/2, from k = 1/2 1 - exp(5 - 10k)/2  1/2, from k = 1/2 1 - k
=========  ====================================  ==========================

and 1 and 0 afterwards, as in use. The error is of the prediction of every frame but the
first. S. Bengio and others, NeurIPS 2015 (arXiv 1506.03099); reversed by Y. Wang and
others (PredRNNv2, arXiv 2103.09504).

Source: S. Bengio and others, NeurIPS 2015, arXiv 1506.03099; arXiv 2103.09504.
"""

from __future__ import annotations

import inspect
import math
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from fernn.training.settings import Settings
from fernn.training.strategies import Strategy
from fernn.videos.recipes import Sequences
from labrun.errors import UserError, require_known
from labrun.random_words import fractions, words

Order = Literal["scheduled", "reverse"]


class Sampling(Strategy):
    """The frames that are fed are drawn."""

    def __init__(self, settings: Settings, order: Order, stop: float):
        self.settings, self.order, self.stop = settings, order, stop

    def source(self, step: int, split: Sequences, task: Any) -> tuple[Sequences, Any]:
        """The same sequences, fed as the step says."""
        return split, Fed(task, self, step)

    def given(self, step: int) -> tuple[float, float]:
        """The shares of true frames, among the observed ones and the later ones."""
        until = self.stop * self.settings.steps
        done = step / until if until else 1.0
        if done >= 1:
            return 1.0, 0.0
        if self.order == "scheduled":
            return 1.0, 1 - done
        if done < 0.5:
            return 0.5, 0.5
        return 1 - math.exp(5 - 10 * done) / 2, 1 - done


class Fed:
    """A task of forecasting, with the frames after the observed ones in its input."""

    def __init__(self, task: Any, sampling: Sampling, step: int):
        self.task, self.sampling, self.step = task, sampling, step
        self.LOSS = task.LOSS

    def batch(
        self, split: Any, first: int, count: int, context: int, ahead: int, epoch: int
    ) -> tuple[tuple[Any, ...], Tensor]:
        """``(all frames, ahead, which are fed)``, and all frames but the first."""
        (video, ahead), target = self.task.batch(
            split, first, count, context, ahead, epoch
        )
        video, fed = torch.cat([video, target], dim=1), context + ahead - 1
        seed = self.sampling.settings.seed
        place = (seed, "sampling", self.step, first, len(video), fed)
        drawn = fractions(words(*place))
        shares = torch.tensor(self.sampling.given(self.step), dtype=torch.float64)
        shares = shares.repeat_interleave(torch.tensor([context, ahead - 1]))
        given = torch.from_numpy(drawn) < shares
        return (video, ahead, given.to(video.device)), video[:, 1:]


def build(
    model: nn.Module,
    settings: Settings,
    needs: Any,
    *,
    order: Order = "scheduled",
    stop: float = 0.6,
) -> Sampling:
    """Scheduled sampling.

    Args:
        model: whose forward pass takes ``given``.
        settings: of the training.
        needs: none.
        order: ``scheduled`` or ``reverse``.
        stop: share of the steps after which no later frame is given.

    Raises:
        UserError: the model cannot be fed true frames, or an argument is out of range.
    """
    require_known("order", order, get_args(Order))
    if not 0 <= stop <= 1:
        raise UserError(f"scheduled_sampling.stop must be from 0 to 1, got {stop}")
    if "given" not in inspect.signature(model.forward).parameters:
        kind = type(model).__name__
        raise UserError(f"strategy scheduled_sampling: a {kind} is fed no true frames")
    return Sampling(settings, order, stop)
