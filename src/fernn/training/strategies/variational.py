r"""Latent variables are drawn, and what is learnt are all frames, observed ones too.

The noise is a function of the seed, the step and the sample. For a model whose forward
pass takes ``noise`` last, of the ``latent_shape`` that it has for a frame, such as
PV-RNN and RSSM; its divergence from the prior is added by the strategy ``extra_loss``.

Source: A. Ahmadi, J. Tani, 2019, arXiv 1811.01339; RSSM: D. Hafner and others, ICML
2019, arXiv 1811.04551.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from fernn.training.settings import Settings
from fernn.training.strategies import Strategy
from fernn.videos.recipes import Sequences
from labrun.errors import UserError
from labrun.random_words import fractions, words


class Variational(Strategy):
    """The posterior is trained on all frames."""

    def __init__(self, latent_shape: Callable[..., tuple[int, ...]], seed: int):
        self.latent_shape, self.seed = latent_shape, seed

    def source(self, step: int, split: Sequences, task: Any) -> tuple[Sequences, Any]:
        """The same sequences, with noise."""
        return split, Drawn(task, self, step)


class Drawn:
    """A task of forecasting, whose input are all frames, what is known, and noise."""

    def __init__(self, task: Any, variational: Variational, step: int):
        self.task, self.own, self.step = task, variational, step
        self.LOSS = task.LOSS

    def batch(
        self, split: Any, first: int, count: int, context: int, ahead: int, epoch: int
    ) -> tuple[tuple[Any, ...], Tensor]:
        """``(all frames, ahead, what else the task gives, noise)``, and all frames."""
        (video, ahead, *known), target = self.task.batch(
            split, first, count, context, ahead, epoch
        )
        video = torch.cat([video, target], dim=1)
        shape = video.shape[1], *self.own.latent_shape(*video.shape[3:])
        noise = normal(self.own.seed, self.step, first, len(video), math.prod(shape))
        noise = noise.unflatten(1, shape).to(video)
        return (video, ahead, *known, noise), video


def normal(seed: int, step: int, first: int, count: int, width: int) -> Tensor:
    """Standard normal numbers of samples, by the quantiles of random fractions."""
    drawn = fractions(words(seed, "variational", step, first, count, width))
    centred = torch.from_numpy(drawn) + 0.5 / 2**32  # between 0 and 1, neither of them
    return torch.special.ndtri(centred)


def build(model: nn.Module, settings: Settings, needs: Any) -> Variational:
    """See the module.

    Raises:
        UserError: the model takes no noise.
    """
    if "noise" not in inspect.signature(model.forward).parameters:
        kind = type(model).__name__
        raise UserError(f"strategy variational: a {kind} has no latent variables")
    latent_shape: Any = model.latent_shape
    return Variational(latent_shape, settings.seed)
