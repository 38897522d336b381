"""What it takes to make a few files of a run: all jobs that they wait for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fernn.estimate.cost import BENCHMARK, Cost
from fernn.estimate.job import Job, Key
from fernn.estimate.schedule import width


def needed(jobs: Mapping[Key, Job], last: Iterable[Key]) -> set[Key]:
    """Some jobs and all that they wait for, directly or not."""
    found: set[Key] = set()
    waiting = [key for key in last if key in jobs]
    while waiting:
        key = waiting.pop()
        if key not in found:
            found.add(key)
            waiting += jobs[key].after
    return found


def device_hours(
    jobs: Mapping[Key, Job], costs: Mapping[Key, Cost], last: Iterable[Key]
) -> tuple[float, bool]:
    """Hours on devices until the last jobs can end, and whether all were measured.

    Each device of a job counts.
    """
    used = [key for key in needed(jobs, last) if jobs[key].devices]
    seconds = sum(width(jobs[key]) * costs[key].seconds for key in used)
    return seconds / 3600, all(costs[key].source == BENCHMARK for key in used)
