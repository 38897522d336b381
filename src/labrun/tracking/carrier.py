"""Brings what is new in the spools of a run to MLflow, and counts it as arrived."""

from __future__ import annotations

import time
from pathlib import Path

from labrun import lineage
from labrun.tracking import client, describe, memory
from labrun.tracking.events import Artifact, stretches
from labrun.tracking.fold import Fold, News
from labrun.tracking.folder import Refused, file_inside, own_faults
from labrun.tracking.memory import Arrived, Memory, Refusals
from labrun.tracking.spools import Head
from labrun.tracking.view import View

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
        self.seen: dict[str, set[str]] = {}  # names of metrics that came, by experiment
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
        name = describe.experiment_name(heads[0].run)
        self.seen.setdefault(name, set()).update(fold.metrics())
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
