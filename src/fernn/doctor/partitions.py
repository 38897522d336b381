"""The partitions that the profile names, and whether they take what the rules ask."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from fernn.doctor._finding import FAIL, OK, Finding
from fernn.doctor._place import Place
from fernn.doctor._rules import rules
from labrun.commands import run_command
from labrun.errors import nearest
from labrun.slurm import seconds

FORMAT = "%P|%a|%l|%G|%D|%T"
USABLE = ("idle", "mixed", "allocated", "completing", "planned", "reserved")
UNITS = {"s": 1 / 60, "m": 1, "min": 1, "h": 60, "d": 1440, "w": 10080}
COLUMNS = ("up", "limit", "gres", "nodes", "state")
Row = dict[str, str]


def check(place: Place) -> Iterator[Finding]:
    """One line for each partition; what Slurm itself says of a job decides."""
    if place.profile is None or not shutil.which("sinfo"):
        return
    answer = run_command("sinfo", "--noheader", f"--format={FORMAT}")
    if answer.error:  # told by the check of Slurm
        return
    table = parse(answer.text)
    asked: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for rule, resources in rules(place).items():
        asked[str(resources.get("slurm_partition", ""))][rule] = resources
    for name, of in asked.items():
        yield judge(name, of, table)


def parse(text: str) -> dict[str, list[Row]]:
    """Rows of nodes by partition; the default one also by the empty name."""
    table: dict[str, list[Row]] = defaultdict(list)
    for line in text.splitlines():
        name, *rest = [part.strip() for part in line.split("|")]
        row: Row = dict(zip(COLUMNS, rest, strict=True))
        table[name.rstrip("*")].append(row)
        if name.endswith("*"):
            table[""].append(row)
    return dict(table)


def judge(name: str, asked: dict[str, dict[str, Any]], table: dict) -> Finding:
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


def _wrong(rows: list[Row], asked: dict[str, dict[str, Any]]) -> Iterator[str]:
    """What is not there, of each rule."""
    gres = ",".join(row["gres"] for row in rows)
    longest = max(_minutes_of(row["limit"]) for row in rows)
    for rule, resources in asked.items():
        model = resources.get("gpu_model", "")
        if resources.get("gpu") and "gpu:" not in gres:
            yield f"no node has a GPU, {rule} asks for one"
        elif model and f"gpu:{model}:" not in gres:
            yield f"no GPU of type {model}, there are {gres}"
        minutes = _minutes(resources.get("runtime"))
        if minutes > longest:
            yield f"{rule} asks for {minutes:.0f} minutes of at most {longest:.0f}"


def _refused(name: str, asked: dict[str, dict[str, Any]]) -> Iterator[str]:
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
    names = {
        "slurm_account": "account",
        "constraint": "constraint",
        "qos": "qos",
        "mem_mb": "mem",
        "mem_mb_per_cpu": "mem-per-cpu",
        "nodes": "nodes",
        "threads": "cpus-per-task",
    }
    found += [
        f"--{to}={resources[key]}" for key, to in names.items() if key in resources
    ]
    if minutes := _minutes(resources.get("runtime")):
        found.append(f"--time={minutes:.0f}")
    return found


def _minutes(runtime: Any) -> float:
    """Minutes of a rule's runtime, a number or such as ``2h``; 0 if it has none."""
    text = str(runtime or 0).strip()
    number = text.rstrip("abcdefghijklmnopqrstuvwxyz ")
    unit = UNITS.get(text[len(number) :].strip(), 1)
    return float(number) * unit if number.replace(".", "", 1).isdigit() else 0.0


def _minutes_of(limit: str) -> float:
    found = seconds(limit)
    return float("inf") if found is None else found / 60
