"""Leases: outputs being made now, and those whose maker died."""

from __future__ import annotations

from collections.abc import Iterator

from fernn.doctor._finding import NOTE, OK, Finding
from fernn.doctor._place import Place
from labrun import lease_file

SHOWN = 3


def check(place: Place) -> Iterator[Finding]:
    """Who makes something below the results folder; nothing is removed."""
    paths = sorted(place.results.rglob(".*.lease"))
    found = [lease_file.holder(path) for path in paths if path.name != ".head.lease"]
    alive = [str(each) for each in found if each]
    dead = len(found) - len(alive)
    if alive:
        more = f" and {len(alive) - SHOWN} more" if len(alive) > SHOWN else ""
        makers = f"{', '.join(alive[:SHOWN])}{more}"
        yield Finding(NOTE, "leases", f"outputs are being made by {makers}")
    if dead:
        remedy = "nothing to do: whoever makes these outputs takes them over"
        yield Finding(NOTE, "leases", f"{dead} of processes that died", remedy)
    if not found:
        yield Finding(OK, "leases", "no output is being made")
