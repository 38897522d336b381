"""The keys of a source's spec, checked for those who call without a config."""

from __future__ import annotations

from collections.abc import Iterable

from labrun.errors import UserError, nearest


def check_keys(
    spec: dict, where: str, required: Iterable[str], optional: Iterable[str] = ()
) -> None:
    """Refuse a missing or an unknown key.

    Raises:
        UserError: the key and its place are told.
    """
    required, optional = list(required), list(optional)
    for key in spec:
        if key not in required + optional:
            hint = nearest(str(key), required + optional)
            raise UserError(f"{where}: unknown key {key!r}; {hint}")
    for key in required:
        if key not in spec:
            raise UserError(f"{where}: key {key!r} is missing")
