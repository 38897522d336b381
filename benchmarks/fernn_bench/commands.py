"""Commands as a user would type them, timed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from fernn_bench.report import Row
from labrun.errors import UserError

LONGEST = 5  # seconds of a dry run
PYTHON = sys.executable


def start_up(quick: bool) -> Iterator[Row]:
    """Time to start.

    Seconds on the clock on the wall, the median of three, of what every job and every
    user waits for.
    """
    require_snakefile()
    repeats = 1 if quick else 3
    for name, command, target in (
        ("python, nothing else", ["-c", "pass"], None),
        ("import fernn", ["-c", "import fernn"], None),
        ("fernn --help", ["-m", "fernn", "--help"], None),
        ("fernn config: check and resolve", ["-m", "fernn", "config"], 2),
    ):
        seconds, _ = wall_time([PYTHON, *command], repeats)
        yield Row(name, seconds, "s", at_most=target)


def workflow(quick: bool) -> Iterator[Row]:
    """Time to plan the workflow.

    Seconds on the clock on the wall, the median of three, of `snakemake -n` with
    nothing made yet, and the plan resolved by the first of the three: of the paper's
    budget, and of a generated configuration that repeats the demo's experiment until it
    has more than a thousand jobs.
    """
    require_snakefile()
    if find_spec("snakemake") is None:
        raise UserError("snakemake is not installed; pip install 'fernn[pipeline]'")
    repeats, copies = (1, 1) if quick else (3, 47)
    yield Row("load average, before", os.getloadavg()[0], "")
    with tempfile.TemporaryDirectory() as folder:
        yield _dry_run(folder, "budget paper", ["budget=paper"], repeats)
        many = Path(folder) / "many.yaml"
        many.write_text(json.dumps(generated(Path("config.yaml"), copies)))
        arguments = ["budget=generated", "--configfile", str(many)]
        yield _dry_run(folder, "generated", arguments, repeats)
    yield Row("load average, after", os.getloadavg()[0], "")


def _dry_run(folder: str, name: str, arguments: list[str], repeats: int) -> Row:
    """Elsewhere than in the repository, whose results would shorten the plan."""
    command = [sys.executable, "-m", "snakemake", "-n", "--snakefile", "Snakefile"]
    command += ["--directory", folder, "--config", *arguments]
    seconds, printed = wall_time(command, repeats)
    jobs = re.findall(r"^total\s+(\d+)$", printed, re.MULTILINE)[-1]
    return Row(f"snakemake -n, {name}, {jobs} jobs", seconds, "s", at_most=LONGEST)


def generated(path: Path, copies: int) -> dict[str, Any]:
    """What to lay over a configuration: a budget with copies of an experiment.

    Its figures and tables ask for all cubes that fit; ten seeds are trained.
    """
    from fernn.config.positions import read
    from fernn.config.shown import ALL

    config = json.loads(json.dumps(read(path).content))
    original = config["budgets"]["demo"]["experiments"][0]
    names = [f"copy_{number}" for number in range(copies)]
    budget = {"experiments": names, "seeds": list(range(10)), "sizes": {}}
    made: dict[str, Any] = {
        "experiments": dict.fromkeys(names, config["experiments"][original]),
        "budgets": {"generated": {**config["budgets"]["demo"], **budget}},
    }
    for group in ("figures", "tables"):
        made[group] = {
            item: [ALL]
            for item, cubes in config[group].items()
            if any(cube.startswith(f"{original}/") for cube in cubes)
        }
    return made


def output(command: list[str]) -> str:
    """What a command prints.

    Raises:
        UserError: it fails; its last line is told.
    """
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["nothing"]
        raise UserError(
            f"{' '.join(command[1:4])} … ended with {done.returncode}: {said[-1]}"
        )
    return done.stdout


def wall_time(command: list[str], repeats: int) -> tuple[float, str]:
    """The median of seconds on the clock on the wall, and what was printed last."""
    seconds, printed = [], ""
    for _ in range(repeats):
        started = time.perf_counter()
        printed = output(command)
        seconds.append(time.perf_counter() - started)
    return median(seconds), printed


def require_snakefile() -> None:
    """Refuse to run elsewhere than beside the Snakefile.

    Raises:
        UserError: there is no Snakefile here.
    """
    if not Path("Snakefile").exists():
        raise UserError(
            f"no Snakefile in {Path.cwd()}; call this where the pipeline's lies"
        )
