"""What is known of a run: shared by the threads that listen and that draw."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from labrun.estimate.benchmarks import folder_of, seconds_by_rule
from labrun.estimate.schedule import Left, TimeLeft

# By custom the first rule, which asks for everything and does nothing itself.
TARGET = {"all": 0.0}


@dataclass(frozen=True)
class Job:
    """A job that runs: its name, and the time it started in unix seconds."""

    title: str
    rule: str
    started: float


@dataclass(frozen=True)
class Snapshot:
    """A run at one moment.

    `running` holds each job, the seconds it has run and those its rule takes; `done`
    and `total` count the jobs that earlier runs have done, `before`, as well.
    """

    running: Sequence[tuple[Job, float, float | None]]
    done: int
    total: int
    failed: Sequence[str]
    seconds: float
    left: Left
    before: int = 0


@dataclass
class Run:
    """Counts jobs from Snakemake's events."""

    began: float | None = None
    total: int = 0
    done: int = 0
    before: int = 0
    results: Path | None = None
    failed: dict[int, str] = field(default_factory=dict)
    _running: dict[int, Job] = field(default_factory=dict)
    _time: TimeLeft = field(default_factory=lambda: TimeLeft({}))
    _capacity: dict[str, float] = field(default_factory=dict)
    _learned: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def provide(self, capacity: Mapping[str, float]) -> None:
        """How much there is of resources that jobs share; known before `plan`."""
        self._capacity.update(capacity)

    def plan(self, totals: Mapping[str, int], now: float) -> None:
        """The run begins: the number of jobs of each rule."""
        with self._lock:
            self.began = now
            self.total = sum(totals.values())
            self._time = TimeLeft(totals, TARGET, self._capacity)

    def continue_after(self, before: int) -> None:
        """So many jobs were done by earlier runs."""
        with self._lock:
            self.before = before

    def start(
        self, key: int, job: Job, needs: Mapping[str, float], benchmark: str | None
    ) -> None:
        """A job starts, perhaps again after it failed."""
        folder = folder_of(benchmark) if benchmark and not self._learned else None
        known = seconds_by_rule(folder) if folder else {}
        with self._lock:
            self._learned = self._learned or folder is not None
            self.results = folder.parent if folder else self.results
            self._time.learn(known)
            self._time.start(key, job.rule, job.started, needs)
            self._running[key] = job
            self.failed.pop(key, None)

    def finish(self, key: int, now: float) -> Job | None:
        """A job has ended well."""
        with self._lock:
            self.done += 1
            self._time.finish(key, now)
            return self._running.pop(key, None)

    def stop(self, key: int) -> None:
        """A job was stopped, and neither ended nor failed."""
        with self._lock:
            self._running.pop(key, None)
            self._time.fail(key)

    def fail(self, key: int, title: str) -> Job | None:
        """A job has failed; `title` names it if its start was never reported."""
        with self._lock:
            job = self._running.pop(key, None)
            self._time.fail(key)
            self.failed[key] = job.title if job else title
            return job

    def snapshot(self, now: float) -> Snapshot:
        """The run at this moment."""
        with self._lock:
            running = [
                (job, max(now - job.started, 0.0), self._time.mean(job.rule))
                for job in self._running.values()
            ]
            return Snapshot(
                running,
                self.before + self.done,
                self.before + max(self.total, self.done),
                list(self.failed.values()),
                now - (self.began or now),
                self._time.left(now),
                self.before,
            )
