"""Draw a figure from cubes.

Each output records what it was made from; equal cubes give equal bytes.

  fernn figure length_generalization --cubes length.nc --output figure.pdf figure.png
"""

from __future__ import annotations

import argparse

from fernn.cli import _items
from labrun import modules

PACKAGE = "fernn.figures"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The figure's name, its cubes and its outputs."""
    _items.add_arguments(parser, PACKAGE, ".pdf or .png")


def run(args: argparse.Namespace) -> None:
    """Load, draw, save."""
    module = modules.load(PACKAGE, args.name)
    from fernn.drawing import parts, style

    cubes = _items.read(args.cubes, module)
    _items.write(args, module.draw(parts.apart(cubes)), cubes, style.save, ".png")
