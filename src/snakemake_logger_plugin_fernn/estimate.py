"""When a run will end: the work still to do, shared among what the run may use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

# A job whose needs are not known yet takes one core, and one node of a cluster.
ONE = {"_cores": 1.0, "_nodes": 1.0}


@dataclass(frozen=True)
class Left:
    """The time left, in seconds; only the least of it unless `complete`."""

    seconds: float
    complete: bool


class Estimator:
    """Learns how long a job of each rule takes, and adds up what is left.

    The rest of a running job is its rule's mean less the time it has run. For each
    resource of `capacity` (cores, nodes, GPUs ...) the seconds left times what a job
    takes of it, divided by how much there is of it, bound the time left from below;
    so does the longest single job. The largest bound is the estimate.

    Args:
        totals: Number of jobs of each rule.
        known: Seconds of a job of each rule in earlier runs, until this one knows.
        capacity: How much there is of each resource that jobs share.
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
        self._spent: dict[str, list[float]] = {}

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
            self._spent.setdefault(rule, []).append(max(now - since, 0.0))

    def fail(self, job: int) -> None:
        """A job has failed; how long it took says nothing of its rule."""
        self._running.pop(job, None)

    def mean(self, rule: str) -> float | None:
        """Seconds of a job of a rule, None if no job of it is known."""
        spent = self._spent.get(rule)
        return sum(spent) / len(spent) if spent else self._known.get(rule)

    def left(self, now: float) -> Left:
        """The time left."""
        work = [
            (rule, self.mean(rule), number)
            for rule, number in self._waiting.items()
            if number > 0
        ]
        for rule, since in self._running.values():
            mean = self.mean(rule)
            rest = None if mean is None else max(mean - (now - since), 0.0)
            work.append((rule, rest, 1))
        known = [
            (rule, each, number) for rule, each, number in work if each is not None
        ]
        bounds = [each for _, each, _ in known]
        for name, amount in self.capacity.items():
            taken = (
                each * number * self._needs.get(rule, ONE).get(name, 0.0)
                for rule, each, number in known
            )
            bounds.append(sum(taken) / amount)
        return Left(max(bounds, default=0.0), len(known) == len(work))
