r"""Generalised teacher forcing: a roll-out is drawn to the truth by a share α.

See `fernn.models._forced`. With k the share that is done of the steps until `stop`,

=============  ====================================================================
schedule       α of a step
=============  ====================================================================
``none``       0, plain training
``full``       1, teacher forcing
``constant``   `share`
``linear``     1 - k
``reverse``    k
``sampled``    0 or 1, drawn with the probability 1 - k for each sequence and frame
``adaptive``   by the Jacobians of the closed loop, see `_adaptive`
=============  ====================================================================

F. Hess and others, ICML 2023 (arXiv 2306.04406). `sampled` is scheduled sampling (S.
Bengio and others, arXiv 1506.03099) in the roll-out alone; `scheduled_sampling` draws
observed frames too, and learns to predict every frame.

Source: F. Hess and others, ICML 2023, arXiv 2306.04406; S. Bengio and others, arXiv
1506.03099.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from fernn.models._forced import Forcing, What, objection
from fernn.training.settings import Settings
from fernn.training.strategies import Run, Strategy
from fernn.training.strategies._adaptive import Adaptive, closed_objection
from fernn.videos.recipes import Sequences
from labrun.errors import UserError, require_known
from labrun.random_words import fractions, words

Schedule = Literal[
    "none", "full", "constant", "linear", "reverse", "sampled", "adaptive"
]
SHARES: dict[str, Callable[[float], float]] = {  # of k
    "none": lambda done: 0.0,
    "full": lambda done: 1.0,
    "linear": lambda done: 1 - done,
    "reverse": lambda done: done,
    "sampled": lambda done: 1 - done,
}


class TeacherForcing(Strategy):
    """The roll-out is forced as the step says."""

    def __init__(
        self,
        settings: Settings,
        what: What,
        schedule: Schedule,
        share: float,
        stop: float,
        adaptive: Adaptive | None,
    ):
        self.settings, self.schedule = settings, schedule
        self.what: What = what
        self.constant, self.stop, self.adaptive = share, stop, adaptive
        self.newest = 0.0

    def source(self, step: int, split: Sequences, task: Any) -> tuple[Sequences, Any]:
        """The same sequences, and their true frames beside them."""
        if self.adaptive:
            self.adaptive.estimate(step, split)
        return split, Forced(task, self, step)

    def share(self, step: int) -> float:
        """α of a step, or the probability that it is 1."""
        if self.adaptive:
            return self.adaptive.share
        until = self.stop * self.settings.steps
        done = min(1.0, step / until) if until else 1.0
        return SHARES.get(self.schedule, lambda done: self.constant)(done)

    def after_step(self, run: Run) -> None:
        """Keep what is to be told."""
        self.newest = self.share(run["step"])

    def report(self) -> dict[str, float]:
        """The newest share, and by what it is adapted."""
        return {
            "share": self.newest,
            **(self.adaptive.report() if self.adaptive else {}),
        }

    def state_dict(self) -> dict[str, Any]:
        """That, and the state of the adaptation."""
        held = self.adaptive.state_dict() if self.adaptive else {}
        return {"newest": self.newest, "adaptive": held}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The same."""
        self.newest = state["newest"]
        if self.adaptive:
            self.adaptive.load_state_dict(state["adaptive"])


class Forced:
    """A task of forecasting, whose roll-out is forced."""

    def __init__(self, task: Any, strategy: TeacherForcing, step: int):
        self.task, self.strategy, self.step = task, strategy, step
        self.LOSS = task.LOSS

    def batch(
        self, split: Any, first: int, count: int, context: int, ahead: int, epoch: int
    ) -> tuple[tuple[Any, ...], Tensor]:
        """``(observed frames, ahead, forcing)``, and the frames to predict."""
        how, step = self.strategy, self.step
        place = (split, first, count, context, ahead, epoch)
        (video, ahead), target = self.task.batch(*place)
        shares = torch.full((len(video), ahead - 1), how.share(step))
        if how.schedule == "sampled":
            drawn = words(how.settings.seed, "forcing", step, first, *shares.shape)
            drawn = torch.from_numpy(fractions(drawn))
            shares = (drawn < shares.double()).float()
        forcing = Forcing(target, shares.to(video.device), how.what)
        return (video, ahead, forcing), target


def build(
    model: nn.Module,
    settings: Settings,
    needs: Any,
    *,
    what: What = "frame",
    schedule: Schedule = "linear",
    share: float = 0.5,
    stop: float = 1.0,
    every: int = 5,
) -> TeacherForcing:
    """Generalised teacher forcing.

    Args:
        model: whose roll-out can be forced.
        settings: of the training.
        needs: none.
        what: ``frame``, the fed frame, or ``state``.
        schedule: of the share, see above.
        share: of a constant schedule.
        stop: share of the steps after which a schedule has its last value.
        every: steps from one estimate of an adaptive share to the next.

    Raises:
        UserError: the model's roll-out cannot be forced like that, or an argument is
            unknown or out of range.
    """
    require_known("what", what, get_args(What))
    require_known("schedule", schedule, get_args(Schedule))
    for name, value in {"share": share, "stop": stop}.items():
        if not 0 <= value <= 1:
            raise UserError(f"forcing.{name} must be from 0 to 1, got {value}")
    if every < 1:
        raise UserError(f"forcing.every must be positive, got {every}")
    reason = _reason(model, what, schedule)
    if reason:
        raise UserError(f"strategy forcing: {reason}")
    adaptive = Adaptive(model, settings, every) if schedule == "adaptive" else None
    return TeacherForcing(settings, what, schedule, share, stop, adaptive)


def _reason(model: Any, what: What, schedule: Schedule) -> str | None:
    """Why a model cannot be trained like that."""
    if "forcing" not in inspect.signature(model.forward).parameters:
        return f"the roll-out of a {type(model).__name__} cannot be forced"
    own = closed_objection(model) if schedule == "adaptive" else None
    return objection(model.rollout, what) or own
