"""Passes over the spools: what is new is sent to MLflow and then counted as arrived."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from labrun.errors import UserError
from labrun.tracking import (
    check,
    client,
    describe,
    memory,
    saved_views,
    spools,
    summaries,
)
from labrun.tracking.carrier import Carrier
from labrun.tracking.check import Row
from labrun.tracking.folder import Folder
from labrun.tracking.memory import Memory
from labrun.tracking.saved_views import SavedViews
from labrun.tracking.spools import Head
from labrun.tracking.summaries import Group
from labrun.tracking.view import View

Runs = dict[str, list[Head]]


@dataclass
class Report:
    """What a pass did.

    Args:
        points: number of points sent.
        problems: one line for each thing that could not be shown.
        rows: the comparison of spools and MLflow, if asked for.
        failure: why the tracker could not be reached, or None.
    """

    points: int = 0
    problems: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    failure: str | None = None


class Syncer:
    """Brings the spools of a results folder to MLflow, pass by pass.

    Args:
        results: the results folder.
    """

    def __init__(self, results: Path | str) -> None:
        self.folder = Folder(results)
        self._memory = Memory()
        self._shown: dict[tuple[str, str], str] = {}
        self._views = SavedViews()

    def connect(self) -> None:
        """Make the database and its schema if they are missing.

        Raises:
            UserError: MLflow is out of reach.
        """
        try:
            with self.folder.lock():
                View(self.folder)
        except client.failures() as error:
            uri = self.folder.uri
            line = client.explain(error, uri)
            raise UserError(f"MLflow at {client.public(uri)} fails: {line}") from None

    def pages(self) -> dict[str, str]:
        """By experiment, where the server has the view of its models."""
        with self.folder.lock():
            return saved_views.pages(View(self.folder))

    def run_pass(self, *, anew: bool = False, compare: bool = False) -> Report:
        """One pass; a tracker that fails is told in the report, and nothing is lost.

        Args:
            anew: first delete the database of the results folder, or on a server the
                runs of this results folder.
            compare: compare the points of all runs afterwards.
        """
        report = Report()
        try:
            with self.folder.lock():
                view = self._open(anew)
                runs, strays, groups = self._bring_all(view, report)
                if compare:
                    report.rows = check.compare(view, runs, strays)
                    report.rows += summaries.compare(view, groups)
                    report.rows += saved_views.compare(view, report.rows)
                    told = [line for row in report.rows for line in row.refused]
                    report.problems = [*dict.fromkeys(report.problems + told)]
        except client.failures() as error:
            report.failure = client.explain(error, self.folder.uri)
        return report

    def _open(self, anew: bool) -> View:
        if not anew:
            return View(self.folder)
        self._shown.clear()
        self._views.forget()
        if self.folder.is_own:
            client.remove(self.folder)
            return View(self.folder)
        view = View(self.folder)
        self.folder.offsets.unlink(missing_ok=True)
        view.clear()
        return view

    def _bring_all(
        self, view: View, report: Report
    ) -> tuple[Runs, dict[str, str], list[Group]]:
        arrived = memory.load(self.folder.offsets, view.database)
        runs, strays = spools.by_key(self.folder)
        report.problems += [f"{name} {reason}" for name, reason in strays.items()]
        carrier = Carrier(
            view, self.folder.results, arrived, self._memory, self.folder.offsets
        )
        carrier.seen = {
            describe.experiment_name(h[0].run): set() for h in runs.values()
        }
        try:
            for key, heads in runs.items():
                try:
                    carrier.bring(key, heads)
                except client.failures() as error:
                    if not client.is_rejection(error):
                        raise
                    line = f"{key}: MLflow rejects it: {client.one_line(error)}"
                    report.problems.append(line)
            describe.settle(view, runs, arrived, self._shown)
            groups = summaries.groups(runs, arrived)
            for name, metrics in summaries.bring(view, groups, self._shown):
                carrier.seen.setdefault(name, set()).update(metrics)
            self._views.write(view, carrier.seen)
        finally:
            carrier.save()
            report.points = carrier.points
            report.problems += carrier.problems
        return runs, strays, groups
