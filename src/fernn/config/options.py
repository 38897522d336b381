"""The options of a kind are the arguments of its entry function.

Their names, types and defaults are those of its signature, so a new kind is a new file
and nothing else. A choice is a `typing.Literal`. Only kinds that a configuration names
are imported; all kinds of a package are where a name is wrong, for the nearest one.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import typing
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from fernn.config.problems import MISSING, Problem, from_pydantic
from labrun import modules
from labrun.errors import UserError, nearest

ENTRY = {
    "cells": "build",
    "data": "synthesize",
    "data/motions": "build",
    "data/sources": "fetch",
    "evaluation": "measure",
    "figures": "draw",
    "flows": "build",
    "models": "build",
    "models/rollouts": "build",
    "models/temporal": "build",
    "tables": "tabulate",
    "training/losses": "loss",
    "training/optimisers": "build",
    "training/schedules": "factor",
    "training/strategies": "build",
    "treatments": "treat",
}


@dataclass(frozen=True)
class Option:
    """An argument of an entry function.

    Attributes:
        hint: the type of its values.
        default: its value if it is not given; `inspect.Parameter.empty` if it must be.
        keyword: whether it is given by name alone.
        nested: the package whose kind and options it holds; None of another option.
    """

    hint: Any
    default: Any
    keyword: bool
    nested: str | None

    @functools.cached_property
    def type(self) -> TypeAdapter:
        """What validates a value of it."""
        return _adapter(self.hint)


def _dotted(package: str) -> str:
    return f"fernn.{package.replace('/', '.')}"


def kinds(package: str) -> list[str]:
    """The modules of a package that offer its entry function; all are imported."""
    return [name for name in modules.names(_dotted(package)) if exists(package, name)]


@functools.cache
def _module(package: str, kind: str) -> ModuleType | None:
    """The module of a kind; None if there is none."""
    if kind not in modules.names(_dotted(package)):
        return None
    module = modules.load(_dotted(package), kind)
    return module if hasattr(module, ENTRY[package]) else None


def exists(package: str, kind: Any) -> bool:
    """Whether a package has a kind of this name."""
    return isinstance(kind, str) and _module(package, kind) is not None


def names(package: str, kind: str) -> list[str]:
    """The names of a kind's options; none of a kind that there is not."""
    return list(_options(package, kind)) if exists(package, kind) else []


def keywords(package: str, kind: str) -> set[str]:
    """The names of the options that are given by name alone."""
    known = _options(package, kind) if exists(package, kind) else {}
    return {name for name, each in known.items() if each.keyword}


def nested(package: str, kind: str) -> dict[str, str]:
    """Of the options that are kinds of other packages, these packages."""
    known = _options(package, kind) if exists(package, kind) else {}
    return {name: each.nested for name, each in known.items() if each.nested}


def default(package: str, kind: str, name: str) -> Any:
    """The value of an option that is not given; None if it must be."""
    value = _options(package, kind)[name].default
    return None if value is inspect.Parameter.empty else value


def complete(package: str, spec: dict[str, Any]) -> dict[str, Any]:
    """A specification with the defaults of the options that it leaves out.

    Those without a default are None. The kinds that it holds are completed too.
    """
    known = _options(package, spec["kind"])
    found = {name: default(package, spec["kind"], name) for name in known} | spec
    for name, option in known.items():
        if option.nested and isinstance(found[name], dict):
            found[name] = complete(option.nested, found[name])
    return found


def constant(package: str, kind: Any, name: str) -> Any:
    """A constant of a kind's module; None without it, or without the kind."""
    return (
        getattr(_module(package, kind), name, None) if exists(package, kind) else None
    )


@functools.cache
def _options(package: str, kind: str) -> dict[str, Option]:
    entry = getattr(_module(package, kind), ENTRY[package])
    function = entry.__init__ if isinstance(entry, type) else entry
    hints = typing.get_type_hints(function, include_extras=True)
    found, own = {}, inspect.signature(entry).parameters
    for name, argument in modules.arguments(entry).items():
        shared = name not in own or own[name].kind is argument.VAR_KEYWORD
        hint = argument.annotation if shared else hints.get(name, Any)
        found[name] = Option(
            hint,
            argument.default,
            argument.kind is argument.KEYWORD_ONLY,
            _nested(hint),
        )
    return found


