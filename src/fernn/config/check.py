"""All mistakes of a configuration at once, before any job."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from types import NoneType, UnionType
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from fernn.config import matching, protocols, published, rules, treated, unused
from fernn.config.inherit import Inherited, inherited
from fernn.config.options import each_known, unknown
from fernn.config.positions import Source
from fernn.config.problems import UNKNOWN, Problem, from_pydantic
from fernn.config.schema import Config
from labrun.errors import UserError, nearest

# What stands for a part that cannot be read while the rest is checked.
BLANKS = {"budget": "", "seed": 0, "tuning": {"ranges": {}}}
# Keys whose values name entries of another section: that section, and what they name.
NAMES = {
    ("budgets", "experiments"): ("experiments", "experiment"),
    ("budgets", "source"): ("sources", "source"),
    ("experiments", "models"): ("models", "model"),
    ("experiments", "baselines"): ("models", "model"),
    ("experiments", "protocol"): ("protocols", "protocol"),
    ("experiments", "axes"): ("axes", "axis"),
}


def checked(raw: dict[str, Any], sources: Iterable[Source]) -> Config:
    """The configuration, if it is right.

    Args:
        raw: the merged content.
        sources: the files it came from, for positions.

    Raises:
        UserError: one line for every value that is wrong.
    """
    whole = inherited(raw)
    config, shape = None, whole.problems
    try:
        config = Config.model_validate(whole.raw)
        shape = [*shape, *treated.problems(config)]
    except ValidationError as error:
        shape = [*shape, *from_pydantic(error)]
    if config and not shape:
        config = treated.separated(config)
        problems = list(rules.problems(config)) or [
            *unused.problems(config),
            *matching.problems(config),
            *published.unknown_settings(config),
        ]
        if not problems:
            return config
    else:
        rest = _of_the_rest(whole.raw, shape, whole.left_out)
        problems = [*map(_with_hint, shape), *_unknown_names(whole.raw), *rest]
    raise UserError("\n".join(_lines(problems, list(sources), whole)))


def _lines(
    problems: list[Problem], sources: list[Source], whole: Inherited
) -> Iterable[str]:
    """One line a value; of an inherited one the same is not told again."""
    first = {problem.path: problem for problem in reversed(problems)}
    lines = dict[tuple, str]()
    for problem in reversed(first.values()):
        origin = whole.origin(problem.path)
        line = problem.line(sources, whole.given, origin)
        lines.setdefault((origin, problem.message), line)
    return lines.values()


def _with_hint(problem: Problem) -> Problem:
    """Tell the nearest valid name beside an unknown key."""
    if problem.message != UNKNOWN:
        return problem
    node: Any = Config
    for key in problem.path[:-1]:
        if isinstance(node, type) and issubclass(node, BaseModel):
            node = node.model_fields[key].annotation
        else:
            node = get_args(node)[-1]
        if isinstance(node, UnionType):  # of a part that may be left out
            node = next(each for each in get_args(node) if each is not NoneType)
    hint = nearest(str(problem.path[-1]), node.model_fields)
    return Problem(problem.path, f"{UNKNOWN}; {hint}")


def _unknown_names(raw: dict[str, Any]) -> Iterator[Problem]:
    """Names that nothing has; also in entries that cannot be read."""
    for (section, key), (other, what) in NAMES.items():
        entries, known = raw.get(section), raw.get(other)
        if not isinstance(entries, dict) or not isinstance(known, dict):
            continue
        for name, entry in entries.items():
            path = (section, name, key)
            given = entry.get(key) if isinstance(entry, dict) else None
            if isinstance(given, list):
                yield from each_known(given, known, path, what)
            elif given is not None:
                yield from unknown(what, given, known, path)
    found = raw.get("protocols")
    for name, entry in found.items() if isinstance(found, dict) else ():
        for key in protocols.PACKAGES if isinstance(entry, dict) else ():
            if isinstance(entry.get(key), str):
                path = ("protocols", name, key)
                yield from protocols.kind_problems(key, entry[key], path)


def _of_the_rest(
    raw: dict[str, Any], shape: list[Problem], absent: set[str]
) -> Iterator[Problem]:
    """Problems of the entries whose shape is right.

    Entries that cannot be read are left out, and with them what others say of them; so
    are those that are `absent`.
    """
    rest, left_out = copy.deepcopy(raw), {*absent}
    for problem in shape:
        section, *inner = problem.path
        if problem.message == UNKNOWN:
            _remove(rest, problem.path)
        elif section in BLANKS:
            rest[section] = BLANKS[section]
        elif inner:
            _remove(rest, problem.path[:2])
            left_out.add(inner[0])
        else:
            return
    config = Config.model_validate(rest)
    found = rules.problems(treated.separated(config))
    for problem in (*treated.problems(config), *found):
        if not left_out & _names(problem, rest):
            yield problem


def _remove(node: Any, path: tuple[Any, ...]) -> None:
    """Delete a key, if it is still there."""
    for key in path[:-1]:
        node = node.get(key, {})
    node.pop(path[-1], None)


def _names(problem: Problem, raw: Any) -> set[str]:
    """The names a problem is about: the keys on its path, and the name at its end."""
    value: Any = raw
    for key in problem.path:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            value = None
    return {*map(str, problem.path), str(value), *str(value).split("/")}
