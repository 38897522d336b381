"""What each job takes and where that number comes from, and the sums over jobs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from labrun.estimate.benchmarks import START, Earlier
from labrun.estimate.job import STAGES, Job, Key, needed
from labrun.estimate.schedule import chains, wall_time

BENCHMARK, LIKE, FLOP, ASSUMED = "benchmarks", "like them", "FLOP", "assumed"
FACTORS = {BENCHMARK: 1.25, LIKE: 1.5, ASSUMED: 3.0}


class Speed(Protocol):
    """How fast works are computed."""

    @property
    def factor(self) -> float:
        """How far off it may be."""
        ...

    def __call__(self, work: Any) -> float:
        """Seconds that a work of a job takes."""
        ...


@dataclass(frozen=True)
class Cost:
    """The cost of one job.

    Attributes:
        seconds: on the clock on the wall.
        source: ``benchmarks`` of this job, of jobs ``like them``, ``FLOP``, or
            ``assumed`` where there is nothing to count.
        factor: how far off `seconds` may be, either way.
        memory: MB at most, where benchmarks say.
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
    computing = sum(map(speed, job.works))
    return Cost(START + computing / job.width, FLOP, speed.factor)


def device_hours(
    jobs: Mapping[Key, Job], costs: Mapping[Key, Cost], last: Iterable[Key]
) -> tuple[float, bool]:
    """Hours on devices until the last jobs can end, and whether all were measured.

    Each device of a job counts.
    """
    used = [key for key in needed(jobs, last) if jobs[key].devices]
    seconds = sum(jobs[key].width * costs[key].seconds for key in used)
    return seconds / 3600, all(costs[key].source == BENCHMARK for key in used)


def summary(
    jobs: Mapping[Key, Job], costs: Mapping[Key, Cost], places: int
) -> dict[str, Any]:
    """Rows by stage and model, and totals; times in seconds, memory in MB.

    A row's ``device_seconds`` count each device of a job.
    """
    groups: dict[tuple[str, str], list[Key]] = defaultdict(list)
    for stage in (*STAGES, "rest"):
        for key, job in jobs.items():
            if job.stage == stage:
                groups[stage, job.model if stage != "rest" else ""].append(key)
    seconds = {key: cost.seconds for key, cost in costs.items()}
    return {
        "rows": [_row(*name, keys, jobs, costs) for name, keys in groups.items()],
        "total": {
            "jobs": len(jobs),
            "device_seconds": _total(costs, lambda key: jobs[key].devices),
            "rest_seconds": _total(costs, lambda key: not jobs[key].devices),
            "gpus": places,
            "wall_seconds": wall_time(jobs, seconds, places),
            "chain_seconds": max(chains(jobs, seconds).values()),
        },
    }


def _total(
    costs: Mapping[Key, Cost], weight: Callable[[Key], float]
) -> dict[str, float]:
    """The sum of ``weight(key) * seconds``, the least it may be, and the most."""
    terms = [(weight(key) * cost.seconds, cost.factor) for key, cost in costs.items()]
    return {
        "expected": sum(value for value, _ in terms),
        "least": sum(value / factor for value, factor in terms),
        "most": sum(value * factor for value, factor in terms),
    }


def _row(
    stage: str,
    model: str,
    keys: list[Key],
    jobs: Mapping[Key, Job],
    costs: Mapping[Key, Cost],
) -> dict[str, Any]:
    own = [costs[key] for key in keys]
    return {
        "stage": stage,
        "model": model,
        "jobs": len(keys),
        "device_seconds": sum(jobs[key].width * costs[key].seconds for key in keys),
        "longest_job_seconds": max(cost.seconds for cost in own),
        "memory_mb": max(cost.memory or 0.0 for cost in own) or None,
        "sources": dict(Counter(cost.source for cost in own)),
    }
