"""Measure this installation: speed, memory, rendering, planning, tracking.

    python benchmarks [NAME …]

All measurements together take a few minutes and are written to docs/benchmarks.md and
docs/benchmarks.csv; some of them, or quick ones, are only printed unless --output is
given, or --update, which replaces their sections there. A single one that figures are
drawn from is written as a cube if --output ends in .nc. Run it where the Snakefile is,
on a machine with nothing else to do.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from fernn_bench import report
from fernn_bench.meters import as_in_jobs
from fernn_bench.registry import CUBES, MEASUREMENTS
from labrun.errors import UserError, nearest
from labrun.lineage import stamp
from labrun.storage import write_dataset

REPORT = Path("docs/benchmarks.md")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure: 0, or 2 with one line for what the user can mend."""
    arguments = _parser().parse_args(argv)
    try:
        with as_in_jobs():
            run(arguments)
    except UserError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    known = ", ".join(MEASUREMENTS)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"{known}; all by default"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="tiny sizes, to see that all runs; no verdicts",
    )
    parser.add_argument(
        "--output", type=Path, metavar="REPORT.md", help="also written as CSV"
    )
    parser.add_argument(
        "--update",
        action="store_true",
        help=f"replace the sections of NAME in --output, or in {REPORT}",
    )
    parser.add_argument(
        "--attrs", type=json.loads, default={}, help="JSON: the cube's attributes"
    )
    return parser


def run(args: argparse.Namespace) -> None:
    """Measure, print, write.

    Raises:
        UserError: there is no such measurement, or it cannot be made here.
    """
    for name in args.names:
        if name not in MEASUREMENTS:
            raise UserError(f"no measurement {name!r}; {nearest(name, MEASUREMENTS)}")
    names = args.names or [
        name for name in MEASUREMENTS if name != "gpu" or torch.cuda.is_available()
    ]
    if args.output and args.output.suffix == ".nc":
        _write_cube(args.output, names, args.quick, args.attrs)
        return
    measured = {}
    for name in names:
        # Not a bar: its thread would be timed with the rest.
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        measure = MEASUREMENTS[name]
        # A target is for the full sizes.
        rows = [r.untargeted() if args.quick else r for r in measure(args.quick)]
        measured[measure] = rows
        report.show(measure, rows)
    printed = not args.update and (args.names or args.quick)
    path = args.output or (None if printed else REPORT)
    if args.update and path:
        report.update(path, measured, "python benchmarks", [*MEASUREMENTS.values()])
    elif path:
        words = ["python", "benchmarks", *args.names, *["--quick"] * args.quick]
        report.write(path, measured, " ".join(words))
    if path:
        print(f"wrote {path} and {path.with_suffix('.csv')}")


def _write_cube(
    path: Path, names: Sequence[str], quick: bool, attrs: dict[str, Any]
) -> None:
    """Write the one chosen measurement as a cube.

    Raises:
        UserError: several are chosen, or one that makes no cube.
    """
    if len(names) != 1 or names[0] not in CUBES:
        asked = ", ".join(names) if len(names) < 3 else "all"
        raise UserError(f"{path}: a cube is of one of {', '.join(CUBES)}, got {asked}")
    lineage = stamp([])
    own = {"experiment": "bench", "title": "Measured cost", "axis": names[0]}
    found = CUBES[names[0]](quick).assign_attrs({**own, "budget": "", **attrs})
    found.attrs |= {"commit": lineage["commit"], "lineage": json.dumps(lineage)}
    write_dataset(found, path)


if __name__ == "__main__":
    raise SystemExit(main())
