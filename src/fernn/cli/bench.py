"""Measure this installation: speed, memory, rendering, planning, tracking.

All measurements together take a few minutes and are written to docs/benchmarks.md and
docs/benchmarks.csv; some of them, or quick ones, are only printed unless --output is
given. A single one that figures are drawn from is written as a cube if --output ends in
.nc. Run it where the Snakefile is, on a machine with nothing else to do.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from fernn.cli._arguments import mapping
from labrun.errors import UserError
from labrun.modules import load, names

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
    parser.add_argument(
        "--attrs", type=mapping, default={}, help="JSON or YAML: the cube's attributes"
    )


def run(args: argparse.Namespace) -> None:
    """Measure, print, write."""
    chosen = {name: _module(name) for name in args.names or _measurable()}

    from fernn.bench import _report
    from fernn.bench._clock import as_in_jobs

    if args.output and args.output.suffix == ".nc":
        with as_in_jobs():
            _write_cube(args.output, chosen, args.quick, args.attrs)
        return
    whole = not (args.names or args.quick)
    path = args.output or (REPORT if whole else None)
    measured = {}
    with as_in_jobs():
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


def _write_cube(
    path: Path, chosen: dict[str, ModuleType], quick: bool, attrs: dict[str, Any]
) -> None:
    """Write the one chosen measurement as a cube.

    Raises:
        UserError: several are chosen, or one that makes no cube.
    """
    from labrun.lineage import stamp
    from labrun.storage import write_dataset

    known = [name for name, module in chosen.items() if hasattr(module, "cube")]
    if len(chosen) != 1 or not known:
        cubes = [n for n in names("fernn.bench") if hasattr(_module(n), "cube")]
        asked = ", ".join(chosen) if len(chosen) < 3 else "all"
        raise UserError(f"{path}: a cube is of one of {', '.join(cubes)}, got {asked}")
    lineage = stamp([])
    own = {"experiment": "bench", "title": "Measured cost", "axis": known[0]}
    found = chosen[known[0]].cube(quick).assign_attrs({**own, "budget": "", **attrs})
    found.attrs |= {"commit": lineage["commit"], "lineage": json.dumps(lineage)}
    write_dataset(found, path)


def _measurable() -> list[str]:
    """All that this machine has the device for."""
    import torch

    known = names("fernn.bench")
    if torch.cuda.is_available():
        return known
    return [name for name in known if not hasattr(_module(name), "DEVICE")]


def _module(name: str) -> ModuleType:
    return load("fernn.bench", name)


def _command(args: argparse.Namespace) -> str:
    words = ["fernn", "bench", *args.names, *(["--quick"] if args.quick else [])]
    return " ".join(words)
