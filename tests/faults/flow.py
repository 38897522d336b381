"""A copy of the workflow with a tiny budget that is started, hit, and started again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from copied import copy, environment

LIMIT = 600.0  # seconds for one run; it takes 30 on two idle cores
TRIALS = 3  # all with hyperparameters as given: equal whatever the order
EPOCH = 50  # steps
STEPS = 8 * EPOCH  # of a training run
CONFIG = """\
budget: tiny
experiments:
  tiny:
    title: Tiny
    dataset: { kind: flowing_digits, flow: translation, max_speed: 1 }
    models: [fernn_v1]
    baselines: [copy_last]
    protocol: exact
    axes: [in_distribution, curves]
budgets:
  tiny:
    source: handwritten
    experiments: [tiny]
    seeds: [0]
    frame_size: 8
    digits: 1
    context: 2
    horizon: 2
    long_horizon: 3
    hidden: 2
    decoder_layers: 0
    batch: 4
    sequences: 200
    epochs: 8
    match: epochs
    validation: 4
    tuning: { trials: 3, epochs: 4, workers: 2 }
    axes:
      in_distribution: { sequences: 4 }
figures:
  training_speed: [tiny/curves]
  cost_of_velocities: []
tables:
  forecasting_error: [tiny/in_distribution]
"""


class Flow:
    """A workflow in a folder of its own.

    Args:
        folder: where, empty or missing.
        of: copy this flow as it stands; otherwise a fresh copy of the repository.
    """

    results = Path("results/tiny")

    def __init__(self, folder: Path, of: Flow | None = None):
        self.folder = folder.resolve()
        self.options = ["--configfile", "tiny.yaml", "--cores", "2"]
        if of is not None:
            shutil.copytree(of.folder, folder, dirs_exist_ok=True)
        else:
            copy(self.folder)
            (folder / "tiny.yaml").write_text(CONFIG)
        self.env = environment(self.folder / "src")
        self.env["XDG_CACHE_HOME"] = str(self.folder / "cache")
        self._started = 0

    def path(self, name: str) -> Path:
        """A file or folder of the budget's results."""
        return self.folder / self.results / name

    @property
    def log(self) -> Path:
        """What the last head printed."""
        return self.folder / f"head-{self._started}.log"

    def start(self, *arguments: str) -> subprocess.Popen:
        """Start the command: a head in a process group of its own."""
        self._started += 1
        command = [sys.executable, "-m", "snakemake", *self.options, *arguments]
        with self.log.open("w") as log:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def run(self, *arguments: str) -> int:
        """Start the command and wait for its end: the exit code."""
        return self.start(*arguments).wait(LIMIT)

    def finish(self, times: int = 1) -> None:
        """The same command again, until it succeeds, at most some times."""
        codes = [self.run()]
        while codes[-1] and len(codes) < times:
            codes.append(self.run())
        assert codes[-1] == 0, f"exit codes {codes}\n{self.told()}"

    def fernn(self, *arguments: str) -> subprocess.CompletedProcess:
        """Run a `fernn` command here."""
        return subprocess.run(
            [sys.executable, "-m", "fernn", *arguments],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )

    def told(self) -> str:
        """The end of what the last head printed, and of all logs of jobs."""
        logs = [self.log, *sorted(self.path("logs").rglob("*.log"))]
        texts = [(log, log.read_text(errors="replace")) for log in logs if log.exists()]
        return "\n".join(f"==> {log} <==\n{text[-2000:]}" for log, text in texts)

    def pids(self, *words: str) -> list[int]:
        """Living processes in this folder with these words among their arguments.

        ``pids("fernn", "train")`` are the training runs, not the shells around them.
        """
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                place = Path(os.readlink(entry / "cwd"))
                arguments = (entry / "cmdline").read_bytes().decode().split("\0")
            except OSError:  # it ended, or is none of ours
                continue
            names = [argument.rpartition("/")[2] for argument in arguments[:4]]
            if place.is_relative_to(self.folder) and _contains(names, words):
                found.append(int(entry.name))
        return sorted(found)

    def jobs(self) -> list[int]:
        """Living `fernn` processes but the tracker's."""
        trackers = {*self.pids("fernn", "track")}
        return [pid for pid in self.pids("fernn") if pid not in trackers]

    def wait_until(self, true: Callable[[], object], limit: float = LIMIT) -> None:
        """Wait for a condition, and fail if it does not come."""
        end = time.monotonic() + limit
        while not true():
            assert time.monotonic() < end, f"waited {limit} s\n{self.told()}"
            time.sleep(0.02)

    def kill(self, *words: str, number: int = signal.SIGKILL) -> list[int]:
        """Send a signal to the processes with these words; who got it."""
        hit = []
        for pid in self.pids(*words):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
                hit.append(pid)
        return hit

    def end(self) -> None:
        """Leave no process behind."""
        while self.kill():
            time.sleep(0.05)


def _contains(names: list[str], words: tuple[str, ...]) -> bool:
    """Whether words follow each other among names."""
    last = len(names) - len(words) + 1
    return any(names[first:][: len(words)] == [*words] for first in range(last))
