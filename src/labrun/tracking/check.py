"""The comparison that tracking rests on: points in the spools are points in MLflow."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from labrun import storage
from labrun.tracking import describe
from labrun.tracking.events import Run, stretches
from labrun.tracking.fold import Fold
from labrun.tracking.memory import Refusals
from labrun.tracking.spools import Head
from labrun.tracking.view import View, stored


@dataclass(frozen=True)
class Row:
    """One run in both places.

    Args:
        experiment: name of the experiment in MLflow.
        key: the run.
        exists: whether it is in MLflow at all.
        points: number of points in its spools.
        missing: points of the spools that MLflow lacks.
        surplus: points in MLflow that the spools lack, or that are there twice.
        refused: one line for each line of its spools that is not shown.
        metrics: names of its metrics.
        derived: whether it follows from other runs, as the mean over seeds does.
    """

    experiment: str
    key: str
    exists: bool
    points: int
    missing: int
    surplus: int
    refused: list[str] = field(default_factory=list)
    metrics: frozenset[str] = frozenset()
    derived: bool = False

    @property
    def agrees(self) -> bool:
        """Whether both places hold the same points."""
        return self.exists and not self.missing and not self.surplus


def compare(
    view: View,
    runs: dict[str, list[Head]],
    strays: Iterable[str] = (),
) -> list[Row]:
    """A row for each run, sorted by key, and for each spool that belongs to none.

    The lock must be held since the pass that brought these spools, so that both know
    them up to the same byte. Parents have no points; they are looked up since that
    removes what a slow server made twice.
    """
    firsts = map(_first, runs.values())
    children = {run.parent: run for run in firsts if run.parent}
    for parent, run in children.items():
        view.find(_experiment(view, run), parent)
    rows = [_row(view, key, heads) for key, heads in runs.items()]
    return rows + [Row("no run", name, False, 0, 0, 0) for name in strays]


def write_counts(rows: Sequence[Row], path: Path | str) -> None:
    """Write runs and points of each experiment, as spools have them, as sorted JSON."""
    rows = [row for row in rows if not row.derived]
    counts: dict[str, Counter] = {}
    for row in rows:
        counts.setdefault(row.experiment, Counter()).update(runs=1, points=row.points)
    table = {name: dict(count) for name, count in counts.items()}
    total = {"runs": len(rows), "points": sum(row.points for row in rows)}
    text = json.dumps({**total, "experiments": table}, indent=2, sort_keys=True)
    storage.write_text(text + "\n", path)


def _row(view: View, key: str, heads: list[Head]) -> Row:
    expected, refused = _told(heads)
    return hold(view, _first(heads), key, expected, refused)


def hold(
    view: View,
    first: Run,
    key: str,
    expected: Counter,
    refused: Sequence[str] = (),
    derived: bool = False,
) -> Row:
    """The row of a run, from MLflow and the points expected there, see `point`."""
    run = view.find(_experiment(view, first), key)
    history = view.history(run) if run else []
    shown = Counter(point(metric, step, value) for metric, step, value in history)
    missing, surplus = expected - shown, shown - expected
    return Row(
        describe.experiment_name(first),
        key,
        run is not None,
        expected.total(),
        missing.total(),
        surplus.total(),
        [*refused],
        frozenset(metric for metric, _, _ in expected),
        derived,
    )


def _told(heads: list[Head]) -> tuple[Counter, list[str]]:
    """The points of a run's spools, and the lines that cannot be shown."""
    fold, points, refused = Fold(), Counter(), []
    for head in heads:
        refusals, line = Refusals(head.name), 1
        for events, _ in stretches(head.path, 0, head.size):
            news = fold.add(events, line)
            line += len(events)
            points.update(point(name, step, v) for name, v, _, step in news.points)
            refusals.add(news.refused)
        refused += refusals.told()
    return points, refused


def _first(heads: list[Head]) -> Run:
    return heads[0].run


def _experiment(view: View, run: Run) -> str:
    return view.experiment(describe.experiment_name(run), {})


def point(metric: str, step: int, value: float) -> tuple[str, int, str]:
    """A point to be compared: its value as text, so that NaN equals NaN."""
    return metric, step, repr(stored(value))
