r"""Self-pretraining: a classifier first learns to predict the frames of its own data.

For a share of the epochs, what the classifier has before its linear layer, of a cell
its states pooled over V, is decoded to frames by a layer that the checkpoint drops.
Then the task is learnt from those weights, by an optimiser without memory, and weights
of the first phase are not chosen. The first phase is one of

* ``next``, of causal classifiers: each frame but the first is predicted from those
  before it, by the state moved one step; the loss is the mean squared error;
* ``masked``: patches of 4×4 pixels of each frame are black with a probability, and are
  restored; the loss is the absolute error of these pixels.

Steps, data and learning rates are those of one training: nothing is added.

Source: I. Amos and others, Never Train from Scratch, ICLR 2024, arXiv 2310.02980.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import torch
from jaxtyping import Bool
from torch import Tensor

from fernn.training.settings import Settings
from fernn.training.strategies import Run, Strategy, begin_phase
from fernn.training.strategies._scaffold import attach, without
from fernn.videos.recipes import Sequences
from labrun.errors import UserError, require_known
from labrun.random_words import fractions, words

Pretext = Literal["next", "masked"]
PATCH = 4  # pixels of its side


class SelfPretraining(Strategy):
    """Frames until a step, then the task."""

    def __init__(
        self,
        settings: Settings,
        decoder: Any,
        until: int,
        pretext: Pretext,
        mask: float,
    ):
        self.settings, self.decoder, self.until = settings, decoder, until
        self.pretext, self.mask, self.pretrains = pretext, mask, until > 0
        if until:
            self.partial = "self_pretrain trains the head in the second phase alone"

    def source(self, step: int, split: Sequences, task: Any) -> tuple[Sequences, Any]:
        """The same sequences, and what is learnt of them."""
        self.pretrains = step < self.until
        return split, Frames(self, step) if self.pretrains else task

    def call(self, network: Any, seen: tuple[Any, ...], target: Tensor) -> Tensor:
        """Decoded frames, or what the model says."""
        if not self.pretrains:
            return network(*seen)
        video, *hidden = seen
        frames = network(video, self.decoder, int(self.pretext == "next"))
        if self.pretext == "next":
            return frames[:, :-1]
        return torch.where(hidden[0], frames, target)

    def before_step(self, run: Run, optimiser: torch.optim.Optimizer) -> None:
        """The second phase begins with the weights alone."""
        if run["step"] == self.until and self.until:
            optimiser.state.clear()
            begin_phase(run)

    def report(self) -> dict[str, float]:
        """Whether the epoch was of the first phase."""
        return {"pretrains": float(self.pretrains)}

    def kept(
        self, spec: dict[str, Any], weights: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The classifier without the decoder."""
        return spec, without(weights)


class Frames:
    """The task of the first phase."""

    def __init__(self, strategy: SelfPretraining, step: int):
        self.strategy, self.step = strategy, step
        self.LOSS = "mse" if strategy.pretext == "next" else "l1"

    def batch(
        self, split: Any, first: int, count: int, context: int, ahead: int, epoch: int
    ) -> tuple[tuple[Any, ...], Tensor]:
        """``(frames,)`` and those that follow, or ``(masked frames, mask)`` and all."""
        how, video = self.strategy, split.video(first, count, context, epoch)
        if how.pretext == "next":
            return (video,), video[:, 1:]
        place = how.settings.seed, "mask", self.step, first
        hidden = masks(place, video.shape, how.mask).to(video.device)
        return (video.masked_fill(hidden, 0.0), hidden), video


def masks(
    place: tuple[int, str, int, int], shape: torch.Size, share: float
) -> Bool[Tensor, "batch time channel height width"]:
    """Which pixels are hidden: patches, drawn for each step, sequence and frame."""
    samples, frames, channels, height, width = shape
    rows, columns = -(-height // PATCH), -(-width // PATCH)
    drawn = fractions(words(*place, samples, frames * rows * columns))
    patches = torch.from_numpy(drawn < share).view(samples, frames, 1, rows, columns)
    pixels = patches.repeat_interleave(PATCH, 3).repeat_interleave(PATCH, 4)
    return pixels[..., :height, :width].expand(-1, -1, channels, -1, -1)


def build(
    model: Any,
    settings: Settings,
    needs: Any,
    *,
    share: float = 0.5,
    pretext: Pretext = "next",
    mask: float = 0.5,
) -> SelfPretraining:
    """Self-pretraining.

    Args:
        model: a classifier with `frames` and `frame_decoder`; for ``next`` causal.
        settings: of the training; without a loss, so that each phase has its own.
        needs: none.
        share: of the epochs, rounded, that the first phase has.
        pretext: what it learns.
        mask: probability that a patch is hidden.

    Raises:
        UserError: the model decodes no frames, or sees those it would predict; a loss
            is given, one frame is seen, or an argument is unknown or out of range.
    """
    require_known("pretext", pretext, get_args(Pretext))
    if not (0 <= share < 1 and 0 < mask <= 1):
        raise UserError(
            "self_pretrain: share must be from 0 to below 1 and mask above 0 to 1, got"
            f" {share} and {mask}"
        )
    if not hasattr(model, "frames"):
        raise UserError(
            f"strategy self_pretrain: a {type(model).__name__} decodes no frames"
        )
    if pretext == "next" and not model.causal:
        raise UserError(
            f"self_pretrain: this {type(model).__name__} sees the frames after each;"
            " give it pretext 'masked', got 'next'"
        )
    if settings.loss is not None or settings.context < 2:
        raise UserError(
            "self_pretrain needs two frames or more and no `loss`, for each phase has"
            f" its own; got {settings.context} and {settings.loss}"
        )
    decoder = attach(model, "self_pretrain", settings.seed, model.frame_decoder)
    until = round(share * settings.epochs) * settings.steps_per_epoch
    return SelfPretraining(settings, decoder, until, pretext, mask)
