"""The options of a kind are the arguments of its entry function, read from the source.

Reading the signature without importing the module keeps a check of the configuration
fast: it needs neither torch nor xarray. A new kind is a new file and nothing else.
"""

from __future__ import annotations

import ast
import builtins
import functools
import typing
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

import fernn
from fernn.config.choices import CHOICES
from fernn.config.problems import MISSING, Problem, from_pydantic
from labrun.errors import UserError, nearest

ENTRY = {
    "data": "synthesize",
    "data/motions": "build",
    "data/sources": "fetch",
    "evaluation": "measure",
    "figures": "draw",
    "flows": "build",
    "models": "build",
    "tables": "tabulate",
}


@functools.cache
def kinds(package: str) -> dict[str, ast.FunctionDef]:
    """The modules of a package that offer its entry function, with that function."""
    folder = Path(fernn.__file__).parent / package
    found = {}
    for path in sorted(folder.glob("[!_]*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name == ENTRY[package]:
                found[path.stem] = node
    return found


def names(package: str, kind: str) -> list[str]:
    """The names of a kind's options."""
    return list(_model(package, kind).model_fields)


def default(package: str, kind: str, name: str) -> Any:
    """The value of an option that is not given; None if it must be."""
    return _defaults(kinds(package)[kind].args).get(name)


@functools.cache
def constant(package: str, kind: str, name: str) -> Any:
    """A constant of a kind's module, read from the source; None without it."""
    path = Path(fernn.__file__).parent / package / f"{kind}.py"
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return ast.literal_eval(node.value)
    return None


def _defaults(arguments: ast.arguments) -> dict[str, Any]:
    """The default of each argument that has one."""
    plain = [*arguments.posonlyargs, *arguments.args]
    last = plain[len(plain) - len(arguments.defaults) :]
    pairs = [*zip(last, arguments.defaults, strict=True)]
    keywords = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    pairs += [(argument, value) for argument, value in keywords if value]
    return {argument.arg: ast.literal_eval(value) for argument, value in pairs}


@functools.cache
def _model(package: str, kind: str) -> type[BaseModel]:
    arguments = kinds(package)[kind].args
    defaults = _defaults(arguments)
    fields: dict[str, Any] = {
        argument.arg: (
            _annotation(argument.annotation),
            None if argument.arg in defaults else ...,
        )
        for argument in (
            *arguments.posonlyargs,
            *arguments.args,
            *arguments.kwonlyargs,
        )
    }
    return create_model(
        kind, __config__=ConfigDict(extra="forbid", strict=True), **fields
    )


def _annotation(node: ast.expr | None) -> Any:
    """The type an annotation stands for; one that is not built in admits anything."""
    if node is None:
        return Any
    try:
        return eval(ast.unparse(node), {**vars(builtins), **vars(typing)})
    except NameError:
        return Any


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
    if kind not in list(kinds(package)):  # which also takes what cannot be a key
        what, hint = package.rpartition("/")[2], nearest(str(kind), kinds(package))
        yield Problem((*path, "kind"), f"no {kind!r} in {what}; {hint}")
        return
    given = {name: value for name, value in spec.items() if name != "kind"}
    allowed = [name for name in names(package, kind) if name not in supplied]
    for name in [name for name in given if name not in allowed]:
        hint = nearest(str(name), {*allowed, *elsewhere})
        yield Problem((*path, name), f"{kind} has no option {name!r}; {hint}")
    known = {name: value for name, value in given.items() if name in allowed}
    nested = constant(package, kind, "NESTED") or {}
    for name in known.keys() & CHOICES.keys() - nested.keys():
        yield from unknown(name, known[name], CHOICES[name], (*path, name))
    for name in known.keys() & nested.keys():
        if isinstance(known[name], dict):
            yield from _nested(nested[name], known[name], (*path, name))
    try:
        _model(package, kind).model_validate(known)
    except ValidationError as error:
        for problem in from_pydantic(error, path):
            given_later = problem.path[-1] in (*supplied, *elsewhere, *optional)
            if problem.message != MISSING or not given_later:
                yield problem


def _nested(package: str, spec: dict[str, Any], path: tuple) -> Iterator[Problem]:
    """The problems of a kind within a kind, whose options are keywords only."""
    found = kinds(package).get(str(spec.get("kind")))
    supplied = [argument.arg for argument in found.args.args] if found else []
    yield from check(package, spec, path, supplied)


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
