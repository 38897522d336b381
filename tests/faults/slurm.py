"""A Slurm of one's own on this machine, by ``tests/slurm/cluster.sh``."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from copied import ROOT
from faults.flow import Flow

PROGRAMS = {
    "make test-slurm": ["slurmctld", "slurmd", "sbatch", "munged"],
    "apt-get install slurmdbd mariadb-server": ["slurmdbd", "mariadbd", "sacctmgr"],
}
PROFILE = ["--profile", "slurm", "--configfile", "tiny.yaml"]
EARLY = ["--slurm-init-seconds-before-status-checks", "1"]
RETRIED = "Trying to restart job"


def hindrance(*, accounting: bool = False) -> str:
    """Why there can be no Slurm of one's own here, if so."""
    if os.geteuid() != 0 or not Path("/etc/debian_version").exists():
        return "a Slurm of one's own needs root and Debian"
    for way, names in [*PROGRAMS.items()][: 1 + accounting]:
        missing = [name for name in names if shutil.which(name) is None]
        if missing:
            return f"not installed: {', '.join(missing)}; `{way}` does"
    return ""


class Cluster:
    """A Slurm of its own.

    Args:
        folder: of its configuration, state and logs.
    """

    def __init__(self, folder: Path):
        self.env = {**os.environ, "SLURM_TEST_STATE": str(folder)}

    def do(self, *arguments: str) -> subprocess.CompletedProcess:
        """Run ``cluster.sh``."""
        command = [ROOT / "tests/slurm/cluster.sh", *arguments]
        return subprocess.run(command, env=self.env, timeout=120)

    def jobs(self, flow: Flow, rule: str = "train") -> list[dict[str, str]]:
        """What Slurm says of a flow's jobs, also of ended ones, oldest first."""
        lines = ask("scontrol", "--oneliner", "show", "jobs").splitlines()
        told = [dict(re.findall(r"(\S+?)=(\S*)", line)) for line in lines]
        of_flow = [job for job in told if job.get("WorkDir") == str(flow.folder)]
        found = [job for job in of_flow if f"rule_{rule}_" in job.get("Comment", "")]
        return sorted(found, key=lambda job: int(job["JobId"]))

    def living(self) -> list[str]:
        """Jobs that wait, run or end."""
        return ask("squeue", "--noheader", "--format=%A").split()

    def clear(self) -> None:
        """Cancel everything, and have the controller and both nodes back."""
        for name in ("controller", "node1", "node2"):
            self.do("revive", name)
        end = time.monotonic() + 60
        while living := self.living():
            ask("scancel", *living)
            assert time.monotonic() < end, living
            time.sleep(0.5)
        while ask("sinfo", "--noheader", "--Node", "--format=%t") != "idle\n" * 4:
            assert time.monotonic() < end, ask("sinfo", "--Node", "--long")
            ask("scontrol", "update", "NodeName=node1,node2", "State=RESUME")
            time.sleep(1)


def ask(*command: str) -> str:
    """What a command of Slurm prints."""
    return subprocess.run(command, capture_output=True, text=True, timeout=30).stdout


@contextmanager
def running(folder: Path, *options: str) -> Iterator[Cluster]:
    """Within the block a Slurm is there, with these options of ``start``."""
    pytest.importorskip("snakemake_executor_plugin_slurm")
    made = Cluster(folder)
    started = made.do("start", *options).returncode
    if started == 3:
        pytest.skip("another Slurm is on this machine")
    try:
        assert started == 0
        yield made
    finally:
        made.do("stop")


@contextmanager
def on_slurm(flow: Flow, cluster: Cluster) -> Iterator[Flow]:
    """A flow with the shipped profile; after the block nothing of it lives."""
    shutil.copytree(ROOT / "slurm", flow.folder / "slurm")
    flow.options = [*PROFILE, *EARLY]
    yield flow
    cluster.clear()  # first the jobs: Slurm waits long for a slurmstepd that was killed
    flow.end()
    cluster.clear()
