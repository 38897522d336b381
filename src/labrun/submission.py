"""Submit the head of a workflow as a job of Slurm, follow it, cancel it."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from labrun import slurm
from labrun.commands import run_command
from labrun.errors import UserError
from labrun.head_job import END

NAME = "labrun-head"  # of the job; those of rules begin otherwise, and are cancelled
LOG = "head-{}.log"  # in the folder of results, by the job's number
RESERVE = 180  # seconds before the time limit, in which the jobs save
SHARE = 0.2  # of a short limit
LOOK = 1.0  # seconds between looks at a log


@dataclass(frozen=True)
class Head:
    """A head that Slurm has in its queue.

    Args:
        job: its number.
        state: as Slurm calls it.
        arguments: of Snakemake, as one line.
    """

    job: str
    state: str
    arguments: str


def submit(arguments: Sequence[str], results: Path, options: Sequence[str]) -> str:
    """Submit a head for the workflow in this folder; the job's number.

    Args:
        arguments: of Snakemake.
        results: the folder of its log.
        options: of sbatch, such as ``--time=1-00:00:00``.

    Raises:
        UserError: one with these arguments is in the queue, or Slurm refuses.
    """
    line = shlex.join(arguments)
    for head in heads():
        if head.arguments == line:
            raise UserError(f"job {head.job} ({head.state}) is the head of this run")
    results.mkdir(parents=True, exist_ok=True)
    command = shlex.join([sys.executable, "-m", "labrun.head_job", *arguments])
    answer = run_command(
        "sbatch",
        "--parsable",
        f"--job-name={NAME}",
        f"--comment={line}",
        f"--output={results / LOG.format('%j')}",
        "--open-mode=append",
        "--requeue",
        f"--signal=B:USR1@{_reserve(options)}",
        *options,
        f"--wrap=exec {command}",
    )
    if answer.error:
        raise UserError(f"sbatch refuses the head: {answer.error}")
    return answer.text.strip().partition(";")[0]


def heads() -> list[Head]:
    """Those of this user for this folder.

    Raises:
        UserError: Slurm does not answer.
    """
    form = "%i|%T|%Z|%k"
    answer = run_command(
        "squeue", "--me", "--noheader", "--name", NAME, "--format", form
    )
    if answer.error:
        raise UserError(f"squeue fails: {answer.error}")
    rows = [line.strip().split("|", 3) for line in answer.text.splitlines() if line]
    here = str(Path.cwd())
    return [
        Head(job, state, told) for job, state, folder, told in rows if folder == here
    ]


def chosen(job: str | None) -> Head:
    """The head with a number; without one, the only one.

    Raises:
        UserError: there is none, or several.
    """
    found = heads()
    if job is not None:
        found = [head for head in found if head.job == job]
    if len(found) == 1:
        return found[0]
    if not found:
        raise UserError(f"no head {f'{job} ' if job else ''}of this folder is in Slurm")
    numbers = ", ".join(head.job for head in found)
    raise UserError(f"several heads of this folder are in Slurm: {numbers}; name one")


def cancel(job: str | None) -> str:
    """Cancel a head, which cancels its jobs; its number."""
    head = chosen(job)
    answer = run_command("scancel", head.job)
    if answer.error:
        raise UserError(f"scancel fails: {answer.error}")
    return head.job


def follow(job: str, results: Path, show: Callable[[str], object]) -> None:
    """Show the log of a head as it grows, until the head has ended.

    Args:
        job: the head's number.
        results: the folder of its log.
        show: gets pieces of the log.
    """
    ended = False
    for piece in _pieces(results / LOG.format(job)):
        if piece:
            show(piece)
            ended = END in piece
        elif ended or job not in {head.job for head in heads()}:
            return
        else:
            time.sleep(LOOK)


def _pieces(log: Path) -> Iterator[str]:
    """What was added to a file since the last look, possibly nothing."""
    seen = 0
    while True:
        try:
            with log.open("rb") as stream:
                stream.seek(seen)
                piece = stream.read()
        except FileNotFoundError:
            piece = b""
        seen += len(piece)
        yield piece.decode("utf-8", "replace")


def _reserve(options: Sequence[str]) -> int:
    """Seconds to stop in; of a limit that is given, not more than a share."""
    limits = [each.partition("=")[2] for each in options if each.startswith("--time=")]
    total = _seconds(limits[-1]) if limits else None
    return RESERVE if total is None else max(1, min(RESERVE, int(SHARE * total)))


def _seconds(limit: str) -> float | None:
    """A time limit as sbatch takes it; a number alone is minutes."""
    if limit.isdecimal():
        return 60.0 * int(limit)
    return slurm.seconds(limit)
