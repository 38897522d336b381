"""What a job computes: batches of videos that a network sees, counted from the plan."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from fernn.config.options import constant
from fernn.training.settings import Precision, Settings

BACKWARD = 2  # a step's gradients of inputs and weights cost this many forward passes


@dataclass(frozen=True)
class Network:
    """A model's specification, as JSON, and the height and width of its frames."""

    spec: str
    size: int

    @property
    def without_rollout(self) -> tuple[str, int]:
        """What its time depends on but for a few per cent."""
        spec = json.loads(self.spec)
        spec.pop("rollout", None)
        return json.dumps(spec, sort_keys=True), self.size


@dataclass(frozen=True)
class Work:
    """Batches of videos, all alike.

    Attributes:
        network: what sees them.
        batch: sequences in a batch.
        context: observed frames.
        horizon: predicted frames.
        batches: how many; an average need not be whole.
        trains: whether gradients are computed.
        slower: how many times longer than single precision it takes.
        precision: of its products.
    """

    network: Network
    batch: int
    context: int
    horizon: int
    batches: float
    trains: bool = False
    slower: float = 1.0
    precision: Precision = "float32"

    @property
    def frames(self) -> float:
        """Frames seen, those of a training step with their gradients."""
        each = self.batch * (self.context + self.horizon)
        return self.batches * each * (1 + BACKWARD * self.trains) * self.slower


def training(
    network: Network, spec: dict[str, Any], validation: int
) -> tuple[Work, ...]:
    """A training run: steps, and the validation after each epoch.

    A horizon drawn uniformly costs as much as its two ends, half of the time each.

    Args:
        network: what is trained.
        spec: the training settings of the plan.
        validation: sequences.
    """
    known = Settings.__dataclass_fields__
    run = Settings(**{name: value for name, value in spec.items() if name in known})
    sizes = network, run.batch, run.context
    checks = run.epochs * validation / run.batch
    late = (run.steps - run.steps // 2) / 2 if run.extend_horizon else 0
    works = [Work(*sizes, run.horizon, run.steps - late, trains=True)]
    if late:
        works.append(Work(*sizes, run.long_horizon, late, trains=True))
    works.append(Work(*sizes, run.validated, checks))
    return tuple(replace(work, precision=run.precision) for work in works)


def evaluation(
    network: Network, axis: dict[str, Any], recipe: dict[str, Any], seeds: int
) -> tuple[Work, ...]:
    """One statistic of one model, all its seeds.

    It forecasts every sequence once, unless its module's `WORK` lists other passes, as
    what differs from that one.

    Args:
        network: what is measured.
        axis: of the plan.
        recipe: of the axis's test set.
        seeds: how many.
    """
    spec = axis["spec"]
    batches = seeds * sequences(recipe) / spec["batch"]
    whole = Work(network, spec["batch"], spec["context"], spec["horizon"], batches)
    declared = constant("evaluation", axis["statistic"], "WORK")
    changes = ({},) if declared is None else declared
    return tuple(replace(whole, **change) for change in changes)


def sequences(recipe: dict[str, Any]) -> int:
    """How many sequences a recipe has: on a grid and under flows, copies of a few."""
    numbers = constant("data", recipe["kind"], "NUMBERS")
    components = len(numbers.components) if numbers else 2  # of a velocity
    square = (2 * recipe.get("grid_speed", 0) + 1) ** components
    flows = recipe.get("flows")
    moving = sum(map(any, flows)) if flows else square - 1
    grid = len(flows) if flows else square
    copies = {"grid": grid, "flowed": 1 + moving}.get(recipe["draw"], 1)
    return recipe["sequences"] * copies


def times(works: Iterable[Work], number: float) -> tuple[Work, ...]:
    """The same again and again."""
    return tuple(replace(work, batches=work.batches * number) for work in works)
