"""Measured numbers and their targets, as Markdown, as CSV and on the screen."""

from __future__ import annotations

import csv
import inspect
import io
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from fernn_bench.machine import describe
from labrun.errors import UserError
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
    _write(path, _sections(measured), _rows(measured), command)


def update(
    path: Path, measured: Measured, command: str, order: Iterable[Callable]
) -> None:
    """Put newly measured sections into a report, in `order`; others stay.

    Raises:
        UserError: there is no such report.
    """
    if not path.exists():
        raise UserError(f"{path}: no report to update; leave out --update")
    texts = ["## " + text.strip() for text in path.read_text().split("\n## ")[1:]]
    sections = {text.partition("\n")[0][3:]: text for text in texts}
    sections |= _sections(measured)
    new = {measure.__name__ for measure in measured}
    with path.with_suffix(".csv").open(encoding="utf-8", newline="") as file:
        rows = [tuple(row) for row in csv.reader(file)][1:]
    rows = [row for row in rows if row[0] not in new] + _rows(measured)
    ranks = {measure.__name__: rank for rank, measure in enumerate(order)}
    titles = [_docstring(measure)[0].rstrip(".") for measure in order]
    made = {title: sections[title] for title in titles if title in sections}
    _write(path, made, sorted(rows, key=lambda row: ranks[row[0]]), command)


def _write(
    path: Path, sections: dict[str, str], rows: list[tuple[str, ...]], command: str
) -> None:
    lines = [
        "# Measurements of speed and memory",
        "",
        f"Written by `{command}`; do not edit.",
    ]
    verdicts = [row[-1] for row in rows]
    met, missed = verdicts.count("met"), verdicts.count("missed")
    if met or missed:
        lines += ["", f"Targets: {met} met, {missed} missed."]
    for text in sections.values():
        lines += ["", text]
    write_text("\n".join(lines) + "\n", path)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([("measurement", *HEAD), *rows])
    write_text(text.getvalue(), path.with_suffix(".csv"))


def _sections(measured: Measured) -> dict[str, str]:
    """Of each title its text, where it was measured, and its table."""
    made, here = {}, "; ".join(f"{what}: {value}" for what, value in describe().items())
    for measure, rows in measured.items():
        title, text = _docstring(measure)
        lines = [f"## {title.rstrip('.')}", "", text, "", f"Measured on {here}.", ""]
        lines += [_line(HEAD), "|---|---:|---|---|---|"]
        lines += [_line(_cells(row)) for row in rows]
        made[title.rstrip(".")] = "\n".join(lines)
    return made


def _rows(measured: Measured) -> list[tuple[str, ...]]:
    """The cells of the CSV file, values with six digits."""
    return [
        (measure.__name__, r.what, f"{r.value:.6g}", r.unit, r.target, r.verdict)
        for measure, rows in measured.items()
        for r in rows
    ]


def _docstring(measure: Callable) -> tuple[str, str]:
    """The title and the text of a measurement."""
    title, _, text = (inspect.getdoc(measure) or "").partition("\n")
    return title, " ".join(text.split())


def _cells(row: Row) -> tuple[str, ...]:
    return row.what, row.number, row.unit, row.target, row.verdict


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
