"""Upload new events of the runs from the spools to MLflow, once or continuously.

Jobs write their events to files, the spools, which are the record; MLflow is a view of
them that can be deleted and rebuilt at any time. One syncer writes at a time; others
wait for it. MLflow is results/mlflow/mlflow.db, or MLFLOW_TRACKING_URI if that is set.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from labrun import processes
from labrun.errors import UserError

if TYPE_CHECKING:
    from labrun.tracking.check import Row
    from labrun.tracking.sync import Report, Syncer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``fernn track``."""
    parser.add_argument(
        "--results", type=Path, default=Path("results"), help="the results folder"
    )
    parser.add_argument("--watch", action="store_true", help="repeat until stopped")
    parser.add_argument(
        "--until-pid",
        type=int,
        metavar="PID",
        help="with --watch: stop after a last pass when this process is gone",
    )
    parser.add_argument(
        "--head",
        type=Path,
        metavar="LEASE",
        help="with --until-pid: renew that process's lease in this file",
    )
    parser.add_argument(
        "--interval", type=float, default=5.0, help="seconds between passes"
    )
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument(
        "--rebuild",
        action="store_true",
        help="delete what MLflow has of this results folder; fill it again",
    )
    modes.add_argument(
        "--init", action="store_true", help="only make the database if it is missing"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="afterwards compare every run; exit code 1 if a point is missing",
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE.json", help="write the counts compared"
    )


def run(args: argparse.Namespace) -> None:
    """Run ``fernn track``."""
    from labrun.tracking.sync import Syncer

    if args.head and not args.until_pid:
        raise UserError("--head needs --until-pid, the process whose signs are shown")
    if not args.results.is_dir() and not args.init:
        raise UserError(f"no results folder {args.results}; give it with --results")
    syncer = Syncer(args.results)
    if args.init:
        syncer.connect()
        return
    if args.watch and args.head:
        watch_with_lease(syncer, args.interval, args.until_pid, args.head)
    elif args.watch:
        watch(syncer, args.interval, args.until_pid)
    compare = args.check or args.output is not None
    report = syncer.run_pass(anew=args.rebuild, compare=compare)
    report_problems(report, args.results)
    if report.failure:
        raise SystemExit(1)
    if compare:
        finish(report, args)


def watch(syncer: Syncer, interval: float, pid: int | None) -> None:
    """Passes until the process is gone; a pass that fails is tried again."""
    reported: list[str] = []
    since = processes.started(pid) if pid else ""
    try:
        while pid is None or processes.is_alive(pid, since):
            report = syncer.run_pass()
            lines = [*report.problems, *filter(None, [report.failure])]
            if lines != reported:
                report_problems(report, syncer.folder.results)
                reported = lines
            time.sleep(interval)
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def watch_with_lease(syncer: Syncer, interval: float, pid: int, head: Path) -> None:
    """Watch, and renew the controller's lease, also if tracking fails."""
    from labrun.controller.record import kept

    since = processes.started(pid)
    with kept(head, pid):
        try:
            watch(syncer, interval, pid)
        except Exception:
            traceback.print_exc()
            while processes.is_alive(pid, since):
                time.sleep(interval)


def report_problems(report: Report, results: Path) -> None:
    """Print problems and failures to standard error, a line each."""
    for problem in report.problems:
        print(f"fernn track: {problem}", file=sys.stderr)
    if report.failure:
        again = f"fernn track --results {results}"
        print(
            f"fernn track: MLflow fails: {report.failure} -- nothing is lost; again"
            f" at the next pass, or with: {again}",
            file=sys.stderr,
        )


def finish(report: Report, args: argparse.Namespace) -> None:
    """Print the comparison and write the counts; exit code 1 if a run differs."""
    from labrun.tracking.check import write_counts

    wrong = [row for row in report.rows if not row.agrees]
    show(report.rows, wrong)
    if wrong and args.check:
        repair = f"fernn track --results {args.results} --rebuild"
        print(f"{len(wrong)} run(s) differ; repair with: {repair}", file=sys.stderr)
        raise SystemExit(1)
    if args.output is not None:
        write_counts(report.rows, args.output)


def show(rows: Sequence[Row], wrong: Sequence[Row]) -> None:
    """Print a table: a line for each experiment, then one for each run that differs."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("experiment", box=None)
    for title in ("runs", "points", "missing", "surplus"):
        table.add_column(title, justify="right")
    for name in sorted({row.experiment for row in rows}):
        table.add_row(
            Text(name), *sums([row for row in rows if row.experiment == name])
        )
    for row in wrong:
        table.add_row(Text(f"  {row.key}"), *sums([row]))
    Console().print(table)


def sums(rows: Sequence[Row]) -> list[str]:
    """Runs, points, missing and surplus points, as text."""
    counts = [len(rows)]
    for name in ("points", "missing", "surplus"):
        counts.append(sum(getattr(row, name) for row in rows))
    return [str(count) for count in counts]
