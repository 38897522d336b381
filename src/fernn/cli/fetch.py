"""Fetch digits or clips and write them as one atlas with fixed splits."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fernn.cli._arguments import mapping

SPLITS = ("train", "val", "test")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--source",
        type=mapping,
        required=True,
        metavar="SPEC",
        help="JSON or YAML with the `kind` of source and its keys",
    )
    parser.add_argument("--output", required=True, type=Path, metavar="ATLAS.nc")


def run(args: argparse.Namespace) -> None:
    """Fetch, write, and say what was written."""
    from fernn.config.options import require
    from labrun.modules import load
    from labrun.storage import write_dataset

    spec = require("data/sources", args.source)
    atlas = load("fernn.data.sources", spec.pop("kind")).fetch(**spec)
    write_dataset(atlas, args.output)
    split = atlas.split.values.tolist()
    counts = ", ".join(f"{split.count(part)} {part}" for part in SPLITS)
    size = f"{atlas.sizes['row']}x{atlas.sizes['column']}"
    print(
        f"fetched {len(split)} {atlas.split.dims[0]}s of {size} pixels ({counts})"
        f" from {atlas.attrs['source']}",
        file=sys.stderr,
    )
