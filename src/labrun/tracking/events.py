"""The events of a spool, each line held against the schema of its kind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from labrun.spool import read_lines

# Bytes brought at a time, some batches for MLflow: what a failure makes us send again.
CHUNK = 2**18
LONGEST = 2**26  # bytes of a line
LONG = 200  # characters of a name
WORD = r"\w[\w .,+=@()'\x22-]*"  # begins with no dot, has no slash and no colon


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("has characters that cannot be printed")
    return text


def _is_key(text: str) -> str:
    parts = _printable(text).split("/")
    if not all(part and len(part) <= LONG for part in parts):
        raise ValueError(f"must be names of 1 to {LONG} characters, joined by '/'")
    return text


Shown = AfterValidator(_printable)
Key = Annotated[str, Field(max_length=1000), AfterValidator(_is_key)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=250), Shown]
Word = Annotated[str, StringConstraints(pattern=f"^{WORD}$", max_length=LONG)]
Words = Annotated[
    str, StringConstraints(pattern=f"^({WORD}(/{WORD})*)?$", max_length=LONG)
]
Place = Annotated[str, StringConstraints(min_length=1, max_length=4000), Shown]
Time = Annotated[float, Field(strict=True, ge=0, le=1e11, allow_inf_nan=False)]
Step = Annotated[int, Field(strict=True, ge=-(2**63), lt=2**63)]
Values = Annotated[dict[str, float], Field(max_length=1000)]


class Event(BaseModel):
    """What happened, and when; fields of a later version are ignored.

    Args:
        time: seconds since 1970.
    """

    time: Time

    @property
    def milliseconds(self) -> int:
        """The time as MLflow counts it."""
        return int(self.time * 1000)


class Run(Event):
    """A run, as `labrun.spool.Spool.run` tells it."""

    event: Literal["run"]
    key: Key
    experiment: Word
    name: Name
    parent: Key | None = None
    tags: dict[str, Any] = {}
    params: dict[str, Any] = {}
    note: str | None = None

    @model_validator(mode="after")
    def _is_no_parent_of_itself(self) -> Run:
        if self.parent == self.key:
            raise ValueError("the run is its own parent")
        return self


class Metrics(Event):
    """Points of curves at one step; NaN and infinities may be text."""

    event: Literal["metrics"]
    step: Step
    values: Values


class Tags(Event):
    """Tags learned during the run."""

    event: Literal["tags"]
    tags: dict[str, Any]


class Artifact(Event):
    """A file, named as seen from the spool's folder, and the folder to show it in."""

    event: Literal["artifact"]
    path: Place
    folder: Words | None = None


class Status(Event):
    """How the run ended."""

    event: Literal["status"]
    status: Literal["FINISHED", "FAILED", "KILLED"]
    message: str | None = None


@dataclass(frozen=True)
class Later:
    """An event of a later version, which is not shown."""


@dataclass(frozen=True)
class Unreadable:
    """A line that is no event.

    Args:
        why: on one line.
    """

    why: str


Known = Run | Metrics | Tags | Artifact | Status
Line = Known | Later | Unreadable
_KNOWN: TypeAdapter[Known] = TypeAdapter(Annotated[Known, Field(discriminator="event")])


def parse(line: bytes) -> Line:
    """The event in a line, or why it is none."""
    try:
        return _KNOWN.validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        if first["type"] == "union_tag_invalid":
            if isinstance(json.loads(line)["event"], str):
                return Later()
        return Unreadable(_explain(first))


def stretches(path: Path, offset: int, end: int) -> Iterator[tuple[list[Line], int]]:
    """The whole lines between two byte offsets, some at a time, and the offset after.

    A line that is too long to be read is told, and nothing after it is read.
    """
    length = CHUNK
    while offset < end:
        lines, after = read_lines(path, offset, min(offset + length, end))
        if lines:
            yield [parse(line) for line in lines], after
            offset, length = after, CHUNK
        elif offset + length >= end:
            return
        elif length >= LONGEST:
            why = f"longer than {LONGEST} bytes: it and all after it are not shown"
            yield [Unreadable(why)], offset
            return
        else:
            length *= 2


def _explain(error: Any) -> str:
    """What is wrong with a line: where in it, how, and the value."""
    if error["type"] == "json_invalid":
        return f"no JSON: {error['msg'].removeprefix('Invalid JSON: ')}"
    place = ".".join(map(str, error["loc"][1:]))
    value = error["input"]
    told = repr(value[:60] if isinstance(value, str) else value)
    text = f"{place}: {error['msg']}, got {told[:80]}".removeprefix(": ")
    return repr(text)[1:-1][:300]
