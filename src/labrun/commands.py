"""Commands that may be missing, fail or hang."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass

PATIENCE = 10.0  # seconds


@dataclass(frozen=True)
class Answer:
    """What a command printed.

    Args:
        text: on standard output.
        error: why it failed, the last line it said; empty if it did not.
    """

    text: str
    error: str = ""


def run_command(*command: str, patience: float = PATIENCE) -> Answer:
    """Run a command; it never raises."""
    name = os.path.basename(command[0])
    try:
        done = subprocess.run(
            command,
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=patience,
        )
    except FileNotFoundError:
        return Answer("", f"no command {name}")
    except subprocess.TimeoutExpired:
        return Answer("", f"{name} gave no answer in {patience:.0f} s")
    except OSError as error:
        return Answer("", f"{name}: {error.strerror}")
    if not done.returncode:
        return Answer(done.stdout)
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return Answer(done.stdout, said[-1] if said else f"{name}: exit {done.returncode}")
