"""What a stretch of events adds to a run: a fold, no contact with anything."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from labrun.tracking.client import own_tag
from labrun.tracking.events import (
    Artifact,
    Later,
    Line,
    Metrics,
    Run,
    Status,
    Tags,
    Unreadable,
)

PARAM, TAG = 6000, 8000  # characters of a value, to which MLflow cuts it
# MLflow reads all parameters of a run before it adds a hundred: the time grows with
# the square of their number.
MOST = 2000
# MLflow's tags that a run may set; others, and the project's, find and nest runs.
ALLOWED = ("mlflow.runColor", "mlflow.note.content")


@dataclass
class News:
    """The sum of some events of one run.

    Args:
        points: (metric, value, Unix milliseconds, step), each (metric, step) once.
        params: first value of each.
        tags: last value of each, the note of the run included.
        artifacts: (line, event) in order.
        status: the last one, RUNNING if a job began again after it, None if untold.
        start: Unix milliseconds of the first event.
        end: Unix milliseconds of the last event.
        refused: (line, why) for what cannot be shown.
    """

    points: list[tuple[str, float, int, int]] = field(default_factory=list)
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    artifacts: list[tuple[int, Artifact]] = field(default_factory=list)
    status: str | None = None
    start: int = 0
    end: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)


class Fold:
    """Folds the events of one run, remembering which points it has had.

    A job that resumes repeats points of the steps since its checkpoint: the first
    value of each (metric, step) wins, as does the first value of a param, which
    MLflow does not allow to change.
    """

    def __init__(self) -> None:
        self._steps: dict[str, set[int]] = {}
        self._params: set[str] = set()
        self._own = (own_tag(""), "mlflow.")

    def add(self, events: Iterable[Line], first: int = 1) -> News:
        """The news in these events, which follow the ones added before.

        Args:
            events: of whole lines.
            first: number of the first of these lines in its spool.
        """
        news = News()
        for line, event in enumerate(events, first):
            if isinstance(event, Unreadable):
                news.refused.append((line, event.why))
            elif not isinstance(event, Later):
                news.end = event.milliseconds
                news.start = news.start or news.end
                _KINDS[type(event)](self, news, line, event)
        return news

    def metrics(self) -> set[str]:
        """Names of the metrics so far."""
        return set(self._steps)

    def _run(self, news: News, line: int, event: Run) -> None:
        news.status = "RUNNING"
        for name, value in flat(event.params):
            if name in self._params:
                continue
            if len(self._params) == MOST:
                news.refused.append((line, f"params beyond the first {MOST}"))
                break
            self._params.add(name)
            news.params[name] = value[:PARAM]
        self._tags(news, line, event)
        if event.note:
            news.tags["mlflow.note.content"] = _shown(event.note)

    def _metrics(self, news: News, line: int, event: Metrics) -> None:
        step, time = event.step, event.milliseconds
        for name, value in event.values.items():
            name = clean(name)
            steps = self._steps.setdefault(name, set())
            if step not in steps:
                steps.add(step)
                news.points.append((name, value, time, step))

    def _tags(self, news: News, line: int, event: Run | Tags) -> None:
        for count, (name, value) in enumerate(flat(event.tags)):
            if count == MOST:
                news.refused.append((line, f"tags beyond the first {MOST}"))
                return
            if name.startswith(self._own) and name not in ALLOWED:
                news.refused.append((line, f"the tag {name!r} is the tracker's own"))
            else:
                news.tags[name] = value[:TAG]

    def _artifact(self, news: News, line: int, event: Artifact) -> None:
        news.artifacts.append((line, event))

    def _status(self, news: News, line: int, event: Status) -> None:
        news.status = event.status
        if event.message:
            news.tags["message"] = _shown(event.message)


_KINDS = {
    Run: Fold._run,
    Metrics: Fold._metrics,
    Tags: Fold._tags,
    Artifact: Fold._artifact,
    Status: Fold._status,
}


def flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Names and texts of a nested dictionary, levels joined by dots."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield clean(f"{prefix}{name}"), "" if value is None else _shown(str(value))


def _shown(text: str) -> str:
    """A text that every database takes: some refuse NUL."""
    return text.replace("\0", "\ufffd")[:TAG]


@functools.lru_cache(maxsize=10_000)
def clean(name: str) -> str:
    """A name that MLflow takes: other characters as underscores, no empty folders."""
    name = re.sub(r"[^\w.\-: /]", "_", name)
    parts = [part for part in name[:250].split("/") if part.strip(".")]
    return "/".join(parts) or "_"
