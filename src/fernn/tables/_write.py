"""Tables as CSV (full precision), Markdown, HTML and LaTeX (rounded, with booktabs).

Adjacent columns ``x_mean`` and ``x_std`` become one column ``x``, mean ± std. Numbers
that are absent are dashes, infinite ones are called diverged. The columns that
``attrs["csv_only"]`` lists would make a page too wide: only the CSV has them.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from fernn.tables._numbers import escape, plain, tex
from labrun.errors import UserError
from labrun.storage import write_text

STYLE = (
    "<!doctype html><meta charset=utf-8><style>"
    "body {font: 14px sans-serif; margin: 2em}"
    " table {border-collapse: collapse} td {padding: .3em .7em}"
    " tr:first-child {font-weight: bold; border-bottom: 2px solid}"
    " tr {border-bottom: 1px solid #ddd} p {max-width: 60em; color: #555}</style>"
)


def save(table: pd.DataFrame, path: Path, lineage: dict) -> None:
    """Write a table in the format of the suffix; its footnotes are ``attrs["notes"]``.

    The lineage is a comment in all but CSV, which stays clean.

    Raises:
        UserError: the suffix is unknown.
    """
    text = json.dumps(lineage, sort_keys=True)
    writers: dict[str, Callable[[], str]] = {
        ".csv": lambda: table.to_csv(index=False),
        ".md": lambda: f"{markdown(table)}\n<!-- lineage: {text} -->\n",
        ".html": lambda: f"{page(table)}<!-- lineage: {text} -->\n",
        ".tex": lambda: f"{latex(table)}% lineage: {text}\n",
    }
    if path.suffix not in writers:
        raise UserError(f"{path}: a table is one of {', '.join(writers)}")
    write_text(writers[path.suffix](), path)


def markdown(table: pd.DataFrame) -> str:
    """A pipe table, numbers to the right, and the footnotes below."""
    heads, rows = _cells(table, plain)
    numeric = _numeric(table, heads)
    rule = ["---:" if right else "---" for right in numeric]
    lines = [f"| {' | '.join(cells)} |" for cells in (heads, rule, *rows)]
    notes = [f"\n{note}" for note in table.attrs.get("notes", [])]
    return "\n".join([*lines, *notes]) + "\n"


def page(table: pd.DataFrame) -> str:
    """A page of its own, for the report; the footnotes below."""
    heads, rows = _cells(table, plain)
    sides = ["right" if right else "left" for right in _numeric(table, heads)]
    lines = [
        "<tr>" + "".join(map(_td, cells, sides)) + "</tr>" for cells in (heads, *rows)
    ]
    notes = [f"<p>{html.escape(note)}</p>" for note in table.attrs.get("notes", [])]
    return "\n".join([f"{STYLE}<table>", *lines, "</table>", *notes]) + "\n"


def _td(text: str, side: str) -> str:
    return f'<td style="text-align: {side}">{html.escape(text)}</td>'


def latex(table: pd.DataFrame) -> str:
    """A booktabs ``tabular``; the footnotes are comments."""
    heads, rows = _cells(table, tex)
    columns = "".join("r" if right else "l" for right in _numeric(table, heads))
    body = [" & ".join(cells) + r" \\" for cells in rows]
    head = " & ".join(map(escape, heads)) + r" \\"
    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", head, r"\midrule"]
    lines += [*body, r"\bottomrule", r"\end{tabular}"]
    lines += [f"% {note}" for note in table.attrs.get("notes", [])]
    return "\n".join(lines) + "\n"


def _cells(table: pd.DataFrame, render: Callable) -> tuple[list[str], list[list[str]]]:
    """Headings and rows, the pairs of mean and std joined."""
    left_out = table.attrs.get("csv_only", [])
    shown = [str(name) for name in table.columns if name not in left_out]
    names = [name for name in shown if not name.endswith("_std")]
    rows = []
    for record in table.to_dict("records"):
        cells = []
        for name in names:
            std = record.get(f"{name.removesuffix('_mean')}_std", math.nan)
            joined = name.endswith("_mean")
            cells.append(render(record[name], std if joined else math.nan))
        rows.append(cells)
    return [name.removesuffix("_mean").replace("_", " ") for name in names], rows


def _numeric(table: pd.DataFrame, heads: list[str]) -> list[bool]:
    kinds = {
        str(name).removesuffix("_mean").replace("_", " "): dtype.kind in "iuf"
        for name, dtype in table.dtypes.items()
    }
    return [kinds[head] for head in heads]
