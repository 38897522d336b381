"""Check everything that a long run needs, and print one line for each check.

A line begins with ``ok``, ``note`` (worth knowing) or ``FAIL``, and says what to do;
the exit code is 1 if a check fails. Slurm is checked with --profile, or if the folder
slurm and the command sinfo exist. The command takes seconds, changes nothing, and
prints no password.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fernn.cli._arguments import add_configuration, configuration
from labrun.errors import UserError

if TYPE_CHECKING:
    from fernn.doctor import Configured
    from labrun.doctor.place import Place

PROFILE = Path("slurm")
RESOURCES = Path("workflow/resources.yaml")  # what the rules ask for


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
    from labrun.doctor import examine
    from labrun.doctor.place import FAIL

    place, configured = _place(args)
    failed = False
    for finding in examine(place, configured.checks):
        print(finding, flush=True)
        failed |= finding.state == FAIL
    if failed:
        raise SystemExit(1)


def _place(args: argparse.Namespace) -> tuple[Place, Configured]:
    """The place, and the configuration as Snakemake would read it there.

    Files from the command line take the place of those that the profile names.
    """
    from fernn.doctor import Configured
    from labrun.doctor.place import Place, first_attempt

    place = Place(args.results, _profile(args.profile), args.unlock, command="fernn")
    profiles = place.configuration  # a profile that cannot be read ends all checks
    files = configuration(args.configfile, present=False)  # else a check says so
    files += [] if args.configfile else profiles
    configured = Configured(files, args.budget)
    try:
        plan = configured.plan
    except UserError:  # the check of the configuration will say so
        plan = {}
    resources = first_attempt(RESOURCES, plan)
    needed = partial(configured.needed, args.results)
    return replace(place, resources=resources, needed=needed), configured


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
