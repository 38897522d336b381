"""Look-up by module name: adding a kind of thing is adding a file."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
import typing
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from labrun.errors import UserError, nearest


@dataclass(frozen=True)
class Kind:
    """Marks the type of an argument that is itself ``{"kind": ..., **options}``.

    For example ``motion: Annotated[dict, Kind("data/motions")]``.

    Attributes:
        package: where its kind is a module.
    """

    package: str


def names(package: str) -> list[str]:
    """The kinds in a package: its public modules and folders, sorted.

    Args:
        package: dotted name, such as ``mine.flows``.
    """
    paths = importlib.import_module(package).__path__
    found = {module.name for module in pkgutil.iter_modules(paths)}
    return sorted(name for name in found if not name.startswith("_"))


@functools.cache
def load(package: str, kind: str) -> ModuleType:
    """The module `kind` of a package.

    Raises:
        UserError: there is no such module; the nearest name is told.
    """
    known = names(package)
    if kind not in known:
        what = package.rpartition(".")[2]
        raise UserError(f"no {kind!r} in {what}; {nearest(kind, known)}")
    return importlib.import_module(f"{package}.{kind}")


def named(spec: str | dict[str, Any]) -> dict[str, Any]:
    """``{"kind": ..., **options}``; a specification may be the kind alone."""
    return {"kind": spec} if isinstance(spec, str) else dict(spec)


def configured(package: str, spec: str | dict[str, Any], entry: str) -> Callable:
    """The entry function of a kind, with the options of a specification.

    Args:
        package: dotted name, such as ``mine.training.losses``.
        spec: a kind, or ``{"kind": ..., **options}``. Options are the arguments that
            the entry function takes by name alone.
        entry: the name of the entry function.

    Raises:
        UserError: no such kind, or no such option, or one is missing.
    """
    options = named(spec)
    kind = options.pop("kind", None)
    function = getattr(load(package, str(kind)), entry)
    require_options(str(kind), options, keywords(function))
    return functools.partial(function, **options)


def arguments(function: Callable) -> dict[str, inspect.Parameter]:
    """The arguments of a function.

    Those of ``**shared: Unpack[T]`` are the keys of the `TypedDict` T, by name alone.
    """
    found = dict(inspect.signature(function).parameters)
    name, last = next(reversed(found.items()), ("", None))
    if last is None or last.kind is not last.VAR_KEYWORD:
        return found
    hint = typing.get_type_hints(function, include_extras=True).get(name)
    if typing.get_origin(hint) is not typing.Unpack:
        return found
    (keys,) = typing.get_args(hint)
    shared = {
        key: last.replace(name=key, kind=last.KEYWORD_ONLY, annotation=each)
        for key, each in typing.get_type_hints(keys, include_extras=True).items()
    }
    own = {k: v for k, v in found.items() if v.kind is v.KEYWORD_ONLY}
    first = {k: v for k, v in found.items() if k not in own and k != name}
    return first | shared | own


def keywords(function: Callable) -> dict[str, inspect.Parameter]:
    """The arguments that a function takes by name alone."""
    found = arguments(function).items()
    return {k: v for k, v in found if v.kind is inspect.Parameter.KEYWORD_ONLY}


def require_options(
    kind: str, options: dict[str, Any], known: dict[str, inspect.Parameter]
) -> None:
    """Refuse options that a kind has not, or that it lacks.

    Raises:
        UserError: which one, and the nearest that there is.
    """
    for name in options.keys() - known.keys():
        raise UserError(f"{kind} has no option {name!r}; {nearest(name, known)}")
    for name, argument in known.items():
        if argument.default is inspect.Parameter.empty and name not in options:
            raise UserError(f"{kind} needs the option {name!r}")
