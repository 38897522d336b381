"""The extra that brings a library, by what the installed package says of itself."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import metadata
from importlib.util import find_spec

# Of libraries whose distribution has another name.
DISTRIBUTIONS = {"ruamel": "ruamel.yaml", "sklearn": "scikit-learn", "yaml": "pyyaml"}
REQUIREMENT = re.compile(r"(?P<name>[\w.-]+).*\bextra == ['\"](?P<extra>\w+)['\"]")


def missing(error: ModuleNotFoundError) -> str | None:
    """The extra whose library could not be imported; None if the error is another one.

    Args:
        error: as an import raises it.
    """
    library = (error.name or "").partition(".")[0]
    if not library or find_spec(library) is not None:
        return None
    try:
        return extra(library, metadata.requires("fernn") or [])
    except metadata.PackageNotFoundError:
        return None


def extra(library: str, requirements: Iterable[str]) -> str | None:
    """The smallest extra that brings a library; None if none does.

    Args:
        library: as it is imported.
        requirements: such as ``av>=14; extra == 'kth'``.
    """
    name = _plain(DISTRIBUTIONS.get(library, library))
    extras: dict[str, list[str]] = {}
    for match in filter(None, map(REQUIREMENT.match, requirements)):
        extras.setdefault(match["extra"], []).append(_plain(match["name"]))
    bringing = [extra for extra, names in extras.items() if name in names]
    return min(bringing, key=lambda extra: len(extras[extra]), default=None)


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
