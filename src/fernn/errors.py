"""The errors that the command line tells in one line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A mistake in the user's input, told in one line; the CLI exits with code 2."""


class ContinueMe(Exception):
    """The work is saved, and the same command goes on; the CLI exits with 75."""


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message: the known name nearest to `name`, or all of them."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(known) or 'none'}"
