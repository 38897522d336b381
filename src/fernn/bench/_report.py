"""The measured numbers as Markdown, as CSV, and on the screen."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path

from fernn.bench._machine import describe
from fernn.bench._row import Row
from labrun.modules import load
from labrun.storage import write_text

HEAD = ("what", "value", "unit", "target", "verdict")
Measured = dict[str, list[Row]]


def show(name: str, rows: list[Row]) -> None:
    """Print one measurement: a table in a terminal, plain lines otherwise."""
    title = _docstring(name)[0].rstrip(".")
    if not sys.stdout.isatty():
        for row in rows:
            asked = f" ({row.target}: {row.verdict})" if row.target else ""
            line = f"{name}: {row.what}: {row.number} {row.unit}".rstrip()
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
    lines = ["# Benchmarks", "", f"Written by `{command}`; do not edit.", ""]
    lines += [f"- {what}: {value}" for what, value in describe().items()]
    verdicts = [row.verdict for rows in measured.values() for row in rows]
    met, missed = verdicts.count("met"), verdicts.count("missed")
    if met or missed:
        lines += ["", f"Targets: {met} met, {missed} missed."]
    for name, rows in measured.items():
        title, text = _docstring(name)
        lines += ["", f"## {title.rstrip('.')}", "", text, ""]
        lines += [_line(HEAD), "|---|---:|---|---|---|"]
        lines += [_line(_cells(row)) for row in rows]
    return "\n".join(lines) + "\n"


def table(measured: Measured) -> str:
    """All rows as CSV, values with six digits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("measurement", *HEAD))
    for name, rows in measured.items():
        for row in rows:
            value = f"{row.value:.6g}"
            cells = (row.what, value, row.unit, row.target, row.verdict)
            writer.writerow((name, *cells))
    return text.getvalue()


def _docstring(name: str) -> tuple[str, str]:
    """The title and the text of a measurement."""
    title, _, text = (load("fernn.bench", name).__doc__ or "").partition("\n")
    return title, " ".join(text.split())


def _cells(row: Row) -> tuple[str, ...]:
    return row.what, row.number, row.unit, row.target, row.verdict


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
