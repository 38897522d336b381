"""When a run ends: jobs that wait for each other, on a number of places."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from graphlib import TopologicalSorter

from fernn.estimate.job import Job, Key
from labrun.errors import UserError


def chains(jobs: Mapping[Key, Job], seconds: Mapping[Key, float]) -> dict[Key, float]:
    """From the start of each job to the end of the longest chain that follows it."""
    order = TopologicalSorter({key: job.after for key, job in jobs.items()})
    below: dict[Key, float] = dict.fromkeys(jobs, 0.0)
    length: dict[Key, float] = {}
    for key in reversed(list(order.static_order())):
        length[key] = seconds[key] + below[key]
        for before in jobs[key].after:
            below[before] = max(below[before], length[key])
    return length


def wall_time(
    jobs: Mapping[Key, Job], seconds: Mapping[Key, float], places: int
) -> float:
    """Seconds until the last job ends, by list scheduling.

    Whenever a place is free, the job that heads the longest chain of those that can
    start takes it. That is at most twice the shortest possible time if every job takes
    one place; a job that asks for several devices takes as many places.

    Raises:
        UserError: a job needs more places than there are.
    """
    urgency = chains(jobs, seconds)
    waiting = {key: set(job.after) for key, job in jobs.items()}
    ready = {key for key, before in waiting.items() if not before}
    running: list[tuple[float, Key]] = []
    now, free = 0.0, places
    while ready or running:
        for key in sorted(ready, key=lambda key: (-urgency[key], key)):
            if width(jobs[key]) <= free:
                ready.remove(key)
                free -= width(jobs[key])
                heapq.heappush(running, (now + seconds[key], key))
        if not running:
            largest = max(width(jobs[key]) for key in ready)
            raise UserError(f"a job needs {largest} GPUs at once; --gpus is {places}")
        now, ended = heapq.heappop(running)
        free += width(jobs[ended])
        for key, before in waiting.items():
            if ended in before:
                before.remove(ended)
                if not before:
                    ready.add(key)
    return now


def width(job: Job) -> int:
    """Places that a job takes."""
    return max(job.devices, 1)
