"""What figures and tables need of a cube: what it measures, not what it is called.

A module of a figure or table has `SHOWS`: its roles, each with the properties that a
cube of it has. Cubes of experiments have the properties

* ``statistic``: of the axis, a module of `fernn.evaluation`;
* ``draw``: how the velocities of its test set are chosen; None without a test set;
* ``unit``: of velocities, ``pixels`` or ``degrees`` per frame;
* ``longer``: whether its roll-outs are longer than the trained horizon;
* ``changing``: whether velocities may change within a sequence;
* ``redraw``: ``epoch``, or ``never`` if all epochs have the same sequences;

cubes of a measurement in `benchmarks` have one, ``measurement``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

BENCH = "bench"  # in place of an experiment: cubes that `benchmarks` measures
Shows = Mapping[str, Mapping[str, Any]]

# Cubes that differ in these can still be drawn where they are listed: these choose
# among roles, and decide what is shown without being listed.
LOOSE = ("changing", "longer")


def role(shows: Shows, cube: Mapping[str, Any]) -> str | None:
    """The first role that a cube fits, if need be but for what is `LOOSE`; or None.

    Args:
        shows: `SHOWS` of a figure or table.
        cube: its properties.
    """
    loosened = (LOOSE[:count] for count in range(len(LOOSE) + 1))
    found = (_first(shows, cube, loose) for loose in loosened)
    return next(filter(None, found), None)


def wanted(shows: Shows, cube: Mapping[str, Any]) -> bool:
    """Whether a cube has all the properties of a role: it is shown without a list."""
    return _first(shows, cube, ()) is not None


def _first(shows: Shows, cube: Mapping[str, Any], loose: tuple) -> str | None:
    for name, needed in shows.items():
        if all(cube.get(k) == v for k, v in needed.items() if k not in loose):
            return name
    return None


def words(needed: Mapping[str, Any]) -> str:
    """The properties that decide, such as ``squared_error (draw grid)``."""
    given = {k: v for k, v in needed.items() if v is not None and k not in LOOSE}
    if "measurement" in given:
        return f"the measurement {given['measurement']}"
    statistic = given.pop("statistic", "no statistic")
    rest = ", ".join(f"{key} {value}" for key, value in given.items())
    return f"{statistic} ({rest})" if rest else str(statistic)


def all_words(shows: Shows) -> str:
    """What a figure or table shows."""
    return " or ".join(dict.fromkeys(words(needed) for needed in shows.values()))
