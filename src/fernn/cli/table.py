"""Write a table from cubes.

CSV has full precision; Markdown and LaTeX are rounded and record what the table was
made from.

  fernn table forecasting_error --cubes in_distribution.nc --output t.csv t.md t.tex
"""

from __future__ import annotations

import argparse

from fernn.cli import _items
from labrun import modules

PACKAGE = "fernn.tables"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The table's name, its cubes and its outputs."""
    _items.add_arguments(parser, PACKAGE, ".csv, .md, .html or .tex")


def run(args: argparse.Namespace) -> None:
    """Load, tabulate, save."""
    module = modules.load(PACKAGE, args.name)
    from fernn.tables import _write

    cubes = _items.read(args.cubes, module)
    _items.write(args, module.tabulate(cubes), cubes, _write.save, ".md")
