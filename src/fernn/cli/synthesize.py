"""Draw the recipe of one split: which digits, their positions and velocities."""

from __future__ import annotations

import argparse
from pathlib import Path

from fernn.cli._arguments import mapping


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--atlas", required=True, type=Path, metavar="ATLAS.nc")
    parser.add_argument(
        "--recipe",
        required=True,
        type=mapping,
        metavar="SPEC",
        help="JSON or YAML: kind, split, pool, draw, seed, sequences, frames,"
        " frame_size, digits, max_speed, grid_speed",
    )
    parser.add_argument("--output", required=True, type=Path, metavar="RECIPE.nc")


def run(args: argparse.Namespace) -> None:
    """Draw and write."""
    import json

    from fernn.config.options import require
    from fernn.videos.recipes import synthesize
    from labrun.lineage import stamp
    from labrun.storage import read_dataset, write_dataset

    spec = require("data", args.recipe, supplied=["atlas"])
    recipe = synthesize(spec, read_dataset(args.atlas))
    recipe.attrs["lineage"] = json.dumps(stamp([args.atlas]))
    write_dataset(recipe, args.output)
