"""The kinds of values that a configuration has: counts, amounts, names, sections."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Hashable
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    StringConstraints,
)

from fernn.training.settings import TUNING_SEED

Item = TypeVar("Item", bound=Hashable)


def _distinct(items: list[Item]) -> list[Item]:
    twice = sorted(str(item) for item, count in Counter(items).items() if count > 1)
    if twice:
        raise ValueError(f"{', '.join(twice)} more than once")
    return items


def _mathematics(text: str) -> str:
    if len(re.findall(r"(?<!\\)\$", text)) % 2:
        raise ValueError(r"an odd number of $; write \$ for a dollar sign")
    return text


def number(value: Any) -> Any:
    """YAML 1.1, which Snakemake reads, takes 1e-3 for text."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _scalar(value: Any) -> Any:
    """A number, a name, a switch, or nothing."""
    value = number(value)
    finite = not isinstance(value, float) or math.isfinite(value)
    if finite and isinstance(value, bool | int | float | str | None):
        return value
    raise ValueError("must be a finite number, text, true, false or null")


def _kind(value: Any) -> Any:
    """A kind without options, or with them; or none."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict) and isinstance(value.get("kind"), str):
        return value
    raise ValueError("must be a kind, or a mapping of its `kind` and options")


def _kinds(value: Any) -> Any:
    return [*map(_kind, value)] if isinstance(value, list) else _kind(value)


def same(one: Any, other: Any) -> bool:
    """Whether two scalars are equal; true is not 1."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


NAME = r"^[A-Za-z][A-Za-z0-9_-]*$"
UNIQUE = (AfterValidator(_distinct), Field(json_schema_extra={"uniqueItems": True}))
Count = Annotated[int, Field(ge=1, le=10_000_000)]
Side = Annotated[int, Field(ge=1, le=4096)]
Channels = Annotated[int, Field(ge=1, le=65_536)]
Seed = Annotated[int, Field(ge=0, le=2**63 - 1)]
RunSeed = Annotated[int, Field(ge=0, le=TUNING_SEED - 1)]
Real = Annotated[FiniteFloat, BeforeValidator(number)]
Amount = Annotated[Real, Field(gt=0)]
Options = dict[str, Any]
Kind = Annotated[
    Any,
    BeforeValidator(_kind),
    Field(json_schema_extra={"type": ["string", "object", "null"]}),
]
Kinds = Annotated[
    Any,
    BeforeValidator(_kinds),
    Field(json_schema_extra={"type": ["string", "object", "array", "null"]}),
]
Scalar = Annotated[
    Any,
    BeforeValidator(_scalar),
    Field(json_schema_extra={"type": ["boolean", "number", "string", "null"]}),
]
Name = Annotated[str, StringConstraints(pattern=NAME, max_length=100)]
Text = Annotated[
    str,
    StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]*$", max_length=200),
    AfterValidator(_mathematics),
]
Color = Annotated[str, StringConstraints(pattern="^#[0-9A-Fa-f]{6}$")]
Names = Annotated[list[str], *UNIQUE]
SomeNames = Annotated[list[str], Field(min_length=1), *UNIQUE]
Seeds = Annotated[
    list[RunSeed],
    Field(min_length=1, description="of trainings: what each draws, seed_draws says"),
    *UNIQUE,
]


class Strict(BaseModel):
    """No unknown key, no silent conversion."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Open(Strict):
    """Further keys are options of the kind; they are checked against its module."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
