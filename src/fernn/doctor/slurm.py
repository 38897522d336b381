"""Slurm: whether it answers, and whether ended jobs can be told from lost ones."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator

from fernn.doctor._finding import FAIL, NOTE, OK, Finding
from fernn.doctor._place import Place
from labrun.commands import run_command

LONGEST = 180  # seconds between two looks of Snakemake's plugin
FIRST = 40  # seconds to its first look, if the profile says nothing


def check(place: Place) -> Iterator[Finding]:
    """Commands, controller, and how the state of jobs is asked for."""
    if place.profile is None:
        yield Finding(NOTE, "slurm", "not looked at: jobs run here", "--profile slurm")
        return
    if missing := [name for name in ("sbatch", "squeue") if not shutil.which(name)]:
        found = f"no command {', '.join(missing)} on this machine"
        yield Finding(FAIL, "slurm", found, "log in where jobs are submitted")
        return
    answer = run_command("scontrol", "show", "config")
    queue = run_command("squeue", "--noheader", "--me", "--format=%A")
    if error := answer.error or queue.error:
        remedy = "jobs cannot be submitted now: see scontrol ping"
        yield Finding(FAIL, "slurm", error, remedy)
        return
    mine = len(queue.text.split())
    yield Finding(OK, "slurm", f"answers; {mine} job(s) of yours in the queue")
    known = re.findall(r"^(\w+)\s*=\s*(.*?)\s*$", answer.text, re.MULTILINE)
    yield judge(place, dict(known))


def judge(place: Place, known: dict[str, str]) -> Finding:
    """Whether the way in which the profile asks for the state of jobs works here."""
    way = place.settings.get("slurm-status-command")
    first = int(place.settings.get("slurm-init-seconds-before-status-checks", FIRST))
    if way != "squeue":
        store = known.get("AccountingStorageType", "")
        if store.endswith("/none"):
            found = "the profile asks sacct, but this Slurm keeps no accounts: it hangs"
            return Finding(FAIL, "slurm", found, "slurm-status-command: squeue")
        return Finding(OK, "slurm", f"states of jobs from sacct ({store or 'unknown'})")
    needed = max(3 * first, LONGEST + 10)
    age = re.match(r"\d+", known.get("MinJobAge", ""))
    found = f"states of jobs from squeue, which keeps ended ones {age and age[0]} s"
    if age and int(age[0]) < needed:
        remedy = (
            f"{needed} s are needed: slurm-status-command: sacct, if it has accounts"
        )
        return Finding(FAIL, "slurm", found, remedy)
    return Finding(OK, "slurm", found)
