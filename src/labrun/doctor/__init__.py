"""What to look at before a long run.

A check is ``check(place) -> Iterator[Finding]``. It writes nothing that stays, waits
seconds at most, and finds rather than fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from labrun.doctor import cluster, machine, results
from labrun.doctor.place import FAIL, Finding, Place
from labrun.errors import UserError

Check = Callable[[Place], Iterator[Finding]]
CHECKS: dict[str, Check] = {
    "caches": machine.caches,
    "clock": machine.clock,
    "disk": machine.disk,
    "gpu": machine.gpu,
    "head": results.head,
    "leftovers": results.leases,
    "partitions": cluster.partitions,
    "quota": machine.quota,
    "sharing": machine.sharing,
    "slurm": cluster.slurm,
    "tracker": results.tracker,
}


def examine(place: Place, more: Mapping[str, Check]) -> Iterator[Finding]:
    """All findings, in the order of the checks' names; a failed check says why.

    Args:
        place: what is examined.
        more: further checks, by name.
    """
    for name, check in sorted({**CHECKS, **more}.items()):
        try:
            yield from check(place)
        except (OSError, UserError) as error:
            yield Finding(FAIL, name, f"{error}".splitlines()[0])