def _adapter(hint: Any) -> TypeAdapter:
    """What validates a type; one that is a dataclass brings its own configuration."""
    own = dataclasses.is_dataclass(hint)
    config = None if own else ConfigDict(arbitrary_types_allowed=True)
    return TypeAdapter(hint, config=config)


def _nested(hint: Any) -> str | None:
    """The package that a type marked by `Kind` names, by itself or in a union."""
    marks = getattr(hint, "__metadata__", ())
    found = [mark.package for mark in marks if isinstance(mark, modules.Kind)]
    inner = (_nested(part) for part in typing.get_args(hint))
    return next(filter(None, (*found, *inner)), None)


def require(package: str, spec: dict[str, Any], supplied: Collection[str] = ()) -> dict:
    """A copy of a specification typed by hand, if it is right.

    Raises:
        UserError: one line for every mistake.
    """
    problems = check(package, spec, (), supplied)
    lines = [".".join(map(str, p.path)) + f": {p.message}" for p in problems]
    if lines:
        raise UserError("\n".join(lines))
    return dict(spec)


def check(
    package: str,
    spec: dict[str, Any],
    path: tuple,
    supplied: Collection[str] = (),
    elsewhere: Collection[str] = (),
    optional: Collection[str] = (),
) -> Iterator[Problem]:
    """The problems of ``{"kind": ..., **options}``.

    Args:
        package: where its kind is a module.
        spec: from the configuration.
        path: of `spec` in the configuration.
        supplied: options that the pipeline gives, which the configuration must not.
        elsewhere: options that other parts of the configuration may give.
        optional: options that a budget may give in their place.
    """
    kind = spec.get("kind")
    if not isinstance(kind, str) or not exists(package, kind):
        what, hint = package.rpartition("/")[2], nearest(str(kind), kinds(package))
        yield Problem((*path, "kind"), f"no {kind!r} in {what}; {hint}")
        return
    allowed = {k: v for k, v in _options(package, kind).items() if k not in supplied}
    for name, value in spec.items():
        if name in allowed:
            yield from _value(allowed[name], value, (*path, name))
        elif name != "kind":
            hint = nearest(str(name), {*allowed, *elsewhere})
            yield Problem((*path, name), f"{kind} has no option {name!r}; {hint}")
    missing = {k for k, v in allowed.items() if v.default is inspect.Parameter.empty}
    for name in missing - {*spec, *elsewhere, *optional}:
        yield Problem((*path, name), MISSING)


def _value(option: Option, value: Any, path: tuple) -> Iterator[Problem]:
    if option.nested and isinstance(value, str):
        yield Problem(path, f"must be a mapping, such as {{ kind: {value} }}")
        return
    if option.nested and isinstance(value, dict):
        inner = str(value.get("kind"))
        known = _options(option.nested, inner) if exists(option.nested, inner) else {}
        supplied = [name for name, each in known.items() if not each.keyword]
        yield from check(option.nested, value, path, supplied)
    try:
        option.type.validate_python(value, strict=True)
    except ValidationError as error:
        yield from from_pydantic(error, path)


def unknown_kind(what: str, package: str, kind: Any, path: tuple) -> Iterator[Problem]:
    """The problem of a name that is no kind of a package."""
    if not exists(package, kind):
        yield from unknown(what, kind, kinds(package), path)


def unknown(
    what: str, name: Any, known: Collection[str], path: tuple
) -> Iterator[Problem]:
    """The problem of a name that is none of the known ones."""
    if name not in list(known):
        yield Problem(path, f"no {what} {name!r}; {nearest(str(name), known)}")


def each_known(
    names: Iterable[str], known: Collection[str], path: tuple, what: str
) -> Iterator[Problem]:
    """A problem for each name that is not among those known, at its place."""
    for index, name in enumerate(names):
        yield from unknown(what, name, known, (*path, index))
