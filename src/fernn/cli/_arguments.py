"""Arguments that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CONFIG = Path("config.yaml")  # the workflow's own, whatever files are given


def mapping(text: str) -> dict[str, Any]:
    """A mapping typed as JSON or as a YAML flow mapping: ``{kind: idx, shrink: 2}``.

    Raises:
        argparse.ArgumentTypeError: it is neither.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        value = YAML(typ="safe").load(text)
    except YAMLError as error:
        raise argparse.ArgumentTypeError(f"not YAML or JSON: {text!r}") from error
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"a mapping is needed, got {text!r}")
    return value


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


def configuration(named: Sequence[Path]) -> list[Path]:
    """The files of the configuration: those named, on top of the workflow's own.

    One of them may be the workflow's own file, ``config.yaml`` of some folder; then
    there is no other.
    """
    own = any(path.name == CONFIG.name for path in named)
    return [*named] if own else [CONFIG, *named]
