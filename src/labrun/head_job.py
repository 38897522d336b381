"""The controlling process of a workflow as a job of Slurm, which outlives a login.

Run in the job as ``python -m labrun.head_job ARGUMENT…``, with those of Snakemake. Near
its time limit it stops Snakemake, whose jobs save, and Slurm starts it again. Snakemake
that a signal killed is started again at once; it goes on where the dead one ended.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from labrun import slurm

KILLED = 3  # times that Snakemake may be killed in one job
END = "the head ended with exit code"  # a line that ends what `follow` shows
CONTINUE = 75  # of a job that is to be submitted again


def main(arguments: Sequence[str]) -> int:
    """Run Snakemake until it has ended by itself or the job must end; its exit code."""
    stops: list[int] = []
    running: list[subprocess.Popen[bytes]] = []
    for number in (signal.SIGUSR1, signal.SIGTERM):
        signal.signal(number, lambda got, _: _stop(got, stops, running))
    code = -signal.SIGTERM  # if it must end before Snakemake has begun
    for _ in range(1 + KILLED):
        if stops:
            break
        running[:] = [_start(arguments)]
        if stops:  # the signal came before Snakemake could have it
            running[0].terminate()
        code = running[0].wait()
        if code >= 0:
            break
        if not stops:
            name = signal.Signals(-code).name
            _tell(f"Snakemake was killed by {name}; it is started again")
    return _ended(stops, code)


def _start(arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    """Snakemake, which sees nothing of the job that it runs in."""
    outside = {
        name: value
        for name, value in os.environ.items()
        if name == "SLURM_CONF" or not name.startswith(("SLURM", "SBATCH", "SRUN"))
    }
    return subprocess.Popen(
        [sys.executable, "-m", "snakemake", *arguments], env=outside
    )


def _stop(
    number: int, stops: list[int], running: list[subprocess.Popen[bytes]]
) -> None:
    stops.append(number)
    for process in running:
        process.terminate()


def _ended(stops: list[int], code: int) -> int:
    """Say how, and ask for another start if the time limit was the reason."""
    if stops == [signal.SIGUSR1]:
        if slurm.requeue():
            _tell("the time limit is near; Slurm starts the head again")
            return 0
        _tell("the time limit is near; submit it again to continue")
        code = CONTINUE
    code = 128 - code if code < 0 else code
    _tell(f"{END} {code}")
    return code


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
