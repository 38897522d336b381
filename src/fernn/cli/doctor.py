"""Look, before a long run, at all that it needs; a line for each thing.

``ok``, ``note`` (worth knowing) or ``FAIL`` with what to do; exit code 1 if anything
fails. Slurm is looked at with --profile, or where both the folder slurm and the command
sinfo are. It takes seconds, changes nothing, and prints no password.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from fernn.cli._arguments import add_configuration, configuration
from labrun.errors import UserError

PROFILE = Path("slurm")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument(
        "--profile",
        type=Path,
        metavar="FOLDER",
        help="of Snakemake's profile for Slurm; 'none' to look at this machine only",
    )
    add_configuration(parser)
    parser.add_argument(
        "--unlock",
        action="store_true",
        help="clear the locks of a dead head, if nothing of it lives",
    )


def run(args: argparse.Namespace) -> None:
    """Examine and print; exit code 1 if anything fails."""
    from fernn.doctor import examine
    from fernn.doctor._finding import FAIL
    from fernn.doctor._place import Place

    place = Place(
        results=args.results,
        profile=_profile(args.profile),
        files=tuple(configuration(args.configfile)),
        named=bool(args.configfile),
        budget=args.budget,
        unlock=args.unlock,
    )
    _ = place.settings  # one that cannot be read is told once, before all
    failed = False
    for finding in examine(place):
        print(finding, flush=True)
        failed |= finding.state == FAIL
    if failed:
        raise SystemExit(1)


def _profile(given: Path | None) -> Path | None:
    """The folder of the profile that is meant.

    Raises:
        UserError: one was named that is not there.
    """
    if given is None:
        there = [*PROFILE.glob("*.yaml")] and shutil.which("sinfo")
        return PROFILE if there else None
    if str(given) == "none":
        return None
    if not given.is_dir():
        raise UserError(f"--profile: no such folder: {given}")
    return given
