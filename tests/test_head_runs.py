"""The head of a real run: killed, stopped by Ctrl-C, started twice."""

import os
import signal
import subprocess
import sys
import time

import pytest

from labrun.controller import locks
from test_workflow import LIMIT, Project

GOALS = [f"results/tiny/data/tiny/{split}.nc" for split in ("train", "velocity")]


class Run(Project):
    """A real run of the smallest budget, up to two data sets."""

    def __init__(self, folder):
        super().__init__(folder)
        self.lease = folder / "results/tiny/.head.lease"

    def start(self):
        """A head that has locked its files and runs its first job."""
        command = [sys.executable, "-m", "snakemake", "--configfile", "tiny.yaml"]
        head = subprocess.Popen(
            [*command, "--cores", "2", *GOALS],
            cwd=self.folder,
            env=self.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            # A shell's background jobs ignore SIGINT, and their children with them.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        first, end = self.folder / "results/tiny/logs/fetch", time.monotonic() + LIMIT
        while not any(first.glob("*.log")):
            assert time.monotonic() < end and head.poll() is None
            time.sleep(0.05)
        return head

    def from_elsewhere(self):
        """The same run, started in another folder."""
        here = self.folder
        command = [sys.executable, "-m", "snakemake", "--snakefile", here / "Snakefile"]
        command += ["--directory", here, "--configfile", here / "tiny.yaml"]
        return subprocess.run(
            [*command, "--cores", "2", *GOALS],
            cwd="/",
            env=self.env,
            capture_output=True,
            text=True,
        )

    @property
    def locks(self):
        return locks.of(self.folder / "results", "tiny")


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path)


def test_a_killed_head_is_replaced_by_the_same_command(run):
    head = run.start()
    head.send_signal(signal.SIGSTOP)  # it lives as long as the others need to look
    dry = run.snakemake("--dry-run", *GOALS)
    second = run.snakemake("--cores", "2", *GOALS)
    assert dry.returncode == 0 and second.returncode == 2
    line = f"fernn: tiny is already run by {os.uname().nodename} pid {head.pid} since"
    assert line in second.stderr and "Traceback" not in second.stderr
    head.send_signal(signal.SIGKILL)
    head.wait()
    assert len(run.locks) == 2 and run.lease.exists()
    third = run.from_elsewhere()
    assert third.returncode == 0, third.stderr[-2000:]
    assert f"pid {head.pid}, died: 2 lock(s) removed" in third.stderr
    assert all((run.folder / goal).exists() for goal in GOALS)
    assert not run.locks and not run.lease.exists()


def test_ctrl_c_ends_the_jobs_and_leaves_nothing(run):
    head = run.start()
    os.killpg(head.pid, signal.SIGINT)
    assert head.wait(LIMIT) == 1
    assert not run.locks and not run.lease.exists()
