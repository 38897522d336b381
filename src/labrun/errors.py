"""The errors that the command line tells in one line."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any


class UserError(Exception):
    """A mistake in the user's input, told in one line; the CLI exits with code 2."""


class Damaged(UserError):
    """A file is not what was written; the CLI sets it aside, so that it is made again.

    Attributes:
        path: of the file.
    """

    def __init__(self, path: Path | str, how: str):
        super().__init__(f"{path} is damaged: {how}")
        self.path = Path(path)


class ContinueMe(Exception):
    """The work is saved, and the same command goes on; the CLI exits with 75."""


class Pruned(Exception):
    """A trial is behind others and ends early."""


def cut(text: str) -> str:
    """The beginning of a text for a message."""
    return text if len(text) <= 60 else f"{text[:57]}..."


def shown(value: Any) -> str:
    """A value for a message: on one line, cut where it is long."""
    return textwrap.shorten(repr(value), 80, placeholder=" …")


def require_known(what: str, name: Any, known: Iterable[str]) -> None:
    """Refuse a name that is none of the known ones.

    Raises:
        UserError: it is none; the nearest is told.
    """
    known = list(known)
    if name not in known:
        raise UserError(f"no {what} {name!r}; {nearest(str(name), known)}")


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message: the known name nearest to `name`, or those there are."""
    known = sorted(known)
    letters = sorted(str(name).casefold())  # of a name in capitals, or transposed
    alike = [each for each in known if sorted(each.casefold()) == letters]
    close = alike or difflib.get_close_matches(name, known, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    listed, rest = ", ".join(known) or "none", f" … ({len(known)} in all)"
    return "known: " + textwrap.shorten(listed, 800, placeholder=rest)
