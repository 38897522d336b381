"""Submit the head of a run as a Slurm job, so that no login has to stay open.

    fernn submit --partition cpu --time 2-00:00:00 -- --profile slurm
    fernn submit --follow
    fernn submit --cancel

What follows ``--`` are arguments of snakemake. The job stops before its time limit, and
Slurm starts it again, until the run has ended. If it is cancelled, so are the run's
jobs, which save; the same command continues them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

DEFAULT = ["--profile", "slurm"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    does = parser.add_mutually_exclusive_group()
    for name, text in (
        ("follow", "show the log of a head until it ends; Ctrl-C leaves it running"),
        ("cancel", "end a head and its jobs"),
    ):
        does.add_argument(f"--{name}", nargs="?", const="", metavar="JOB", help=text)
    parser.add_argument("--partition", help="of the head, which needs no GPU")
    parser.add_argument("--account", help="who pays for the head")
    parser.add_argument("--time", help="limit of the head, as sbatch takes it")
    parser.add_argument("--cpus-per-task", default="2", help="default: %(default)s")
    parser.add_argument("--mem", default="4G", help="default: %(default)s")
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument(
        "arguments", nargs="*", metavar="-- ARGUMENT", help="default: --profile slurm"
    )


def run(args: argparse.Namespace) -> None:
    """Submit, follow or cancel."""
    from labrun import submission

    if args.cancel is not None:
        print(f"job {submission.cancel(args.cancel or None)} is cancelled")
    elif args.follow is not None:
        job = submission.chosen(args.follow or None).job
        submission.follow(
            job, args.results, lambda text: print(text, end="", flush=True)
        )
    else:
        job = submission.submit(args.arguments or DEFAULT, args.results, _options(args))
        log = args.results / submission.LOG.format(job)
        print(f"job {job} runs it; its log: {log}; fernn submit --follow, --cancel")


def _options(args: argparse.Namespace) -> list[str]:
    names = ("partition", "account", "time", "cpus_per_task", "mem")
    given = {name: getattr(args, name) for name in names}
    return [
        f"--{name.replace('_', '-')}={value}" for name, value in given.items() if value
    ]
