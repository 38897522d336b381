"""The comparison that tracking rests on: points in the spools are points in MLflow."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fernn import storage
from fernn.spool import read_events
from fernn.tracking import describe
from fernn.tracking.fold import Fold
from fernn.tracking.spools import Head
from fernn.tracking.view import View, stored


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
    """

    experiment: str
    key: str
    exists: bool
    points: int
    missing: int
    surplus: int

    @property
    def agrees(self) -> bool:
        """Whether both places hold the same points."""
        return self.exists and not self.missing and not self.surplus


def compare(
    view: View, runs: dict[str, list[Head]], strays: Iterable[str] = ()
) -> list[Row]:
    """A row for each run, sorted by key, and for each spool that belongs to none.

    The lock must be held since the pass that brought these spools, so that both know
    them up to the same byte. Parents have no points; they are looked up since that
    removes what a slow server made twice.
    """
    children = {run["parent"]: run for run in map(_first, runs.values())}
    for parent in children.keys() - {None}:
        view.find(_experiment(view, children[parent]), parent)
    rows = [_row(view, key, heads) for key, heads in runs.items()]
    return rows + [Row("no run", name, False, 0, 0, 0) for name in strays]


def write_counts(rows: Sequence[Row], path: Path | str) -> None:
    """Write runs and points of each experiment as JSON, sorted."""
    counts: dict[str, Counter] = {}
    for row in rows:
        counts.setdefault(row.experiment, Counter()).update(runs=1, points=row.points)
    table = {name: dict(count) for name, count in counts.items()}
    total = {"runs": len(rows), "points": sum(row.points for row in rows)}
    text = json.dumps({**total, "experiments": table}, indent=2, sort_keys=True)
    storage.write_text(text + "\n", path)


def _row(view: View, key: str, heads: list[Head]) -> Row:
    fold = Fold()
    expected = Counter(
        (name, step, _text(value))
        for head in heads
        for name, value, _, step in fold.add(
            read_events(head.path, end=head.size)[0]
        ).points
    )
    first = _first(heads)
    run = view.find(_experiment(view, first), key)
    history = view.history(run) if run else []
    shown = Counter((metric, step, _text(value)) for metric, step, value in history)
    missing, surplus = expected - shown, shown - expected
    return Row(
        describe.experiment_name(first),
        key,
        run is not None,
        expected.total(),
        missing.total(),
        surplus.total(),
    )


def _first(heads: list[Head]) -> dict:
    return heads[0].run


def _experiment(view: View, run: dict) -> str:
    return view.experiment(describe.experiment_name(run), {})


def _text(value: float) -> str:
    """A value as text, so that NaN equals NaN."""
    return repr(stored(value))
