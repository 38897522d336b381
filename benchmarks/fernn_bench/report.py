"""Measured numbers and their targets, as Markdown, as CSV and on the screen."""

from __future__ import annotations

import csv
import inspect
import io
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from fernn_bench.machine import describe
from labrun.storage import write_text

HEAD = ("what", "value", "unit", "target", "verdict")


@dataclass(frozen=True)
class Row:
    """A line of the report.

    Attributes:
        what: was measured.
        value: in `unit`.
        unit: as printed; empty for a plain number.
        at_most: the target, if less is better.
        at_least: the target, if more is better.
    """

    what: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def target(self) -> str:
        """The target in words; empty without one."""
        if self.at_most is not None:
            return f"at most {self.at_most:g}"
        return "" if self.at_least is None else f"at least {self.at_least:g}"

    @property
    def verdict(self) -> str:
        """Whether the target is ``met`` or ``missed``; empty without one."""
        if not self.target:
            return ""
        high = self.at_most is not None and not self.value <= self.at_most
        low = self.at_least is not None and not self.value >= self.at_least
        return "missed" if high or low else "met"

    def untargeted(self) -> Row:
        """The same number, with nothing asked of it."""
        return replace(self, at_most=None, at_least=None)

    @property
    def number(self) -> str:
        """The value with three digits, thousands apart."""
        if abs(self.value) >= 100:
            return f"{self.value:,.0f}"
        return f"{self.value:.3g}"


Measured = dict[Callable, list[Row]]


def show(measure: Callable, rows: list[Row]) -> None:
    """Print one measurement: a table in a terminal, plain lines otherwise."""
    title = _docstring(measure)[0].rstrip(".")
    if not sys.stdout.isatty():
        for row in rows:
            asked = f" ({row.target}: {row.verdict})" if row.target else ""
            line = f"{measure.__name__}: {row.what}: {row.number} {row.unit}".rstrip()
            print(line + asked, flush=True)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*HEAD, title=title, title_justify="left", min_width=80)
    table.columns[1].justify = "right"
    colours = {"met": "green", "missed": "bold red", "": ""}
    for row in rows:
        table.add_row(*_cells(row)[:4], Text(row.verdict, colours[row.verdict]))
    Console().print(table)


def write(path: Path, measured: Measured, command: str) -> None:
    """Write the report, and the same numbers beside it as CSV."""
    write_text(markdown(measured, command), path)
    write_text(table(measured), path.with_suffix(".csv"))


def markdown(measured: Measured, command: str) -> str:
    """The report: machine, then one section a measurement."""
    lines = [
        "# Measurements of speed and memory",
        "",
        f"Written by `{command}`; do not edit.",
        "",
    ]
    lines += [f"- {what}: {value}" for what, value in describe().items()]
    verdicts = [row.verdict for rows in measured.values() for row in rows]
    met, missed = verdicts.count("met"), verdicts.count("missed")
    if met or missed:
        lines += ["", f"Targets: {met} met, {missed} missed."]
    for measure, rows in measured.items():
        title, text = _docstring(measure)
        lines += ["", f"## {title.rstrip('.')}", "", text, ""]
        lines += [_line(HEAD), "|---|---:|---|---|---|"]
        lines += [_line(_cells(row)) for row in rows]
    return "\n".join(lines) + "\n"


def table(measured: Measured) -> str:
    """All rows as CSV, values with six digits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("measurement", *HEAD))
    for measure, rows in measured.items():
        for row in rows:
            value = f"{row.value:.6g}"
            cells = (row.what, value, row.unit, row.target, row.verdict)
            writer.writerow((measure.__name__, *cells))
    return text.getvalue()


def _docstring(measure: Callable) -> tuple[str, str]:
    """The title and the text of a measurement."""
    title, _, text = (inspect.getdoc(measure) or "").partition("\n")
    return title, " ".join(text.split())


def _cells(row: Row) -> tuple[str, ...]:
    return row.what, row.number, row.unit, row.target, row.verdict


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
