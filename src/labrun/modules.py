"""Look-up by module name: adding a kind of thing is adding a file."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from dataclasses import dataclass
from types import ModuleType

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
    """The kinds in a package: its public modules, sorted.

    Args:
        package: dotted name, such as ``fernn.flows``.
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
