"""Arguments that several commands share."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labrun.errors import UserError

CONFIG = Path("config.yaml")  # the workflow's own, whatever files are given


def mapping(text: str) -> dict[str, Any]:
    """A mapping typed as JSON or as a YAML flow mapping: ``{kind: idx, shrink: 2}``.

    Raises:
        argparse.ArgumentTypeError: it is neither.
    """
    try:  # as the workflow writes it; the other reader takes a hundred times as long
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse)
    except (ValueError, RecursionError):
        value = _yaml(text)
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"a mapping is needed, got {text!r}")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A mapping; a key that comes twice is left to YAML to refuse."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key comes twice")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _yaml(text: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe").load(text)
    except YAMLError as error:
        raise argparse.ArgumentTypeError(f"not YAML or JSON: {text!r}") from error


def add_configuration(parser: argparse.ArgumentParser) -> None:
    """Add the files of the configuration and the budget."""
    add_configfile(parser)
    parser.add_argument("--budget", help="in place of the configuration's")


def add_configfile(parser: argparse.ArgumentParser) -> None:
    """Add the files of the configuration."""
    parser.add_argument(
        "--configfile",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE",
        help="read on top of config.yaml, as by Snakemake; later ones win",
    )


def configuration(named: Sequence[Path], present: bool = True) -> list[Path]:
    """The files of the configuration: those named, on top of the workflow's own.

    One of them may be the workflow's own file, ``config.yaml`` of some folder; then
    there is no other.

    Args:
        named: those that are given.
        present: whether the workflow's own must be there.

    Raises:
        UserError: it must, and is not among them, nor in this folder.
    """
    if any(path.name == CONFIG.name for path in named):
        return [*named]
    if present and not CONFIG.exists():
        where = "run this in the folder of the repository, or name one by --configfile"
        raise UserError(f"no {CONFIG} in {Path.cwd()}: {where}")
    return [CONFIG, *named]
