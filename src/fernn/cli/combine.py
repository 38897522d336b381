"""Join the shards of an experiment's models into the cube of one axis."""

from __future__ import annotations

import argparse
from pathlib import Path

from fernn.cli._arguments import mapping


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--shards", nargs="+", required=True, type=Path)
    parser.add_argument("--axis", required=True, help="of those in the shards")
    parser.add_argument(
        "--attrs", type=mapping, default={}, help="JSON or YAML: the cube's attributes"
    )
    parser.add_argument("--output", required=True, type=Path, metavar="CUBE.nc")


def run(args: argparse.Namespace) -> None:
    """Join, describe, write."""
    import json

    from fernn.evaluation.cubes import combine
    from labrun.lineage import stamp
    from labrun.storage import read_datasets, write_dataset

    parts = [read_datasets(path, args.axis) for path in args.shards]
    models = [dataset for part in parts for dataset in part.values()]
    lineage = stamp(args.shards)
    attrs = {**args.attrs, "axis": args.axis, "commit": lineage["commit"]}
    attrs["lineage"] = json.dumps(lineage)
    write_dataset(combine(models, attrs), args.output)
