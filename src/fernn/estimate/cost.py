"""What each job takes, and where that number comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from fernn.estimate.earlier import START, Earlier
from fernn.estimate.job import Job, Key
from fernn.estimate.work import Work

BENCHMARK, LIKE, FLOP, ASSUMED = "benchmarks", "like them", "FLOP", "assumed"
FACTORS = {BENCHMARK: 1.25, LIKE: 1.5, ASSUMED: 3.0}


class Speed(Protocol):
    """How fast models compute; see `fernn.estimate.speed`."""

    @property
    def factor(self) -> float:
        """How far off it may be."""
        ...

    def __call__(self, work: Work) -> float:
        """Seconds that a work takes."""
        ...


@dataclass(frozen=True)
class Cost:
    """The cost of one job.

    Attributes:
        seconds: on the clock on the wall.
        source: ``benchmarks`` of this job, of jobs ``like them``, ``FLOP``, or
            ``assumed`` where there is nothing to count.
        factor: how far off `seconds` may be, either way.
        memory: MB at most, where benchmarks tell.
    """

    seconds: float
    source: str
    factor: float
    memory: float | None = None


def costs(jobs: Mapping[Key, Job], earlier: Earlier, speed: Speed) -> dict[Key, Cost]:
    """The cost of every job, from benchmarks where there are any that apply."""
    return {key: _cost(job, earlier, speed) for key, job in jobs.items()}


def _cost(job: Job, earlier: Earlier, speed: Speed) -> Cost:
    if known := earlier(job):
        run, own = known
        source = BENCHMARK if own else LIKE
        return Cost(run.seconds, source, FACTORS[source], run.memory)
    if not job.works:
        return Cost(START, ASSUMED, FACTORS[ASSUMED])
    computing = sum(speed(work) * work.slower for work in job.works)
    return Cost(START + computing / max(job.devices, 1), FLOP, speed.factor)


def total(costs: Mapping[Key, Cost], weight: Callable[[Key], float]) -> list[float]:
    """The sum of ``weight(key) * seconds``, the least it may be, and the most."""
    terms = [(weight(key) * cost.seconds, cost.factor) for key, cost in costs.items()]
    return [
        sum(value for value, _ in terms),
        sum(value / factor for value, factor in terms),
        sum(value * factor for value, factor in terms),
    ]
