"""The options of a kind are the arguments of its entry function, read from the source.

Reading the signature without importing the module keeps a check of the configuration
fast: it needs neither torch nor xarray. A new kind is a new file and nothing else.
"""

from __future__ import annotations

import ast
import builtins
import functools
import typing
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

import fernn
from fernn.config.problems import Problem, from_pydantic
from fernn.errors import UserError, nearest

ENTRY = {
    "data": "synthesize",
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


@functools.cache
def _model(package: str, kind: str) -> type[BaseModel]:
    arguments = kinds(package)[kind].args
    fields: dict[str, Any] = {}
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults = [*[None] * (len(plain) - len(arguments.defaults)), *arguments.defaults]
    pairs = [*zip(plain, defaults, strict=True)]
    pairs += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    for argument, default in pairs:
        value = ... if default is None else None
        fields[argument.arg] = (_annotation(argument.annotation), value)
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
    partial: bool = False,
) -> Iterator[Problem]:
    """The problems of ``{"kind": ..., **options}``.

    Args:
        package: where its kind is a module.
        spec: from the configuration.
        path: of `spec` in the configuration.
        supplied: options that the pipeline gives, which the configuration must not.
        partial: other parts of the configuration may give the missing options.
    """
    what = package.rpartition("/")[2]
    kind = spec.get("kind")
    if kind not in kinds(package):
        hint = nearest(str(kind), kinds(package))
        yield Problem((*path, "kind"), f"no {kind!r} in {what}; {hint}")
        return
    given = {name: value for name, value in spec.items() if name != "kind"}
    allowed = [name for name in names(package, kind) if name not in supplied]
    for name in given.keys() - set(allowed):
        hint = nearest(str(name), allowed)
        yield Problem((*path, name), f"{kind} has no option {name!r}; {hint}")
    known = {name: value for name, value in given.items() if name in allowed}
    try:
        _model(package, kind).model_validate(known)
    except ValidationError as error:
        for problem in from_pydantic(error, path):
            missing = problem.message == "is missing"
            if not missing or not (partial or problem.path[-1] in supplied):
                yield problem
