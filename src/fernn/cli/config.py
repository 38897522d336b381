"""Check the configuration and say in a line what a run of its budget will be.

All mistakes are reported at once, each in one line with file, line and column; exit 2.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fernn.cli._arguments import add_configuration, configuration
from labrun.remembered import remembered

PLANS = Path(".snakemake/fernn")  # where the workflow runs
WHOLE = 2  # jobs of the workflow about the run as a whole: `all` and `config`


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="the same as --configfile"
    )
    add_configuration(parser)
    parser.add_argument(
        "--merged",
        action="store_true",
        help="read the merged configuration as JSON from standard input;"
        " the files then give positions only",
    )
    parser.add_argument(
        "--syntax",
        action="store_true",
        help="only look whether FILEs can be read; print nothing if they can",
    )
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument(
        "--print", action="store_true", help="print the plan it resolves to, as JSON"
    )
    shown.add_argument(
        "--schema", action="store_true", help="print the JSON schema and stop"
    )


def run(args: argparse.Namespace) -> None:
    """Check, resolve, print."""
    from fernn.config.positions import syntax

    if args.syntax:
        syntax(args.files)
        return
    gc.disable()  # imports make a million objects that stay; this is a third faster
    try:
        _check(args)
    finally:
        if "triton" not in sys.modules:  # which reports frozen objects as leaked
            gc.freeze()  # nor are they looked through at the end
        gc.enable()


def _check(args: argparse.Namespace) -> None:
    if args.schema:
        from fernn.config.schema import Config

        print(json.dumps(Config.model_json_schema(), indent=1, sort_keys=True))
        return
    files = configuration([*args.files, *args.configfile])
    plan, lines = _merged(args, files) if args.merged else _resolved(args, files)
    for line in lines:
        print(f"fernn: {line}", file=sys.stderr)
    if args.print:
        print(json.dumps(plan, indent=1))
    else:
        print(f"{', '.join(map(str, files))}: {_summary(plan)}")


def _resolved(
    args: argparse.Namespace, files: Sequence[Path], merged: Any = None
) -> tuple[dict[str, Any], list[str]]:
    from fernn.config.resolve import resolve_and_tell

    return resolve_and_tell(files, args.budget, merged)


def _merged(
    args: argparse.Namespace, files: Sequence[Path]
) -> tuple[dict[str, Any], list[str]]:
    """As resolved earlier, if nothing has changed: each start of the workflow asks."""
    from fernn.config.positions import scanned

    for path in args.files:  # what they must not hold may have no end when merged
        scanned(path)
    merged = sys.stdin.read()
    texts = [path.read_text(encoding="utf-8") for path in files]
    return remembered(
        PLANS,
        [merged, str(args.budget), *map(str, files), *texts],
        lambda: _resolved(args, files, json.loads(merged)),
    )


def _summary(plan: dict[str, Any]) -> str:
    """The budget, and how much of what it has."""
    from fernn.estimate.jobs import jobs

    experiments = plan["experiments"].values()
    models = sum(len(each["attrs"]["models"]) for each in experiments)
    numbers = {
        "experiment": len(experiments),
        "model": models,
        "job": len(jobs(plan)) + WHOLE,
    }
    told = [f"{n} {name}{'s' * (n != 1)}" for name, n in numbers.items()]
    return f"budget {plan['budget']}, {', '.join(told)}"
