"""Check the configuration and print the plan it resolves to.

All mistakes are told at once, each in one line with file, line and column; exit 2.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("files", nargs="*", type=Path, default=[Path("config.yaml")])
    parser.add_argument("--budget", help="in place of the file's")
    parser.add_argument(
        "--merged",
        action="store_true",
        help="read the merged configuration as JSON from standard input;"
        " the files then only tell positions",
    )
    parser.add_argument(
        "--schema", action="store_true", help="print the JSON schema and stop"
    )


def run(args: argparse.Namespace) -> None:
    """Check, resolve, print."""
    from fernn.config.positions import scanned
    from fernn.config.resolve import resolve
    from fernn.config.schema import Config

    if args.schema:
        print(json.dumps(Config.model_json_schema(), indent=1, sort_keys=True))
        return
    if args.merged:  # what the files must not hold may have no end when merged
        for path in args.files:
            scanned(path)
    merged = json.load(sys.stdin) if args.merged else None
    print(json.dumps(resolve(args.files, args.budget, merged), indent=1))
