"""Write a table from cubes.

CSV has full precision; Markdown and LaTeX are rounded and carry the lineage.

  fernn table forecasting_error --cubes in_distribution.nc --output t.csv t.md t.tex
"""

from __future__ import annotations

import argparse
from pathlib import Path

from fernn import modules
from fernn.cli._items import show

PACKAGE = "fernn.tables"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The table's name, its cubes and its outputs."""
    known = ", ".join(modules.names(PACKAGE))
    parser.add_argument("name", help=f"one of {known}")
    parser.add_argument(
        "--cubes", nargs="+", type=Path, required=True, help="netCDF files"
    )
    parser.add_argument(
        "--output", nargs="+", type=Path, required=True, help="files, .csv, .md or .tex"
    )


def run(args: argparse.Namespace) -> None:
    """Load, tabulate, save."""
    module = modules.load(PACKAGE, args.name)
    from fernn.lineage import stamp
    from fernn.storage import read_dataset
    from fernn.tables import _write

    cubes = [read_dataset(path) for path in args.cubes]
    table = module.tabulate(cubes)
    lineage = stamp(args.cubes)
    for path in args.output:
        _write.save(table, path, lineage)
    readable = [path for path in args.output if path.suffix == ".md"]
    shown = (readable or args.output)[0]
    show(args.name, cubes, shown, "tables")
