"""Write a page in which trained models predict digits that you move or draw.

    fernn playground                       # of the models that come with fernn
    fernn playground weights/my-model      # of your own, from `fernn export`

The page is one file that opens in any browser; it needs no server.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

DIGITS = 20  # that the page can throw
MODELS = ["demo-grnn", "demo-fernn-v1", "demo-fernn-v2"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "models", nargs="*", metavar="MODEL", help="a name, or a folder of an export"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("results/playground.html"),
        help="default: %(default)s",
    )


def run(args: argparse.Namespace) -> None:
    """Assemble the page and write it."""
    from fernn.data.sources import handwritten
    from fernn.playground import page
    from labrun.storage import write_text

    digits = handwritten.fetch()
    images = digits["image"].values[digits["split"].values == "test"][:DIGITS] / 16
    about = "Digits: test digits of those that ship with scikit-learn."
    write_text(page(args.models or MODELS, images, about), args.output)
    print(f"open {args.output} in a browser", file=sys.stderr)
