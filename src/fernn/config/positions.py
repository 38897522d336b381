"""Where a value stands in the YAML files it may come from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from fernn.errors import UserError


@dataclass(frozen=True)
class Source:
    """A configuration file with the position of each of its keys."""

    name: str
    content: Any


def read(path: Path | str) -> Source:
    """Read a YAML file, keeping positions.

    Raises:
        UserError: no such file, or not YAML; file, line and column are told.
    """
    try:
        content = YAML().load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"no such file: {path}") from None
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise UserError(f"{where}: {error.problem}") from None
    return Source(str(path), content)


def locate(path: tuple[Any, ...], sources: Iterable[Source]) -> str:
    """``file:line:column`` of a value, or of its nearest parent that is in a file.

    Later files win over earlier ones, as they do when they are merged. A value that is
    in none was given on the command line.
    """
    best, depth = "--config", 0
    for source in sources:
        node, position, found = source.content, None, 0
        for key in path:
            mark = _mark(node, key)
            if mark is None:
                break
            node, position, found = node[key], mark, found + 1
        if position and found >= depth:
            best = f"{source.name}:{position[0] + 1}:{position[1] + 1}"
            depth = found
    return best


def _mark(node: Any, key: Any) -> tuple[int, int] | None:
    try:
        if isinstance(node, dict) and key in node:
            return node.lc.key(key)  # pyright: ignore[reportAttributeAccessIssue]
        if isinstance(node, list) and isinstance(key, int) and key < len(node):
            return node.lc.item(key)  # pyright: ignore[reportAttributeAccessIssue]
    except (AttributeError, KeyError, TypeError):
        pass
    return None
