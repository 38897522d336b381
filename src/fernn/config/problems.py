"""A mistake in the configuration: where it is, what it is, in one line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from fernn.config.positions import Source, locate


@dataclass(frozen=True)
class Problem:
    """A mistake.

    Attributes:
        path: keys and indices that lead to the value.
        message: what is wrong, with the value and the nearest valid name.
    """

    path: tuple[Any, ...]
    message: str

    def line(self, sources: Iterable[Source]) -> str:
        """``file:line:column: key.of.the.value message``."""
        dotted = ".".join(str(key) for key in self.path)
        return f"{locate(self.path, sources)}: {dotted}: {self.message}"


def from_pydantic(error: ValidationError, path: tuple[Any, ...] = ()) -> list[Problem]:
    """Pydantic's errors as problems of ours."""
    return [Problem((*path, *e["loc"]), _message(e)) for e in error.errors()]


def _message(error: Any) -> str:
    if error["type"] == "missing":
        return "is missing"
    if error["type"] == "extra_forbidden":
        return "unknown key"
    text = error["msg"][0].lower() + error["msg"][1:]
    text = text.removeprefix("input ").removeprefix("value error, ")
    return f"{text}, got {_short(error['input'])}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
