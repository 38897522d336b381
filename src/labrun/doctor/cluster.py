"""Slurm: whether it answers, and whether its partitions take what the rules ask."""

from __future__ import annotations

import re
import shutil
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from labrun.commands import run_command
from labrun.doctor.place import FAIL, NOTE, OK, Finding, Place
from labrun.errors import nearest
from labrun.slurm import minutes

LONGEST = 180  # seconds between two looks of Snakemake's plugin
FIRST = 40  # seconds to its first look, if the profile says nothing
FORMAT = "%P|%a|%l|%G|%D|%T"
USABLE = ("idle", "mixed", "allocated", "completing", "planned", "reserved")
UNITS = {"s": 1 / 60, "m": 1, "min": 1, "h": 60, "d": 1440, "w": 10080}
COLUMNS = ("up", "limit", "gres", "nodes", "state")
OPTIONS = {  # of `sbatch`, by resource
    "slurm_account": "account",
    "constraint": "constraint",
    "qos": "qos",
    "mem_mb": "mem",
    "mem_mb_per_cpu": "mem-per-cpu",
    "nodes": "nodes",
    "threads": "cpus-per-task",
}
Row = dict[str, str]
Asked = dict[str, Any]


def submitted(place: Place) -> dict[str, Asked]:
    """What jobs ask of Slurm by rule: the rule's resources under the profile's."""
    default = _mapping(place.settings.get("default-resources"))
    found = {}
    for group in ("cluster", "light"):
        for rule, asked in place.resources.get(group, {}).items():
            own = _set(place, rule)
            if group == "cluster" or "slurm_partition" in own:
                found[rule] = {"threads": 1, **default, **asked, **own}
    return found or {"every job": default}


def _set(place: Place, rule: str) -> Asked:
    every = place.settings.get("set-resources") or {}
    threads = (place.settings.get("set-threads") or {}).get(rule)
    own = _mapping(every.get(rule) if isinstance(every, dict) else None)
    return own if threads is None else {**own, "threads": threads}


def _mapping(node: Any) -> Asked:
    """A mapping, or a list of ``key=value``."""
    if isinstance(node, list):
        return dict(str(item).split("=", 1) for item in node if "=" in str(item))
    return dict(node) if isinstance(node, dict) else {}


def slurm(place: Place) -> Iterator[Finding]:
    """Whether Slurm answers, and whether ended jobs and lost ones differ."""
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
    yield judge_states(place, dict(known))


def judge_states(place: Place, known: dict[str, str]) -> Finding:
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


def partitions(place: Place) -> Iterator[Finding]:
    """One line for each partition; what Slurm itself says of a job decides."""
    if place.profile is None or not shutil.which("sinfo"):
        return
    answer = run_command("sinfo", "--noheader", f"--format={FORMAT}")
    if answer.error:  # reported by the check of Slurm
        return
    table = parse_nodes(answer.text)
    asked: dict[str, dict[str, Asked]] = defaultdict(dict)
    for rule, resources in submitted(place).items():
        asked[str(resources.get("slurm_partition", ""))][rule] = resources
    for name, of in asked.items():
        yield judge_partition(name, of, table)


def parse_nodes(text: str) -> dict[str, list[Row]]:
    """Rows of nodes by partition; the default one also by the empty name."""
    table: dict[str, list[Row]] = defaultdict(list)
    for line in text.splitlines():
        name, *rest = [part.strip() for part in line.split("|")]
        row: Row = dict(zip(COLUMNS, rest, strict=True))
        table[name.rstrip("*")].append(row)
        if name.endswith("*"):
            table[""].append(row)
    return dict(table)


def judge_partition(name: str, asked: dict[str, Asked], table: dict) -> Finding:
    """One partition and the rules that go there."""
    title = name or "the default one"
    if name not in table:
        known = [each for each in table if each]
        found = f"{title}: Slurm has none of this name; {nearest(name, known)}"
        return Finding(FAIL, "partition", found, "slurm_partition in the profile")
    rows = table[name]
    problems = [*_state(rows)]
    if not problems:
        problems = list(dict.fromkeys(_wrong(rows, asked)))
    if not problems:
        problems = list(dict.fromkeys(_refused(name, asked)))
    if problems:
        found = f"{title}: {'; '.join(problems)}"
        remedy = "three lines of the profile: partition, account, GPU type"
        return Finding(FAIL, "partition", found, remedy)
    nodes = sum(int(row["nodes"]) for row in rows)
    gres = " ".join(sorted({row["gres"] for row in rows} - {"(null)"})) or "no GPU"
    found = f"{title}: {nodes} node(s), {gres}, takes {', '.join(asked)}"
    return Finding(OK, "partition", found)


def _state(rows: list[Row]) -> Iterator[str]:
    if not any(row["up"] == "up" for row in rows):
        yield f"is {rows[0]['up']}"
    elif not any(row["state"].rstrip("*~#!%$@^-+") in USABLE for row in rows):
        yield f"its nodes are {', '.join(sorted({row['state'] for row in rows}))}"


def _wrong(rows: list[Row], asked: dict[str, Asked]) -> Iterator[str]:
    """What is not there, of each rule."""
    gres = ",".join(row["gres"] for row in rows)
    longest = max(minutes(row["limit"]) for row in rows)
    for rule, resources in asked.items():
        model = resources.get("gpu_model", "")
        if resources.get("gpu") and "gpu:" not in gres:
            yield f"no node has a GPU, {rule} asks for one"
        elif model and f"gpu:{model}:" not in gres:
            yield f"no GPU of type {model}, there are {gres}"
        runtime = _minutes(resources.get("runtime"))
        if runtime > longest:
            yield f"{rule} asks for {runtime:.0f} minutes of at most {longest:.0f}"


def _refused(name: str, asked: dict[str, Asked]) -> Iterator[str]:
    """What `sbatch --test-only` says of jobs like those of the rules."""
    jobs = {tuple(options(each)): rule for rule, each in asked.items()}
    where = ["--partition", name] if name else []
    for wanted, rule in jobs.items():
        command = ["sbatch", "--test-only", *where, *wanted, "--wrap", "true"]
        if error := run_command(*command).error:
            yield f"{rule} is refused: {error}"
            return


def options(resources: dict[str, Any]) -> list[str]:
    """Options of `sbatch`, as Snakemake's plugin gives them."""
    found = []
    if gpus := resources.get("gpu"):
        model = resources.get("gpu_model")
        found.append(f"--gpus={model}:{gpus}" if model else f"--gpus={gpus}")
    found += [
        f"--{to}={resources[key]}" for key, to in OPTIONS.items() if key in resources
    ]
    if runtime := _minutes(resources.get("runtime")):
        found.append(f"--time={runtime:.0f}")
    return found


def _minutes(runtime: Any) -> float:
    """Minutes of a rule's runtime, a number or such as ``2h``; 0 if it has none."""
    text = str(runtime or 0).strip()
    number = text.rstrip("abcdefghijklmnopqrstuvwxyz ")
    unit = UNITS.get(text[len(number) :].strip(), 1)
    return float(number) * unit if number.replace(".", "", 1).isdigit() else 0.0
