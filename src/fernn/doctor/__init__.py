"""What to look at before a long run: each public module is one check.

A check is ``check(place) -> Iterator[Finding]``; adding a check is adding a file. It
writes nothing that stays, waits seconds at most, and finds rather than fails.
"""

from __future__ import annotations

from collections.abc import Iterator

from fernn.doctor._finding import FAIL, Finding
from fernn.doctor._place import Place
from labrun import modules
from labrun.errors import UserError


def examine(place: Place) -> Iterator[Finding]:
    """All findings; a check that cannot look says why."""
    for name in modules.names(__name__):
        try:
            yield from modules.load(__name__, name).check(place)
        except (OSError, UserError) as error:
            yield Finding(FAIL, name, f"{error}".splitlines()[0])
