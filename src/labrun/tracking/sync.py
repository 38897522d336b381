"""Passes over the spools: what is new is sent to MLflow and then counted as arrived."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from labrun import lineage
from labrun.errors import UserError
from labrun.tracking import check, client, describe, memory, spools
from labrun.tracking.check import Row
from labrun.tracking.events import Artifact, stretches
from labrun.tracking.fold import Fold, News
from labrun.tracking.folder import Folder, Refused, file_inside, own_faults
from labrun.tracking.memory import Arrived, Memory, Refusals
from labrun.tracking.spools import Head
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
                runs, strays = self._bring_all(view, report)
                if compare:
                    report.rows = check.compare(view, runs, strays)
                    told = [line for row in report.rows for line in row.refused]
                    report.problems = [*dict.fromkeys(report.problems + told)]
        except client.failures() as error:
            report.failure = client.explain(error, self.folder.uri)
        return report

    def _open(self, anew: bool) -> View:
        if not anew:
            return View(self.folder)
        self._shown.clear()
        if self.folder.is_own:
            client.remove(self.folder)
            return View(self.folder)
        view = View(self.folder)
        self.folder.offsets.unlink(missing_ok=True)
        view.clear()
        return view

    def _bring_all(self, view: View, report: Report) -> tuple[Runs, dict[str, str]]:
        arrived = memory.load(self.folder.offsets, view.database)
        runs, strays = spools.by_key(self.folder)
        report.problems += [f"{name} {reason}" for name, reason in strays.items()]
        carrier = Carrier(
            view, self.folder.results, arrived, self._memory, self.folder.offsets
        )
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
        finally:
            carrier.save()
            report.points = carrier.points
            report.problems += carrier.problems
        return runs, strays


LARGEST = 2**30  # bytes of a file to show


class Carrier:
    """Brings runs to a view during one pass.

    Args:
        view: MLflow.
        results: the results folder; no file elsewhere is shown.
        arrived: what has arrived, by spool; kept up to date.
        memory: the points seen, by run.
        path: where the offsets are saved, at most once a second: what is sent twice
            after a crash changes nothing.
    """

    def __init__(
        self,
        view: View,
        results: Path,
        arrived: dict[str, Arrived],
        memory: Memory,
        path: Path,
    ) -> None:
        self.points = 0
        self.problems: list[str] = []
        self._view, self._arrived, self._memory = view, arrived, memory
        self._results, self._path = results, path
        self._saved = time.monotonic()

    def bring(self, key: str, heads: list[Head]) -> None:
        """Bring what is new in the spools of one run."""
        states = [self._arrived.get(head.name) for head in heads]
        pairs = list(zip(heads, states, strict=True))
        if all(state and state.covers(head) for head, state in pairs):
            return
        replaced = any(state and state.first != head.first for head, state in pairs)
        run = self._run(key, heads, replaced)
        # Taken out, since until all has arrived the fold is ahead of what may count.
        fold = self._memory.take(key, self._positions(heads))
        for head in heads:
            self._bring_spool(run, head, fold)
        if any(self._arrived[head.name].status == "RUNNING" for head in heads):
            self._memory.put(key, fold, self._positions(heads))

    def save(self) -> None:
        """Write the offsets."""
        memory.save(self._path, self._view.database, self._arrived)
        self._saved = time.monotonic()

    def _run(self, key: str, heads: list[Head], replaced: bool) -> str:
        """The id of a run; one that is made, or made again, has nothing yet."""
        event = heads[0].run
        name = describe.experiment_name(event)
        experiment = self._view.experiment(name, describe.experiment_tags(event))
        found = self._view.find(experiment, key)
        if found is not None and not replaced:
            for head in heads:
                self._arrived.setdefault(head.name, Arrived(head.first))
            return found
        if found is not None:
            self._view.delete(found)
        for head in heads:
            self._arrived[head.name] = Arrived(head.first)
        tags = {"level": "run"}
        if event.parent:
            above = describe.find_or_create(self._view, experiment, event.parent, event)
            tags["mlflow.parentRunId"] = above
        start = event.milliseconds
        return self._view.create(experiment, key, event.name, start, tags)

    def _positions(self, heads: list[Head]) -> dict[Path, int]:
        return {head.path: self._arrived[head.name].offset for head in heads}

    def _bring_spool(self, run: str, head: Head, fold: Fold) -> None:
        state, refusals = self._arrived[head.name], Refusals(head.name)
        try:
            for events, offset in stretches(head.path, state.offset, head.size):
                news = fold.add(events, state.lines + 1)
                self._send(run, head, state, news, refusals)
                if offset > state.offset:
                    state.offset, state.lines = offset, state.lines + len(events)
                if time.monotonic() - self._saved > 1:
                    self.save()
        finally:
            self.problems += refusals.told()

    def _send(
        self, run: str, head: Head, state: Arrived, news: News, refusals: Refusals
    ) -> None:
        refusals.add(news.refused)
        self._view.log(run, news.points, news.params, news.tags)
        self.points += len(news.points)
        for line, event in news.artifacts:
            try:
                self._upload(run, head, state, event)
            except Refused as refusal:
                refusals.add([(line, str(refusal))])
        state.end = max(state.end, news.end)
        if news.status and news.status != state.status:
            self._view.status(run, news.status, state.end)
            state.status = news.status

    def _upload(self, run: str, head: Head, state: Arrived, event: Artifact) -> None:
        """Log a file unless the same bytes are there already."""
        path = head.path.parent / event.path
        file = file_inside(path, self._results)
        place = f"{event.folder or ''}/{file.name}"
        with own_faults(path):
            if file.stat().st_size > LARGEST:
                raise Refused(f"{event.path!r} is larger than {LARGEST} bytes")
            content = lineage.sha256(file)
        if state.files.get(place) == content:
            return
        try:
            self._view.upload(run, file, event.folder)
        except client.failures() as error:
            if client.is_rejection(error):
                raise Refused(client.one_line(error)) from None
            raise
        state.files[place] = content
