"""What a YAML file must not hold, found before any of it is built.

Snakemake and this package read YAML 1.1 with PyYAML; editors and other readers, such as
ruamel.yaml, go by YAML 1.2. A value must be the same to both. The limits keep a short
file from growing in memory.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import yaml

from labrun.errors import cut

LARGEST = 1_000_000  # bytes of a file
DEEPEST = 32  # levels
MOST = 50_000  # values, those of aliases counted where they are used
LONGEST = 1000  # characters of a value
DIGITS = 30  # characters of a number
# Snakemake evaluates a file with the first of these keys as a template of Python code.
CODE = ("__use_yte__", "__definitions__", "__variables__")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
UNREADABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")
NUMBER = re.compile(r"[-+]?[0-9._:]+")
# What everybody reads alike, most of all values; no reader need be asked.
ALIKE = re.compile(r"0|-?[1-9][0-9]{0,17}|-?[0-9]{1,9}\.[0-9]{1,17}|true|false|null|")
WORD = re.compile(r"[A-Za-z].*")  # text, if it is plain and no constant
CONSTANTS = {"yes", "no", "on", "off", "true", "false", "null"}
# Numbers of YAML 1.2 that PyYAML takes for text: 1e-3, 1.5e3, -.5.
FLOAT = re.compile(
    r"[-+]?([0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+|\.[0-9][0-9_]*([eE][-+][0-9]+)?)$"
)
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class TooMuch(Exception):
    """A reason to read no further; it is the last thing told of a file."""


@dataclass
class _Level:
    """An open mapping or list: whether a key comes next, its values, its name."""

    mapping: bool
    key: bool
    count: int
    anchor: str | None


def mistakes(text: str) -> Iterator[str]:
    """``line:column: message`` of all that is refused.

    Raises:
        yaml.YAMLError: it is no YAML; what comes before is told.
    """
    bad = UNREADABLE.search(text)
    if bad:
        yield f"{_place(text, bad.start())}: {_character(bad[0])} is not allowed"
        return
    scan = _Scan()
    for event in yaml.parse(text, Loader=LOADER):
        mark = event.start_mark
        try:
            message = scan.take(event)
        except TooMuch as reason:
            message = str(reason)
        if message:
            yield f"{mark.line + 1}:{mark.column + 1}: {message}"
        if scan.stopped:
            return


class _Scan:
    """Follow the events of a file, with the sizes of what its anchors name."""

    def __init__(self) -> None:
        self.levels = [_Level(False, False, 0, None)]
        self.sizes: dict[str, int] = {}
        self.stopped = False

    def take(self, event: Any) -> str | None:
        """What is wrong with an event.

        Raises:
            TooMuch: the file goes beyond a limit.
        """
        if isinstance(event, yaml.CollectionEndEvent):
            self._close()
        if not isinstance(event, yaml.NodeEvent):
            return None
        top = self.levels[-1]
        key, top.key = top.key, top.mapping and not top.key
        if isinstance(event, yaml.AliasEvent):
            self._add(self._size(event.anchor))
            return "a key must be text, got an alias" if key else None
        tag = getattr(event, "tag", None)
        if tag not in (None, "!"):
            return self._stop(f"the tag {cut(str(tag))} is not allowed")
        if isinstance(event, yaml.ScalarEvent):
            self._add(1)
            self.sizes |= {event.anchor: 1} if event.anchor else {}
            return of_scalar(event.value, event.implicit[0], key)
        if key:
            return self._stop("a key must be text, got a list or mapping")
        self._open(event)
        return None

    def _open(self, event: Any) -> None:
        if len(self.levels) > DEEPEST:
            self._stop(f"nested more than {DEEPEST} levels deep")
        mapping = isinstance(event, yaml.MappingStartEvent)
        self.levels.append(_Level(mapping, mapping, 1, event.anchor))
        self.sizes.pop(event.anchor, None)

    def _close(self) -> None:
        closed = self.levels.pop()
        if closed.anchor:
            self.sizes[closed.anchor] = closed.count
        self._add(closed.count)

    def _add(self, count: int) -> None:
        self.levels[-1].count += count
        if sum(level.count for level in self.levels) > MOST:
            self._stop(f"more than {MOST} values, aliases included")

    def _size(self, anchor: str) -> int:
        """Of what an alias stands for; PyYAML itself tells one without an anchor."""
        if any(level.anchor == anchor for level in self.levels):
            self._stop(f"*{anchor} stands inside what it names")
        return self.sizes.get(anchor, 1)

    def _stop(self, reason: str) -> str:
        self.stopped = True
        raise TooMuch(reason)


def of_scalar(text: str, plain: bool, key: bool) -> str | None:
    """What is wrong with a key, or with a value that is no list or mapping."""
    if len(text) > LONGEST:
        return f"a value has at most {LONGEST} characters, got {len(text)}"
    bad = CONTROL.search(text)
    if bad:
        return f"text is one line of characters, got {_character(bad[0])}"
    if key and text in CODE:
        return f"{text}: a configuration file that Snakemake runs as code is refused"
    if not plain or (key and text == "<<") or (not key and ALIKE.fullmatch(text)):
        return None
    if WORD.fullmatch(text) and text.lower() not in CONSTANTS:
        return None
    if len(text) > DIGITS and NUMBER.fullmatch(text):
        return f"a number has at most {DIGITS} characters, got {len(text)}"
    return _of_plain(text, key)


@functools.cache
def _of_plain(text: str, key: bool) -> str | None:
    from ruamel.yaml import YAML  # rarely needed, and slow to load

    old = _read(text, yaml.safe_load)
    new = _read(text, YAML(typ="safe", pure=True).load)
    quoted = "'" + text.replace("'", "''") + "'"
    if key:
        odd = not isinstance(old, str) or not isinstance(new, str)
        return f"a key must be text, got {text}; write {quoted}" if odd else None
    if isinstance(old, str) and isinstance(new, float):
        return None  # 1e-3; `positions.numbers` makes it a number for both
    if any(isinstance(value, (date, Exception)) for value in (old, new)):
        return f"{text} is no number or text; write {quoted}"
    if type(old) is type(new) and repr(old) == repr(new):
        return None
    ways = [quoted, *sorted({_written(value) for value in (old, new)} - {""})]
    return (
        f"{text} is {_told(old)} to Snakemake (YAML 1.1) and {_told(new)} to YAML 1.2;"
        f" write {' or '.join(ways)}"
    )


def _read(text: str, reader: Any) -> Any:
    """A plain value as a reader has it, or why it has none."""
    from ruamel.yaml.error import YAMLError

    try:
        return reader(f"value: {text}")["value"]
    except (yaml.YAMLError, YAMLError, ValueError, ArithmeticError) as error:
        return error


def _told(value: Any) -> str:
    return f"the text {value!r}" if isinstance(value, str) else _written(value)


def _written(value: Any) -> str:
    """As both readers read it; text is quoted elsewhere."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if isinstance(value, str) else str(value)


def _character(one: str) -> str:
    return f"the control character U+{ord(one):04X}"


def _place(text: str, index: int) -> str:
    before = text[:index]
    return f"{before.count(chr(10)) + 1}:{index - before.rfind(chr(10))}"
