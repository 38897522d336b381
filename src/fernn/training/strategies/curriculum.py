r"""Curricula: from short horizons, or slow digits, to long and fast ones, in stages.

A stage has a training horizon (`horizons`), a largest speed of the data (`speeds`), or
both. The next one begins after an equal share of the steps, or at the end of an epoch
of which an error is small enough. Of a horizon, all predicted frames are
learnt, or the newest ones alone (`window`; 1 is the paper's single head).

In the paper the heads are of a memory task.

Source: S. Khajehabdollahi and others, Emergent mechanisms for long timescales, ICLR
2024, arXiv 2309.12927.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from fernn.training.settings import Settings
from fernn.training.strategies import Run, Strategy, begin_phase
from fernn.videos.recipes import Sequences
from labrun.errors import UserError, require_known

By = Literal["validation_error", "train_loss"]


class Curriculum(Strategy):
    """A stage after the other; the last decides which weights are best.

    Args:
        settings: of the training.
        horizons: of the stages; none for that of the settings.
        speeds: likewise, of the data.
        window: predicted frames that are learnt, the newest; None for all.
        by: of an epoch's record, what is compared.
        below: the next stage begins when it is smaller; None for equal shares.
    """

    def __init__(
        self,
        settings: Settings,
        horizons: list[int],
        speeds: list[int],
        window: int | None,
        by: By,
        below: float | None,
    ):
        self.settings, self.horizons, self.speeds = settings, horizons, speeds
        self.window, self.by, self.below = window, by, below
        self.stages = len(horizons or speeds)
        self.stage, self.begins = 0, False
        self._slow: dict[int, Any] = {}

    def frames_ahead(self, step: int, settings: Settings) -> int:
        """The horizon of the stage."""
        if self.horizons:
            return self.horizons[self.stage]
        return settings.frames_ahead(step)

    def source(self, step: int, split: Any, task: Any) -> tuple[Sequences, Any]:
        """The sequences of the stage's speed, and the frames that are learnt."""
        if self.speeds:
            speed = self.speeds[self.stage]
            if speed not in self._slow:
                self._slow[speed] = split.with_speed(speed)
            split = self._slow[speed]
        return split, task if self.window is None else Newest(task, self.window)

    def call(self, network: Any, seen: tuple[Any, ...], target: Tensor) -> Tensor:
        """The predictions of the frames that are learnt."""
        output = network(*seen)
        return output if self.window is None else output[:, -self.window :]

    def before_step(self, run: Run, optimiser: torch.optim.Optimizer) -> None:
        """Begin a stage; weights of earlier ones are not chosen."""
        if self.below is None:
            self._to(run["step"] * self.stages // self.settings.steps)
        if self.begins:
            begin_phase(run)
            self.begins = False

    def after_epoch(self, run: Run) -> None:
        """Decide by its error whether the next stage begins."""
        if self.below is not None:
            self._to(self.stage + (run["records"][-1][self.by] < self.below))

    def _to(self, wanted: int) -> None:
        later = min(wanted, self.stages - 1)
        self.stage, self.begins = later, self.begins or later > self.stage

    def report(self) -> dict[str, float]:
        """The newest stage, from 0."""
        return {"stage": self.stage}

    def state_dict(self) -> dict[str, Any]:
        """The stage, and whether it is about to begin."""
        return {"stage": self.stage, "begins": self.begins}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The same."""
        self.stage, self.begins = state["stage"], state["begins"]


class Newest:
    """A task of forecasting of which the last frames alone are learnt."""

    def __init__(self, task: Any, window: int):
        self.task, self.window, self.LOSS = task, window, task.LOSS

    def batch(self, *place: Any) -> tuple[tuple[Any, ...], Tensor]:
        """See `fernn.training.tasks`."""
        seen, target = self.task.batch(*place)
        return seen, target[:, -self.window :]


def build(
    model: nn.Module,
    settings: Settings,
    needs: Any,
    *,
    horizons: list[int] | None = None,
    speeds: list[int] | None = None,
    window: int | None = None,
    by: By = "train_loss",
    below: float | None = None,
) -> Curriculum:
    """A curriculum; see `Curriculum`.

    Raises:
        UserError: there is no stage, there are more than steps, horizons and speeds
            are not equally many, or a number is out of range.
    """
    require_known("by", by, get_args(By))
    ways = [each for each in (horizons, speeds) if each]
    if len({len(each) for each in ways}) != 1:
        raise UserError(
            "a curriculum has horizons, speeds, or as many of both, got"
            f" {horizons} and {speeds}"
        )
    if len(ways[0]) > settings.steps:
        raise UserError(
            f"{len(ways[0])} stages do not fit {settings.steps} steps: each has one"
            " or more"
        )
    positive = [*(horizons or []), *([] if window is None else [window])]
    if any(each < 1 for each in positive) or any(each < 0 for each in speeds or []):
        raise UserError(
            "curriculum: horizons and window must be positive, and no speed negative,"
            f" got {horizons}, {window} and {speeds}"
        )
    return Curriculum(settings, horizons or [], speeds or [], window, by, below)
