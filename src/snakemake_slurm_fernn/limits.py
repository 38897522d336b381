"""Whether the time limits of partitions allow what the jobs ask.

Slurm takes a job that asks for more than its partition allows, and never starts it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from labrun.commands import run_command
from labrun.slurm import seconds

Asked = Iterable[tuple[str, str, float]]  # rule, partition or several, minutes


class Unknown(Exception):
    """Slurm does not tell the limits; its text says why."""


def limits() -> dict[str, float]:
    """The minutes that each partition allows, infinity for no limit.

    Raises:
        Unknown: Slurm does not tell them.
    """
    answer = run_command("sinfo", "--all", "--noheader", "--format=%P|%l")
    if answer.error:
        raise Unknown(answer.error)
    found = {}
    for line in answer.text.splitlines():
        name, _, limit = line.strip().partition("|")
        longest = seconds(limit)
        minutes = float("inf") if longest is None else longest / 60
        found[name.rstrip("*")] = minutes
    return found


def too_long(asked: Asked, allowed: dict[str, float]) -> str:
    """What the jobs ask beyond their partitions' limits; empty if all fit.

    A job with several partitions fits if one of them allows it. A partition that Slurm
    does not name is not judged: the submission tells of it.
    """
    beyond: dict[str, dict[str, float]] = defaultdict(dict)
    for rule, partition, minutes in asked:
        known = [allowed[name] for name in partition.split(",") if name in allowed]
        if known and minutes > max(known):
            before = beyond[partition].get(rule, 0.0)
            beyond[partition][rule] = max(before, minutes)
    return "; ".join(_told(name, rules, allowed) for name, rules in beyond.items())


def _told(partition: str, rules: dict[str, float], allowed: dict[str, float]) -> str:
    longest = max(allowed.get(name, 0.0) for name in partition.split(","))
    wishes = ", ".join(f"{rule} for {minutes:g}" for rule, minutes in rules.items())
    return f"partition {partition} allows {longest:g} minutes, its jobs ask: {wishes}"
