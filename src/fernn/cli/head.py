"""Make a Snakemake process the head of a budget; the workflow calls it at its start.

Refuses, with exit code 2, while another head lives. What a dead one left is cleared
away first: its Slurm jobs are cancelled, its locks removed. Prints what the names of
Slurm jobs begin with.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--budget", required=True)
    parser.add_argument("--pid", type=int, required=True, help="of Snakemake")


def run(args: argparse.Namespace) -> None:
    """Take the lease, clear, print."""
    from labrun.controller import record

    print(record.begin(args.results, args.budget, args.pid, report))


def report(line: str) -> None:
    """Say what was done."""
    print(f"fernn: {line}", file=sys.stderr, flush=True)
