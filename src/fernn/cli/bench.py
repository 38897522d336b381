"""Measure this installation: speed, memory, rendering, planning, tracking.

All measurements together take a few minutes and are written to docs/benchmarks.md and
docs/benchmarks.csv; some of them, or quick ones, are only printed unless --output is
given. Run it where the Snakefile is, on a machine with nothing else to do.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fernn.modules import load, names

REPORT = Path("docs/benchmarks.md")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    known = ", ".join(names("fernn.bench"))
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"{known}; all by default"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="tiny sizes, to see that all runs; no verdicts",
    )
    parser.add_argument(
        "--output", type=Path, metavar="REPORT.md", help="a CSV is written beside it"
    )


def run(args: argparse.Namespace) -> None:
    """Measure, print, write."""
    chosen = {
        name: load("fernn.bench", name) for name in args.names or names("fernn.bench")
    }

    from fernn.bench import _report
    from fernn.bench._clock import one_thread

    whole = not (args.names or args.quick)
    path = args.output or (REPORT if whole else None)
    measured = {}
    with one_thread():
        for name, module in chosen.items():
            # Not a bar: its thread would be timed with the rest.
            print(f"measuring {name} …", file=sys.stderr, flush=True)
            rows = module.measure(args.quick)
            # A target is for the full sizes.
            measured[name] = [r.untargeted() if args.quick else r for r in rows]
            _report.show(name, measured[name])
    if path:
        _report.write(path, measured, _command(args))
        print(f"wrote {path} and {path.with_suffix('.csv')}")


def _command(args: argparse.Namespace) -> str:
    words = ["fernn", "bench", *args.names, *(["--quick"] if args.quick else [])]
    return " ".join(words)
