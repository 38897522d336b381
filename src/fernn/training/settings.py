"""The numbers that a training run is a function of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

from labrun.errors import UserError, nearest, require_known
from labrun.modules import configured, named

SCHEDULES = "fernn.training.schedules"
KINDS = {"loss", "optimiser", "schedule", "strategy"}  # settings that name kinds
Precision = Literal["float32", "tf32", "bfloat16"]
SelectBy = Literal["error", "accuracy"]
SeedDraws = Literal["all", "weights"]
# The seed of all trials. A processor's generator of torch takes the lowest 32 bits of a
# seed: this one is the largest, and a configuration may give lower ones only.
TUNING_SEED = 2**32 - 1
PRECISIONS: dict[Precision, Any] = {  # and what Lightning calls them
    "float32": "32-true",
    "tf32": "32-true",
    "bfloat16": "bf16-mixed",
}
# Settings that are whole numbers, and the least of each.
WHOLE = {
    "batch": 1,
    "sequences": 0,
    "epochs": 0,
    "context": 1,
    "horizon": 0,
    "long_horizon": 0,
    "seed": 0,
}
MOST, FRAMES = 2**62, 10_000  # of such a number, and of a sequence
Spec = str | dict[str, Any]  # a kind, or ``{"kind": ..., **options}``


@dataclass(frozen=True)
class Settings:
    """How a model is trained; with the data and the seed, all that decides the result.

    Attributes:
        batch: sequences in an optimiser step.
        sequences: in an epoch; the data say whether each epoch draws others.
        epochs: how many.
        context: observed frames.
        horizon: predicted frames.
        long_horizon: the longest training horizon, if `extend_horizon`.
        extend_horizon: in the second half, draw each step's horizon uniformly from
            ``horizon … long_horizon``.
        validation_horizon: predicted frames whose error decides which epoch, and which
            trial of a search, is best; None for the longest that is trained.
        learning_rate: at the peak of the schedule.
        schedule: see `fernn.training.schedules`.
        clip: the gradient's largest norm; None for any.
        precision: ``float32``; ``tf32``, which rounds the factors of products to 10
            bits where a GPU can; or ``bfloat16``, which keeps states with 8 bits, and
            weights, norms and losses in single precision.
        select_by: what of the validation decides which epoch, and which trial of a
            search, is best: the task's ``error``, or the ``accuracy`` of a task that
            has one; of equal ones the first.
        seed: of the run: its weights, its horizons and what `seed_draws` says.
        seed_draws: ``all``, the run's own training stream and validation sequences; or
            ``weights``, and the data are the same for all seeds.
        loss: see `fernn.training.losses`; None for that of the task.
        optimiser: see `fernn.training.optimisers`; None for Adam.
        strategy: one, or a list, see `fernn.training.strategies`; None for none.
    """

    batch: int
    sequences: int
    epochs: int
    context: int
    horizon: int
    long_horizon: int = 0
    extend_horizon: bool = False
    validation_horizon: int | None = None
    learning_rate: float = 1e-3
    schedule: Spec = "constant"
    clip: float | None = 1.0
    precision: Precision = "float32"
    select_by: SelectBy = "error"
    seed: int = 0
    seed_draws: SeedDraws = "all"
    loss: Spec | None = None
    optimiser: Spec | None = None
    strategy: Spec | list[Spec] | None = None

    def given(self) -> dict[str, Any]:
        """All that the result depends on; without what is left to its default."""
        return {name: value for name, value in vars(self).items() if value is not None}

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps in an epoch; the last batch is as large as the others."""
        return self.sequences // self.batch

    @property
    def steps(self) -> int:
        """All optimiser steps."""
        return self.steps_per_epoch * self.epochs

    @property
    def validated(self) -> int:
        """Predicted frames that decide which epoch is best; by default the longest.

        With the short horizon alone, weights from before its extension would win, and
        fail at once beyond it. Trials that may or may not extend the horizon are
        compared over the same frames, which `validation_horizon` then gives.
        """
        if self.validation_horizon is not None:
            return self.validation_horizon
        return self.long_horizon if self.extend_horizon else self.horizon

    def decisive(self, record: dict[str, float]) -> float:
        """What is least in the best epoch: the error, or the share of wrong answers."""
        if self.select_by == "accuracy":
            return 1 - record["validation_accuracy"]
        return record["validation_error"]

    def rate(self, step: int) -> float:
        """The learning rate of an optimiser step."""
        factor = configured(SCHEDULES, self.schedule, "factor")
        return self.learning_rate * factor(step, self.steps)

    def frames_ahead(self, step: int) -> int:
        """The training horizon of a step, a pure function of seed and step."""
        if not self.extend_horizon or step < self.steps // 2:
            return self.horizon
        from labrun.random_words import below, words  # needs numpy, settings do not

        drawn = words(self.seed, "horizon", 0, step, 1, 1)[0]
        longer = self.long_horizon - self.horizon + 1
        return self.horizon + int(below(drawn, longer)[0])


