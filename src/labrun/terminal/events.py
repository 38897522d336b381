"""From Snakemake's events to a run that is counted and a view that shows it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePath
from typing import Any

from snakemake_interface_logger_plugins.common import LogEvent

from labrun.estimate.text import duration
from labrun.terminal import words
from labrun.terminal.run import Job, Run
from labrun.terminal.view import View, at_start, in_run
from labrun.terminal.words import ending, moment, places, tails, title

PICTURE = ".png"


class Events:
    """Takes records as they come.

    Fields that a record lacks, of another version of Snakemake say, count as empty.

    Args:
        own: Snakemake's own handler, which knows its words and what is to be quiet.
        quiet: What not to show: "rules", "progress", "all" ...
        colour: Whether a terminal may show colours.
        interrupted: Whether Ctrl-C was pressed.
        command: Of the laboratory.
    """

    def __init__(
        self,
        own: logging.Handler,
        quiet: set[str],
        colour: bool,
        interrupted: Callable[[], bool],
        command: str,
    ) -> None:
        self.run = Run()
        self.view: View = at_start(self.run)
        self._own = own
        self._quiet = quiet
        self._colour = colour
        self._interrupted = interrupted
        self._command = command
        self._stopping = False
        self._pictures: dict[int, list[str]] = {}
        self._takers = {
            LogEvent.RUN_INFO: self._plan,
            LogEvent.RESOURCES_INFO: self._provide,
            LogEvent.JOB_INFO: self._start,
            LogEvent.JOB_FINISHED: self._finish,
            LogEvent.JOB_ERROR: self._fail,
            LogEvent.GROUP_ERROR: self._fail_group,
            LogEvent.SHELLCMD: self._shell,
        }
        for known in ("WORKFLOW_STARTED", "JOB_STARTED", "GROUP_INFO", "PROGRESS"):
            self._takers[LogEvent[known]] = lambda record: None

    def take(self, record: logging.LogRecord) -> None:
        """Count a record and show it."""
        if "all" not in self._quiet:
            event: Any = getattr(record, "event", None)
            self._takers.get(event, self._message)(record)

    def close(self, now: float) -> None:
        """Say how the run ended."""
        self.view.close()
        text, mood = ending(self.run.snapshot(now))
        wanted = "progress" not in self._quiet or self.run.failed
        if self.run.began is not None and wanted:
            self.view.say(text, mood)
            results = self.run.results
            if mood == "good" and results and (results / "figures").is_dir():
                self.view.say(places(results, self._command))

    def _plan(self, record: logging.LogRecord) -> None:
        totals = dict(getattr(record, "stats", None) or {})
        total = totals.pop("total", sum(totals.values()))
        self.run.plan(totals, record.created)
        if "progress" not in self._quiet:
            rules = ", ".join(f"{rule} {number}" for rule, number in totals.items())
            self.view.say(f"{total} jobs: {rules}")
        self.view.close()
        self.view = in_run(self.run, self._quiet, self._colour)

    def _provide(self, record: logging.LogRecord) -> None:
        provided = getattr(record, "provided_resources", None) or {}
        amounts = {key: getattr(each, "value", each) for key, each in provided.items()}
        amounts["_cores"] = getattr(record, "cores", None)
        amounts["_nodes"] = getattr(record, "nodes", None)
        self.run.provide(numbers(amounts))

    def _start(self, record: logging.LogRecord) -> None:
        job = Job(name(record), getattr(record, "rule_name", "job"), record.created)
        needs = numbers(getattr(record, "resources", None) or {})
        benchmark = getattr(record, "benchmark", None)
        number = getattr(record, "jobid", -1)
        self.run.start(number, job, needs, benchmark)
        self._pictures[number] = pictures(getattr(record, "output", None) or [])
        self.view.started(job)

    def _finish(self, record: logging.LogRecord) -> None:
        number = getattr(record, "job_id", -1)
        job = self.run.finish(number, record.created)
        if job is not None:
            self.view.finished(job, record.created)
        for path in self._pictures.pop(number, []):
            if "progress" not in self._quiet:
                self.view.say(f"{moment(record.created)} picture: {path}", "good")

    def _fail(self, record: logging.LogRecord) -> None:
        if self._stops():  # whoever stopped the run needs no logs
            self.run.stop(getattr(record, "jobid", -1))
            return
        now = record.created
        job = self.run.fail(getattr(record, "jobid", -1), name(record))
        line = f"{moment(now)} {job.title if job else name(record)} failed"
        line += f" after {duration(now - job.started)}" if job else ""
        message = getattr(record, "rule_msg", None)
        self.view.say(f"{line}: {message}" if message else line, "error")
        aux = getattr(record, "aux", None) or {}
        lines = [f"  {key}: {value}" for key, value in aux.items()]
        lines += tails(getattr(record, "log", None) or [])
        self.view.say("\n".join(lines))

    def _stops(self) -> bool:
        """Whether somebody stops the run, as a signal or Snakemake says."""
        return self._stopping or self._interrupted()

    def _fail_group(self, record: logging.LogRecord) -> None:
        # An event for each of its jobs follows.
        logs = getattr(record, "aux_logs", None) or []
        self.view.say(f"group {getattr(record, 'groupid', '')} failed", "error")
        self.view.say("\n".join(tails(logs)))

    def _shell(self, record: logging.LogRecord) -> None:
        command = getattr(record, "shellcmd", None) or getattr(record, "cmd", None)
        if command and self._own.filter(record):
            self.view.say(command)

    def _message(self, record: logging.LogRecord) -> None:
        if not self._own.filter(record):
            return
        try:
            text = words.brief(self._own.format(record))
        except (KeyError, AttributeError):  # fields are lacking
            text = record.getMessage()
        self._stopping = self._stopping or text.startswith(words.STOPPING)
        before = words.done_before(text)
        if before is not None:
            self.run.continue_after(before)
        lost = words.missing_output(text)
        if lost is not None:
            self.run.fail(lost, f"job {lost}")
        news = words.is_news(
            text,
            began=self.run.began is not None,
            failed=bool(self.run.failed),
            stopping=words.tells_an_end(text) and self._stops(),
        )
        if news:
            self.view.say(text, record.levelname.lower())


def name(record: logging.LogRecord) -> str:
    """The name of a job, as far as its record says."""
    wildcards = getattr(record, "wildcards", None) or {}
    return title(getattr(record, "rule_name", "job"), dict(wildcards.items()))


def numbers(amounts: Mapping[str, Any]) -> dict[str, float]:
    """Those amounts of resources that are numbers above zero."""
    return {
        key: float(value)
        for key, value in amounts.items()
        if isinstance(value, int | float) and value > 0
    }


def pictures(outputs: Iterable[object]) -> list[str]:
    """Those outputs of a job that are pictures, without remarks behind their names."""
    names = [str(each).split(" (")[0] for each in outputs]
    return [name for name in names if PurePath(name).suffix == PICTURE]
