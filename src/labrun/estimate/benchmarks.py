"""How long jobs took before: Snakemake's benchmark files."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path

from labrun.estimate.job import Job, Key

FOLDER = "benchmarks"
START = 2.0  # seconds before a job computes: Python, torch, files


@dataclass(frozen=True)
class Run:
    """Seconds on the clock on the wall, and the highest memory in MB if known."""

    seconds: float
    memory: float | None


def folder_of(benchmark: str) -> Path | None:
    """The folder of all benchmarks, from the path of one: `.../benchmarks/...`."""
    above = [parent for parent in Path(benchmark).parents if parent.name == FOLDER]
    return above[0] if above else None


def runs(folder: Path) -> dict[str, Run]:
    """All benchmarks below a folder, by their path in it without the suffix.

    A file that cannot be read counts as none.
    """
    found = {}
    for path in sorted(folder.rglob("*.tsv")):
        if run := _read(path):
            found[path.relative_to(folder).with_suffix("").as_posix()] = run
    return found


def seconds_by_rule(folder: Path) -> dict[str, float]:
    """Mean seconds of a job by rule, from `{rule}/*.tsv` and `{rule}.tsv`."""
    spent: dict[str, list[float]] = defaultdict(list)
    for name, run in runs(folder).items():
        spent[name.partition("/")[0]].append(run.seconds)
    return {rule: sum(each) / len(each) for rule, each in spent.items()}


def _read(path: Path) -> Run | None:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream, delimiter="\t"))
        seconds = [float(row["s"]) for row in rows]
        return Run(sum(seconds) / len(seconds), _memory(rows[-1])) if rows else None
    except (OSError, KeyError, TypeError, ValueError):
        return None


def _memory(row: dict[str, str]) -> float | None:
    """MB; None where Snakemake writes NA, because the job was too short to measure."""
    try:
        return float(row.get("max_rss") or "")
    except ValueError:
        return None


class Earlier:
    """What jobs of a plan took, and so what others like them will take.

    A job is like another of the same model and sizes. Its time after the start is
    proportional to the frames it sees, so a training predicts a longer one, and a
    trial predicts both.

    Args:
        known: the jobs of the plan that was run.
        runs: what they took, by the name of the benchmark file.
    """

    def __init__(self, known: Mapping[Key, Job], runs: Mapping[str, Run]):
        self._alike: dict[Hashable, list[tuple[float, Run]]] = {}
        for job in known.values():
            if run := runs.get(job.benchmark):
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
