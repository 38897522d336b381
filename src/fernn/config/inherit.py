"""Budgets that begin with the sizes of another one: ``like: demo``."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fernn.config.positions import update
from fernn.config.problems import Problem
from labrun.errors import nearest

Path = tuple[Any, ...]
SECTION, KEY = "budgets", "like"


@dataclass(frozen=True)
class Inherited:
    """A configuration whose budgets have all that they inherit.

    Attributes:
        raw: its content; budgets that inherit from none there is are left out.
        problems: what is wrong with the names after ``like``.
        left_out: names of the budgets that are.
        lines: of each other budget, itself and those it inherits from, nearest first.
        given: the content as it is written.
    """

    raw: dict[str, Any]
    problems: list[Problem]
    left_out: set[str]
    lines: dict[str, list[str]]
    given: dict[str, Any]

    def origin(self, path: Path) -> Path:
        """Where the value on a path is written: of an inherited one, its ancestor."""
        if path[:1] == (SECTION,) and len(path) > 2:
            for name in self.lines.get(path[1], []):
                if _has(self.given[SECTION][name], path[2:]):
                    return (SECTION, name, *path[2:])
        return path


def inherited(raw: dict[str, Any]) -> Inherited:
    """Complete the budgets: mappings are merged key by key, all else is replaced.

    Args:
        raw: the merged content of the files; it is not changed.
    """
    budgets = raw.get(SECTION)
    if not isinstance(budgets, dict):
        return Inherited(raw, [], set(), {}, raw)
    problems = [*_problems(budgets)]
    broken = {problem.path[1] for problem in problems}
    lines = {name: _line(budgets, name) for name in budgets}
    left_out = {name for name, line in lines.items() if broken & {*line}}
    whole = {
        name: _merged(budgets, lines[name]) for name in budgets if name not in left_out
    }
    kept = {name: line for name, line in lines.items() if name not in left_out}
    return Inherited({**raw, SECTION: whole}, problems, left_out, kept, raw)


def _problems(budgets: dict[str, Any]) -> Iterator[Problem]:
    """Names that are none, and circles."""
    for name in budgets:
        above, path = _above(budgets, name), (SECTION, name, KEY)
        line = _line(budgets, name)
        if above is None:
            continue
        if not isinstance(above, str):
            yield Problem(path, f"must be text, got {above!r}")
        elif above not in budgets:
            hint = nearest(above, {*map(str, budgets)} - {name})
            yield Problem(path, f"no budget {above!r}; {hint}")
        elif _above(budgets, line[-1]) == name:
            circle = ", ".join([*line, name])
            yield Problem(path, f"budgets inherit in a circle: {circle}")


def _above(budgets: dict[str, Any], name: str) -> Any:
    own = budgets.get(name)
    return own.get(KEY) if isinstance(own, dict) else None


def _line(budgets: dict[str, Any], name: str) -> list[str]:
    """A budget and those above it, up to one that is no more or is there already."""
    line = [name]
    while (above := _above(budgets, line[-1])) in [*budgets] and above not in line:
        line.append(above)
    return line


def _merged(budgets: dict[str, Any], line: list[str]) -> Any:
    own = budgets[line[0]]
    if len(line) == 1 or not all(isinstance(budgets[name], dict) for name in line):
        return own
    merged: dict[str, Any] = {}
    for name in reversed(line):
        update(merged, copy.deepcopy(budgets[name]))
    return merged


def _has(node: Any, path: Path) -> bool:
    for key in path:
        try:
            node = node[key]
        except (KeyError, IndexError, TypeError):
            return False
    return True
