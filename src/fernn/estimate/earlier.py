"""How long jobs took before: the workflow's benchmark files."""

from __future__ import annotations

import csv
import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fernn.estimate.job import Job, Key
from fernn.estimate.jobs import jobs

START = 2.0  # seconds before a job computes: Python, torch, files


@dataclass(frozen=True)
class Run:
    """Seconds on the clock on the wall, and the highest memory in MB if known."""

    seconds: float
    memory: float | None


class Earlier:
    """What jobs of a plan took, and so what others like them will.

    A job is like another of the same model and sizes. Of its time all but the start
    grows with the frames it sees, so a longer training or a trial tells of others.

    Args:
        known: the jobs of the plan that was run.
        runs: what they took, by the name of the benchmark file.
    """

    def __init__(self, known: Mapping[Key, Job], runs: Mapping[str, Run]):
        self._alike: dict[Hashable, list[tuple[float, Run]]] = {}
        for job in known.values():
            if run := runs.get(file_name(job)):
                for kind in job.alike:
                    self._alike.setdefault(kind, []).append((job.frames, run))

    def __call__(self, job: Job) -> tuple[Run, bool] | None:
        """The expected run, and whether it is this very job's; None without any."""
        for level, kind in enumerate(job.alike):
            if found := self._alike.get(kind):
                seconds = [_scaled(run, then, job.frames) for then, run in found]
                memory = max((run.memory or 0.0 for _, run in found), default=0.0)
                own = level == 0 and found[0][0] == job.frames
                return Run(sum(seconds) / len(seconds), memory or None), own
        return None


def _scaled(run: Run, then: float, now: float) -> float:
    """Seconds of a job that sees `now` frames, from one that saw `then`."""
    per_frame = max(run.seconds - START, 0.0) / then if then else 0.0
    return run.seconds + per_frame * (now - then)


def file_name(job: Job) -> str:
    """Of a job's benchmark, below the folder of all, without its suffix."""
    return "/".join(filter(None, [job.rule, ".".join(job.names)]))


def runs(folder: Path) -> dict[str, Run]:
    """All benchmarks below a folder; a file that cannot be read counts as none."""
    found = {}
    for path in sorted(folder.rglob("*.tsv")):
        run = _read(path)
        if run:
            found[path.relative_to(folder).with_suffix("").as_posix()] = run
    return found


def _read(path: Path) -> Run | None:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream, delimiter="\t"))
        seconds = [float(row["s"]) for row in rows]
        return Run(sum(seconds) / len(seconds), _memory(rows[-1])) if rows else None
    except (OSError, KeyError, TypeError, ValueError):
        return None


def _memory(row: dict[str, str]) -> float | None:
    """Of a short job Snakemake writes NA, or what it saw of a child at its start."""
    try:
        return float(row.get("max_rss") or "")
    except ValueError:
        return None


def of_budget(folder: Path, plan: dict[str, Any]) -> Earlier:
    """What is known of a budget.

    Args:
        folder: its results.
        plan: as it is now. The run's own plan lies in the folder and tells its sizes;
            without a readable one they are taken to be those of now.
    """
    try:
        then = jobs(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        then = jobs(plan)
    return Earlier(then, runs(folder / "benchmarks"))
