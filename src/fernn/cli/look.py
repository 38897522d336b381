"""Write an interactive page that shows cubes by model, axis, velocity and statistic.

    fernn look results/demo        # results/demo/look.html

The page is one file that opens in any browser, without a network. It contains the mean
over samples of every statistic, separately for each model and seed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from labrun.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The results and the output."""
    parser.add_argument(
        "results",
        nargs="+",
        type=Path,
        metavar="RESULTS",
        help="a folder of a budget, or cubes",
    )
    parser.add_argument(
        "--output", type=Path, help="default: look.html in the first folder"
    )


def run(args: argparse.Namespace) -> None:
    """Read the cubes and write the page."""
    from fernn import look
    from labrun.storage import read_dataset, write_text

    paths = [cube for place in args.results for cube in _cubes(place)]
    first = args.results[0]
    output = args.output or (first if first.is_dir() else first.parent) / "look.html"
    cubes = (read_dataset(path) for path in paths)
    write_text(
        look.page(cubes, f"Means over the samples of {len(paths)} cubes."), output
    )
    print(f"open {output} in a browser", file=sys.stderr)


def _cubes(place: Path) -> list[Path]:
    """The cube itself, or those below a folder of results, but measurements of time."""
    if place.is_file():
        return [place]
    found = sorted((place / "cubes").glob("*/*.nc"))
    if not found:
        raise UserError(f"{place} has no cubes; a folder with cubes/ is results/BUDGET")
    return found
