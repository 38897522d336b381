"""Draw a figure from cubes.

Each output carries what it was made from; equal cubes give equal bytes.

  fernn figure length_generalization --cubes length.nc --output figure.pdf figure.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

from fernn import modules
from fernn.cli._items import show

PACKAGE = "fernn.figures"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The figure's name, its cubes and its outputs."""
    known = ", ".join(modules.names(PACKAGE))
    parser.add_argument("name", help=f"one of {known}")
    parser.add_argument(
        "--cubes",
        nargs="+",
        type=Path,
        required=True,
        help="netCDF files, a panel each",
    )
    parser.add_argument(
        "--output", nargs="+", type=Path, required=True, help="files, .pdf or .png"
    )


def run(args: argparse.Namespace) -> None:
    """Load, draw, save."""
    module = modules.load(PACKAGE, args.name)
    from fernn.figures import _style
    from fernn.lineage import stamp
    from fernn.storage import read_dataset

    cubes = [read_dataset(path) for path in args.cubes]
    figure = module.draw(cubes)
    lineage = stamp(args.cubes)
    for path in args.output:
        _style.save(figure, path, lineage)
    pictures = [path for path in args.output if path.suffix == ".png"]
    shown = (pictures or args.output)[0]
    show(args.name, cubes, shown, "figures")
