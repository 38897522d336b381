r"""Every number of the tables as a LaTeX macro, ``\fernn{table/row/column}``.

A name is the table's, then what tells its rows apart, then the column's as the table
shows it: ``\fernn{generalization/translation/FERNN-V2/length 7x}``. A mean brings its
deviation. Names are in ASCII; other characters are dashes.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from fernn.tables._numbers import tex
from labrun.errors import UserError

HEAD = r"""% \fernn{table/row/column}: the numbers of the tables; \input this file.
\providecommand{\fernn}[1]{\ifcsname fernn@#1\endcsname\csname fernn@#1\endcsname
  \else\errmessage{fernn: there is no number `#1'}\fi}
"""
ROWS = ("experiment", "seed", "model")  # what rows are called by, if that suffices
LETTERS = {"×": "x", "–": "-", "ν": "nu", "→": "to"}


def macros(tables: Sequence[Path]) -> str:
    """The definitions, a line each.

    Args:
        tables: CSV files, as `fernn.tables._write.save` makes them.
    """
    lines = [
        rf"\expandafter\def\csname fernn@{name}\endcsname{{{text}}}"
        for path in tables
        for name, text in numbers(path)
    ]
    return HEAD + "\n".join(lines) + "\n"


def numbers(path: Path) -> Iterator[tuple[str, str]]:
    """Name and LaTeX of each number of a table; what is absent has none.

    Raises:
        UserError: a row has fewer or more cells than the table has columns.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for line, row in enumerate(rows, start=1):
        if None in row or None in row.values():
            raise UserError(
                f"{path}: row {line} below the head has more or fewer cells"
            )
    columns = list(rows[0]) if rows else []
    spreads = {name for name in columns if name.endswith("_std")}
    values = [n for n in columns if n not in spreads and _is_numeric(rows, n)]
    texts = [name for name in columns if name not in values and name not in spreads]
    for called, row in zip(_names(rows, texts), rows, strict=True):
        for column in values:
            if row[column]:
                std = row.get(f"{column.removesuffix('_mean')}_std", "") or "nan"
                shown = column.removesuffix("_mean").replace("_", " ")
                whole = row[column].lstrip("-").isdigit()
                value = int(row[column]) if whole else float(row[column])
                text = f"${value}$" if whole else tex(value, float(std))
                yield "/".join([path.stem, *called, _plain(shown)]), text


def _is_numeric(rows: list[dict[str, str]], column: str) -> bool:
    given = [row[column] for row in rows if row[column]]
    try:
        return column not in ROWS and bool([float(text) for text in given])
    except ValueError:
        return False


def _names(rows: list[dict[str, str]], texts: list[str]) -> list[list[str]]:
    """What each row is called: by as few columns as tell rows apart, else counted."""
    used = [name for name in ROWS if name in texts]
    names: list[list[str]] = []
    for more in [None, *(name for name in texts if name not in ROWS)]:
        used += [more] if more else []
        names = [[_plain(row[name]) for name in used] for row in rows]
        if len({*map(tuple, names)}) == len(names):
            return names
    counts: dict[tuple[str, ...], int] = {}
    for name in names:
        count = counts[tuple(name)] = counts.get(tuple(name), 0) + 1
        name += [str(count)] if count > 1 else []
    return names


def _plain(text: str) -> str:
    text = "".join(LETTERS.get(letter, letter) for letter in text)
    return re.sub(r"[^A-Za-z0-9 .,:;+*=()<>|_@-]", "-", text).strip() or "-"
