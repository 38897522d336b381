"""What a stretch of events adds to a run: a fold, no contact with anything."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class News:
    """The sum of some events of one run.

    Args:
        run: the first ``run`` event, or None.
        points: (metric, value, Unix milliseconds, step), each (metric, step) once.
        params: first value of each.
        tags: last value of each, the note of the run included.
        artifacts: (path, folder) in order.
        status: the last one, RUNNING if a job began again after it, None if untold.
        start: Unix milliseconds of the first event.
        end: Unix milliseconds of the last event.
        unreadable: number of lines that are no events.
    """

    run: dict | None = None
    points: list[tuple[str, float, int, int]] = field(default_factory=list)
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    artifacts: list[tuple[str, str | None]] = field(default_factory=list)
    status: str | None = None
    start: int = 0
    end: int = 0
    unreadable: int = 0


class Fold:
    """Folds the events of one run, remembering which points it has had.

    A job that resumes repeats points of the steps since its checkpoint: the first
    value of each (metric, step) wins, as does the first value of a param, which
    MLflow does not allow to change.
    """

    def __init__(self) -> None:
        self._steps: dict[str, set[int]] = {}
        self._params: set[str] = set()

    def add(self, events: Iterable[dict]) -> News:
        """The news in these events, which follow the ones added before."""
        news = News()
        for event in events:
            if "time" in event:
                news.end = int(event["time"] * 1000)
                news.start = news.start or news.end
            if event["event"] in _KINDS:
                _KINDS[event["event"]](self, news, event)
        return news

    def _run(self, news: News, event: dict) -> None:
        news.run = news.run or event
        news.status = "RUNNING"
        for name, value in flat(event.get("params") or {}):
            if name not in self._params:
                self._params.add(name)
                news.params[name] = value
        self._tags(news, event)
        if event.get("note"):
            news.tags["mlflow.note.content"] = event["note"]

    def _metrics(self, news: News, event: dict) -> None:
        step, time = int(event["step"]), int(event["time"] * 1000)
        for name, value in event["values"].items():
            steps = self._steps.setdefault(clean(name), set())
            if step not in steps:
                steps.add(step)
                news.points.append((clean(name), value, time, step))

    def _tags(self, news: News, event: dict) -> None:
        news.tags.update(flat(event.get("tags") or {}))

    def _artifact(self, news: News, event: dict) -> None:
        news.artifacts.append((event["path"], event.get("folder")))

    def _status(self, news: News, event: dict) -> None:
        news.status = event["status"]
        if event.get("message"):
            news.tags["message"] = event["message"]

    def _unreadable(self, news: News, event: dict) -> None:
        news.unreadable += 1


# An event of another kind, from a later version, is not shown.
_KINDS = {
    "run": Fold._run,
    "metrics": Fold._metrics,
    "tags": Fold._tags,
    "artifact": Fold._artifact,
    "status": Fold._status,
    "unreadable": Fold._unreadable,
}


def flat(values: dict, prefix: str = "") -> Iterable[tuple[str, str]]:
    """Names and texts of a nested dictionary, levels joined by dots."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield clean(f"{prefix}{name}"), "" if value is None else str(value)


def clean(name: str) -> str:
    """A name that MLflow takes: other characters as underscores, no empty folders."""
    name = re.sub(r"[^\w.\-: /]", "_", name)
    parts = [part for part in name.split("/") if part.strip(".")]
    return "/".join(parts)[:250] or "_"