def specs_of(value: Any) -> list[dict[str, Any]]:
    """``{"kind": ..., **options}`` of each kind that a setting names."""
    each = value if isinstance(value, list) else [value]
    return [named(spec) for spec in each if spec is not None]


def dotted(given: dict[str, Any]) -> dict[str, Any]:
    """The options of kinds, each by a name of its own.

    That is ``optimiser.weight_decay``, and of one of several strategies
    ``strategy.KIND.option``.
    """
    found = {}
    for key in KINDS & given.keys():
        for spec in specs_of(given[key]):
            own = f"{spec.get('kind')}." if isinstance(given[key], list) else ""
            names = spec.keys() - {"kind"}
            found |= {f"{key}.{own}{name}": spec[name] for name in names}
    return found


def with_options(given: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """Settings with other values of such options; kinds are those given."""
    made = dict(given)
    for name, value in values.items():
        key, _, option = name.partition(".")
        specs = specs_of(made[key])
        if isinstance(made[key], list):
            kind, _, option = option.partition(".")
            chosen = [spec for spec in specs if spec["kind"] == kind]
        else:
            chosen = specs
        for spec in chosen:
            spec[option] = value
        made[key] = specs if isinstance(made[key], list) else specs[0]
    return made


def settings(spec: dict[str, Any], seed: int) -> Settings:
    """Settings from a specification.

    Raises:
        UserError: an unknown name, schedule or precision, a missing number, or no full
            batch.
    """
    known = Settings.__dataclass_fields__
    for name in spec:
        if name not in known:
            raise UserError(f"no training setting {name!r}; {nearest(name, known)}")
    try:
        made = Settings(**{**spec, "seed": seed})
    except TypeError as error:
        raise UserError(f"training settings: {error}") from None
    _require_numbers(made)
    _require_frames(made)
    configured(SCHEDULES, made.schedule, "factor")
    require_known("precision", made.precision, PRECISIONS)
    require_known("select_by", made.select_by, get_args(SelectBy))
    require_known("seed_draws", made.seed_draws, get_args(SeedDraws))
    if made.steps < 1:
        raise UserError(
            f"{made.sequences} sequences in {made.epochs} epochs give no step of"
            f" {made.batch} sequences"
        )
    return made


def _require_numbers(made: Settings) -> None:
    """Refuse settings that are not numbers of the right kind, or out of range.

    Raises:
        UserError: which, and what it is.
    """
    for name, least in WHOLE.items():
        value = getattr(made, name)
        if type(value) is not int or not least <= value <= MOST:
            raise UserError(
                f"{name} must be a whole number from {least} to {MOST}, got {value!r}"
            )
    amounts = {"learning_rate": made.learning_rate}
    if made.clip is not None:
        amounts["clip"] = made.clip
    for name, value in amounts.items():
        if type(value) not in (int, float) or not 0 < value < math.inf:
            raise UserError(f"{name} must be a number above 0, got {value!r}")


def _require_frames(made: Settings) -> None:
    """Refuse horizons that do not fit each other, or a sequence.

    Raises:
        UserError: which, and what it is.
    """
    told = made.validation_horizon
    if told is not None and not (type(told) is int and made.horizon <= told <= MOST):
        raise UserError(
            "validation_horizon must be a whole number from the horizon,"
            f" {made.horizon}, on, got {told!r}"
        )
    if made.context + max(made.horizon, made.long_horizon, told or 0) > FRAMES:
        raise UserError(
            f"a sequence has at most {FRAMES} frames, got a context of {made.context}"
        )
    if made.extend_horizon and made.long_horizon < made.horizon:
        raise UserError(
            f"long_horizon must be at least the horizon, {made.horizon}, got"
            f" {made.long_horizon}"
        )
