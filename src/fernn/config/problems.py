"""A mistake in the configuration: where it is, what it is, in one line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from fernn.config.positions import Source, locate
from labrun.errors import cut, nearest

UNKNOWN = "unknown key"
MISSING = "is missing"
MESSAGES = {
    "bool_type": "must be true or false",
    "dict_type": "must be a mapping",
    "finite_number": "must be finite",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "int_from_float": "must be a whole number, without a point",
    "int_type": "must be a whole number",
    "less_than_equal": "must be at most {le}",
    "list_type": "must be a list",
    "model_type": "must be a mapping",
    "string_pattern_mismatch": "must match {pattern}",
    "string_too_long": "must have at most {max_length} characters",
    "string_type": "must be text",
    "too_short": "must not be empty",
    "value_error": "{error}",
}


@dataclass(frozen=True)
class Problem:
    """A mistake.

    Attributes:
        path: keys and indices that lead to the value.
        message: what is wrong, with the value and the nearest valid name.
    """

    path: tuple[Any, ...]
    message: str

    def line(
        self,
        sources: Iterable[Source],
        merged: Any,
        origin: tuple[Any, ...] | None = None,
    ) -> str:
        """``file:line:column: key.of.the.value: message``.

        Args:
            sources: the files.
            merged: their content.
            origin: the path of the value where it is inherited from.
        """
        dotted = ".".join(str(key) for key in self.path)
        where = locate(origin or self.path, sources, merged)
        return f"{where}: {dotted}: {self.message}"


def from_pydantic(error: ValidationError, path: tuple[Any, ...] = ()) -> list[Problem]:
    """Pydantic's errors as problems of ours."""
    found = []
    for e in error.errors():
        inner = tuple(key for key in e["loc"] if key != "[key]")  # the key is before it
        place = (*path, *inner)
        found.append(Problem(place, _message(e, place)))
    return found


def of_field(
    section: type[BaseModel], name: str, value: Any, path: tuple[Any, ...]
) -> Iterator[Problem]:
    """What a section's field of this name says to a value that stands elsewhere."""
    field = section.model_fields[name]
    limited: Any = Annotated[field.annotation, None, *field.metadata]  # pyright: ignore
    try:
        TypeAdapter(limited).validate_python(value, strict=True)
    except ValidationError as error:
        yield from from_pydantic(error, path)


def _message(error: Any, path: tuple[Any, ...]) -> str:
    if error["type"] == "missing":
        return MISSING
    if error["type"] == "extra_forbidden":
        return UNKNOWN
    if error["type"] == "literal_error":
        choices = re.findall("'([^']*)'", error["ctx"]["expected"])
        name = [key for key in path if isinstance(key, str)][-1]
        hint = nearest(str(error["input"]), choices)
        return f"no {name} {error['input']!r}; {hint}"
    text = str(MESSAGES.get(error["type"], error["msg"])).format(**error.get("ctx", {}))
    return f"{text}, got {cut(repr(error['input']))}"
