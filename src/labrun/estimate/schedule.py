"""When a run ends: planned from the jobs' dependencies, or estimated while it runs."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter

from labrun.errors import UserError
from labrun.estimate.job import Job, Key

# A job whose needs are not known yet takes one core, and one node of a cluster.
ONE = {"_cores": 1.0, "_nodes": 1.0}


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
    start takes it: at most twice the shortest possible time if every job takes one
    place. A job takes as many places as it has devices.

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
            if jobs[key].width <= free:
                ready.remove(key)
                free -= jobs[key].width
                heapq.heappush(running, (now + seconds[key], key))
        if not running:
            largest = max(jobs[key].width for key in ready)
            raise UserError(f"a job needs {largest} GPUs at once; --gpus is {places}")
        now, ended = heapq.heappop(running)
        free += jobs[ended].width
        ready |= _released(waiting, ended)
    return now


def _released(waiting: Mapping[Key, set[Key]], ended: Key) -> set[Key]:
    """The jobs that waited for nothing but one that has ended."""
    released = set()
    for key, before in waiting.items():
        if ended in before:
            before.remove(ended)
            if not before:
                released.add(key)
    return released


@dataclass(frozen=True)
class Left:
    """The time left, in seconds; only the least of it unless `complete`."""

    seconds: float
    complete: bool


class TimeLeft:
    """The time left of a run whose jobs are counted by rule as they start and end.

    It learns how long a job of each rule takes. The rest of a running job is its rule's
    mean less the time it has run. For each resource of `capacity` (cores, nodes, GPUs
    ...) the seconds left times what a job takes of it, divided by how much there is of
    it, bound the time left from below; so does the longest single job. The largest
    bound is the estimate.

    Args:
        totals: number of jobs of each rule.
        known: seconds of a job of each rule in earlier runs, until this one knows.
        capacity: how much there is of each resource that jobs share.
    """

    def __init__(
        self,
        totals: Mapping[str, int],
        known: Mapping[str, float] | None = None,
        capacity: Mapping[str, float] | None = None,
    ) -> None:
        self.capacity = dict(capacity or {"_cores": 1.0})
        self._known = dict(known or {})
        self._waiting = Counter(totals)
        self._running: dict[int, tuple[str, float]] = {}
        self._met: set[int] = set()
        self._needs: dict[str, Mapping[str, float]] = {}
        self._spent: dict[str, list[float]] = defaultdict(list)

    def learn(self, known: Mapping[str, float]) -> None:
        """Take durations of earlier runs, in seconds of a job by rule."""
        self._known.update(known)

    def start(
        self, job: int, rule: str, now: float, needs: Mapping[str, float] | None = None
    ) -> None:
        """A job starts, perhaps again, and takes `needs` of the resources."""
        if job not in self._met:
            self._met.add(job)
            self._waiting[rule] -= 1
        self._running[job] = rule, now
        self._needs[rule] = {**ONE, **(needs or {})}

    def finish(self, job: int, now: float) -> None:
        """A job has ended well; its rule's mean learns from it."""
        if job in self._running:
            rule, since = self._running.pop(job)
            self._spent[rule].append(max(now - since, 0.0))

    def fail(self, job: int) -> None:
        """A job has failed; how long it took says nothing of its rule."""
        self._running.pop(job, None)

    def mean(self, rule: str) -> float | None:
        """Seconds of a job of a rule, None if no job of it is known."""
        spent = self._spent.get(rule)
        return sum(spent) / len(spent) if spent else self._known.get(rule)

    def left(self, now: float) -> Left:
        """The time left."""
        work = [*self._work(now)]
        known = [(rule, each, n) for rule, each, n in work if each is not None]
        bounds = [each for _, each, _ in known]
        for name, amount in self.capacity.items():
            taken = (
                each * number * self._needs.get(rule, ONE).get(name, 0.0)
                for rule, each, number in known
            )
            bounds.append(sum(taken) / amount)
        return Left(max(bounds, default=0.0), len(known) == len(work))

    def _work(self, now: float) -> Iterator[tuple[str, float | None, int]]:
        """A rule, the seconds that a job of it still takes, and how many of them."""
        for rule, number in self._waiting.items():
            if number > 0:
                yield rule, self.mean(rule), number
        for rule, since in self._running.values():
            mean = self.mean(rule)
            yield rule, None if mean is None else max(mean - (now - since), 0.0), 1
