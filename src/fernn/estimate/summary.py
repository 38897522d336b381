"""The estimate as rows and totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from fernn.estimate import cost
from fernn.estimate.cost import Cost
from fernn.estimate.job import STAGES, Job, Key
from fernn.estimate.schedule import chains, wall_time, width


def summary(
    jobs: Mapping[Key, Job], costs: Mapping[Key, Cost], places: int
) -> dict[str, Any]:
    """Rows by stage and model, and totals; times in seconds, memory in MB.

    A row's ``device_seconds`` count each device of a job.
    """
    groups: dict[tuple[str, str], list[Key]] = {}
    for stage in (*STAGES, "rest"):
        for key, job in jobs.items():
            if job.stage == stage:
                model = job.model if stage != "rest" else ""
                groups.setdefault((stage, model), []).append(key)
    seconds = {key: each.seconds for key, each in costs.items()}
    on_devices = _total(costs, {k: float(job.devices) for k, job in jobs.items()})
    rest = _total(costs, {k: float(not job.devices) for k, job in jobs.items()})
    wall = wall_time(jobs, seconds, places)
    return {
        "rows": [_row(*name, keys, jobs, costs) for name, keys in groups.items()],
        "total": {
            "jobs": len(jobs),
            "device_seconds": on_devices,
            "rest_seconds": rest,
            "gpus": places,
            "wall_seconds": wall,
            "chain_seconds": max(chains(jobs, seconds).values()),
        },
    }


def _total(costs: Mapping[Key, Cost], weight: Mapping[Key, float]) -> dict[str, float]:
    names = ("expected", "least", "most")
    return dict(zip(names, cost.total(costs, weight.__getitem__), strict=True))


def _row(
    stage: str,
    model: str,
    keys: Iterable[Key],
    jobs: Mapping[Key, Job],
    costs: Mapping[Key, Cost],
) -> dict[str, Any]:
    own = {key: costs[key] for key in keys}
    memory = max((each.memory or 0.0 for each in own.values()), default=0.0)
    sources = Counter(each.source for each in own.values())
    return {
        "stage": stage,
        "model": model,
        "jobs": len(own),
        "device_seconds": sum(width(jobs[k]) * c.seconds for k, c in own.items()),
        "longest_job_seconds": max(each.seconds for each in own.values()),
        "memory_mb": memory or None,
        "sources": dict(sources),
    }
