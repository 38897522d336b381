"""Where a value stands in the YAML files it may come from."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fernn.config import scan
from labrun.errors import UserError

COMMAND_LINE = "--config"


@dataclass(frozen=True)
class Source:
    """A configuration file.

    Attributes:
        name: its path.
        content: its keys and values, as plain data.
        root: its nodes, which know their positions; none of an empty file.
    """

    name: str
    content: Any
    root: yaml.Node | None


class _Loader(scan.LOADER):  # pyright: ignore[reportGeneralTypeIssues]
    """Snakemake's reader, to which 1e-3 is a number, as it is to YAML 1.2."""


_Loader.add_implicit_resolver("tag:yaml.org,2002:float", scan.FLOAT, [*"-+.0123456789"])


def read(path: Path | str) -> Source:
    """Read a YAML file, keeping positions; an empty one has no keys.

    Raises:
        UserError: no such file, no YAML mapping, or something that `scan` refuses;
            file, line and column are told.
    """
    loader = _Loader(scanned(path))
    try:
        root = loader.get_single_node()
        _unique(root)
        content = {} if root is None else loader.construct_document(root)
    except (yaml.YAMLError, ValueError) as error:
        raise _wrong(path, error) from None
    finally:
        loader.dispose()
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise UserError(f"{path}:1:1: must be a mapping of keys to values")
    return Source(str(path), content, root)


def _unique(node: yaml.Node | None) -> None:
    """Look at all keys of a node and of what is in it.

    Raises:
        yaml.MarkedYAMLError: a mapping has a key twice.
    """
    if isinstance(node, yaml.MappingNode):
        keys = set()
        for key, value in node.value:
            if key.value in keys:
                message = f"found duplicate key {key.value!r}"
                raise yaml.MarkedYAMLError(problem=message, problem_mark=key.start_mark)
            keys.add(key.value)
            _unique(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _unique(value)


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
    """An error of the reader in one line."""
    if isinstance(error, yaml.MarkedYAMLError):
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
        update(merged, _copy(source.content))
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


def _copy(node: Any) -> Any:
    """Of plain data; what two aliases share becomes two."""
    if isinstance(node, dict):
        return {key: _copy(value) for key, value in node.items()}
    return [_copy(value) for value in node] if isinstance(node, list) else node


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
        content, mark = _descend(source, parents)
        if mark and _same(content, value):
            place = f"{source.name}:{mark.line + 1}:{mark.column + 1}"
    return place


def _descend(source: Source, path: list[Any]) -> tuple[Any, yaml.Mark | None]:
    """The value at the end of a path and its position, or none if it is not there."""
    content, node, mark = source.content, source.root, None
    for key in path:
        mark, node = _child(node, key)
        if mark is None:
            return None, None
        content = content[key]
    return content, mark


def _child(node: yaml.Node | None, key: Any) -> tuple[yaml.Mark | None, Any]:
    """Position and node of a value; of what ``<<`` merges in, where it was written."""
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int):
        if key < len(node.value):
            return node.value[key].start_mark, node.value[key]
    elif isinstance(node, yaml.MappingNode):
        # Construction put what is merged in before the mapping's own keys.
        for name, value in reversed(node.value):
            if name.value == key:
                return name.start_mark, value
    return None, None


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
