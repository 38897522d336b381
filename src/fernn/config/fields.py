"""The kinds of values that a configuration has: counts, amounts, names, sections."""

from __future__ import annotations

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

Item = TypeVar("Item", bound=Hashable)


def _distinct(items: list[Item]) -> list[Item]:
    twice = sorted(str(item) for item, count in Counter(items).items() if count > 1)
    if twice:
        raise ValueError(f"{', '.join(twice)} more than once")
    return items


def _number(value: Any) -> Any:
    """YAML 1.1, which Snakemake reads, takes 1e-3 for text."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


UNIQUE = (AfterValidator(_distinct), Field(json_schema_extra={"uniqueItems": True}))
Count = Annotated[int, Field(ge=1)]
Real = Annotated[FiniteFloat, BeforeValidator(_number)]
Amount = Annotated[Real, Field(gt=0)]
Options = dict[str, Any]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
Color = Annotated[str, StringConstraints(pattern="^#[0-9A-Fa-f]{6}$")]
Names = Annotated[list[str], *UNIQUE]
SomeNames = Annotated[list[str], Field(min_length=1), *UNIQUE]
Seeds = Annotated[
    list[Annotated[int, Field(ge=0)]],
    Field(min_length=1, description="of weights"),
    *UNIQUE,
]


class Strict(BaseModel):
    """No unknown key, no silent conversion."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Open(Strict):
    """Further keys are options of the kind; they are checked against its module."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
