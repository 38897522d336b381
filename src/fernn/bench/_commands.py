"""Commands as a user would type them, timed."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from statistics import median

from labrun.errors import UserError


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
