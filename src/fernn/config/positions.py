"""Where a value stands in the YAML files it may come from."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from fernn.config import scan
from labrun.errors import UserError

COMMAND_LINE = "--config"


@dataclass(frozen=True)
class Source:
    """A configuration file with the position of each of its keys."""

    name: str
    content: Any


def read(path: Path | str) -> Source:
    """Read a YAML file, keeping positions; an empty one has no keys.

    Raises:
        UserError: no such file, no YAML mapping, or something that `scan` refuses;
            file, line and column are told.
    """
    text = scanned(path)
    try:
        content = YAML().load(text)
    except (YAMLError, ValueError) as error:
        raise _wrong(path, error) from None
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise UserError(f"{path}:1:1: must be a mapping of keys to values")
    return Source(str(path), content)


def syntax(files: Iterable[Path]) -> None:
    """Read files, each of them.

    Raises:
        UserError: some cannot be read as plain data; a line for each.
    """
    lines = []
    for path in files:
        try:
            read(path)
        except UserError as error:
            lines.append(str(error))
    if lines:
        raise UserError("\n".join(lines))


def scanned(path: Path | str) -> str:
    """The text of a file that is not too large to be built.

    Raises:
        UserError: no YAML, or something that `scan` refuses, a line for each.
    """
    text, lines = _text(path), []
    try:
        lines += (f"{path}:{mistake}" for mistake in scan.mistakes(text))
    except yaml.YAMLError as error:
        lines.append(str(_wrong(path, error)))
    if lines:
        raise UserError("\n".join(lines))
    return text


def _wrong(path: Path | str, error: Exception) -> UserError:
    """An error of either reader in one line."""
    if isinstance(error, (MarkedYAMLError, yaml.MarkedYAMLError)):
        mark = error.problem_mark
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        return UserError(f"{where}: {error.problem}")
    return UserError(f"{path}: {' '.join(str(error).split())}")


def _text(path: Path | str) -> str:
    try:
        with Path(path).open("rb") as stream:
            content = stream.read(scan.LARGEST + 1)
        if len(content) > scan.LARGEST:
            raise UserError(f"{path}: has more than {scan.LARGEST} bytes")
        return content.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 at byte {error.start}") from None
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None


def merge(sources: Iterable[Source]) -> dict[str, Any]:
    """The content of all files; later ones win, key by key, as in the workflow."""
    merged: dict[str, Any] = {}
    for source in sources:
        update(merged, _plain(source.content))
    return merged


def update(base: dict, other: dict) -> None:
    """Put a mapping on top of another, key by key; all but mappings is replaced."""
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            update(base[key], value)
        else:
            base[key] = value


def numbers(merged: Any, ours: Any) -> Any:
    """Snakemake's content, with numbers where the files have some.

    YAML 1.1 takes 1e-3 for text, YAML 1.2 for a number. Text in quotes stays text.

    Args:
        merged: what Snakemake read.
        ours: what :func:`merge` read of the same files.
    """
    if isinstance(merged, dict) and isinstance(ours, dict):
        return {key: numbers(value, ours.get(key)) for key, value in merged.items()}
    if isinstance(merged, list) and isinstance(ours, list) and len(merged) == len(ours):
        return [numbers(*pair) for pair in zip(merged, ours, strict=True)]
    if isinstance(merged, str) and isinstance(ours, float) and _number(merged) == ours:
        return ours
    return merged


def _plain(node: Any) -> Any:
    return json.loads(json.dumps(node, default=str))


def locate(path: tuple[Any, ...], sources: Iterable[Source], merged: Any) -> str:
    """``file:line:column`` of a value, or of the nearest parent of a missing one.

    A value that is in no file was given on the command line.

    Args:
        path: keys and indices that lead to the value in `merged`.
        sources: the files. Of several with this value, the last is told.
        merged: their content together with the command line's.
    """
    value, parents = merged, []
    for key in path:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            break
        parents.append(key)
    if not parents:
        return ", ".join(source.name for source in sources)
    place = COMMAND_LINE
    for source in sources:
        node, mark, found = _descend(source.content, parents)
        if mark and found == len(parents) and _same(node, value):
            place = f"{source.name}:{mark[0] + 1}:{mark[1] + 1}"
    return place


def _descend(node: Any, path: list[Any]) -> tuple[Any, Any, int]:
    """The deepest node on a path, its position, and its depth."""
    position, found = None, 0
    for key in path:
        mark = _mark(node, key)
        if mark is None:
            break
        node, position, found = node[key], mark, found + 1
    return node, position, found


def _mark(node: Any, key: Any) -> tuple[int, int] | None:
    """Line and column, from 0; of what ``<<`` merges in, where it was written."""
    if isinstance(node, CommentedSeq) and isinstance(key, int) and key < len(node):
        return node.lc.item(key)
    if isinstance(node, CommentedMap):
        for origin in (node, *getattr(node, "merge", ())):
            if key in (origin.lc.data or ()):
                return origin.lc.key(key)
    return None


def _same(node: Any, value: Any) -> bool:
    """Whether a value may come from a node; several files can add to a mapping."""
    if isinstance(node, dict) and isinstance(value, dict):
        return node.keys() <= value.keys()
    texts = [json.dumps(given, default=str) for given in (node, value)]
    return texts[0] == texts[1] or _number(node) == _number(value)


def _number(value: Any) -> Any:
    """A number as such even if it is text: 1e-3 is text to YAML 1.1 but not to 1.2."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return value
