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
from typing import Any

import pandas as pd

from labrun.errors import UserError
from labrun.storage import write_text

ESCAPES = {"&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_", "$": r"\$"}
ESCAPES |= {"×": r"$\times$", "±": r"$\pm$", "ν": r"$\nu$", "→": r"$\to$"}
ABSENT, DIVERGED = "–", "diverged"
STYLE = (
    "<!doctype html><meta charset=utf-8><style>"
    "body {font: 14px sans-serif; margin: 2em}"
    " table {border-collapse: collapse} td {padding: .3em .7em}"
    " tr:first-child {font-weight: bold; border-bottom: 2px solid}"
    " tr {border-bottom: 1px solid #ddd} p {max-width: 60em; color: #555}</style>"
)
PLAIN = 0.01, 1000  # numbers between them are written without a power of ten


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
    heads, rows = _cells(table, _tex)
    columns = "".join("r" if right else "l" for right in _numeric(table, heads))
    body = [" & ".join(cells) + r" \\" for cells in rows]
    head = " & ".join(map(_escape, heads)) + r" \\"
    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", head, r"\midrule"]
    lines += [*body, r"\bottomrule", r"\end{tabular}"]
    lines += [f"% {note}" for note in table.attrs.get("notes", [])]
    return "\n".join(lines) + "\n"


def number(value: float) -> str:
    """A number as Markdown shows it."""
    return plain(value, math.nan)


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


def _split(value: float) -> tuple[float, int]:
    """Mantissa and power of ten; power 0 for numbers that read well as they are."""
    low, high = PLAIN
    if value == 0 or low <= abs(value) < high:
        return value, 0
    power = math.floor(math.log10(abs(value)))
    return value / 10**power, power


def _parts(value: float, std: float) -> tuple[str, int]:
    if value == 0 and not std > 0:
        return "0", 0
    mantissa, power = _split(value)
    digits = 1 if power else max(0, 2 - _order(mantissa))
    if not std > 0:  # one seed, or a baseline, which is the same for every seed
        return f"{mantissa:.{digits}f}", power
    spread = std / 10**power
    digits = max(digits, -_order(spread))
    return f"{mantissa:.{digits}f} ± {spread:.{digits}f}", power


def _order(value: float) -> int:
    return math.floor(math.log10(abs(value))) if value else 0


def _words(value: object) -> str | None:
    """Text for what is no finite real number, otherwise None."""
    if isinstance(value, float):
        return (
            ABSENT if math.isnan(value) else None if math.isfinite(value) else DIVERGED
        )
    return str(value)


def plain(value: Any, std: float) -> str:
    """A number as it stands in Markdown: rounded, with its deviation if it has one."""
    words = _words(value)
    if words is not None:
        return words.replace("|", r"\|")
    text, power = _parts(value, std)
    if not power:
        return text
    return f"({text})e{power}" if "±" in text else f"{text}e{power}"


def _tex(value, std: float) -> str:
    words = _words(value)
    if words is not None:
        return "--" if words == ABSENT else _escape(words)
    text, power = _parts(value, std)
    if power:
        inner = f"({text})" if "±" in text else text
        text = rf"{inner} \times 10^{{{power}}}"
    return f"${text}$".replace("±", r"\pm")


def _escape(text: str) -> str:
    return "".join(ESCAPES.get(character, character) for character in text)
