"""A run on Slurm outlives its controller's absence, refuses what cannot start, stops.

Snakemake and its plugin are real, the commands of Slurm are scripts: what they answer
is in files. `tests/faults/test_slurm.py` has the same with a real Slurm.
"""

import os
import signal
import subprocess
import sys
import time

import pytest

from copied import ROOT, environment

pytest.importorskip("snakemake_executor_plugin_slurm")

LIMIT = 60.0  # seconds until a run hangs
SNAKEFILE = """
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry
from labrun import slurm_executor as executor
executor.LOOK = executor.ROOM = executor.SOON = 0.2
ExecutorPluginRegistry().get_plugin("slurm").executor = executor.Executor
rule long:
    output: "made"
    resources: runtime=720, slurm_partition="gpu", mem_mb=1
    shell: "touch {output}"
rule beside:
    output: "beside"
    localrule: True
    shell: "echo sleeps >> calls; sleep 600"
"""
OPTIONS = ["--executor", "slurm", "--jobs", "2", "--logger", "fernn"]
OPTIONS += ["--slurm-status-command", "squeue"]
OPTIONS += ["--slurm-init-seconds-before-status-checks", "1"]
# Each notes that it was called; `away`, a file, makes it fail as without a controller.
HEAD = """#!/bin/sh
echo ${0##*/} $* >> calls
"""
AWAY = "[ -e away ] && { echo 'Unable to contact slurm controller' >&2; exit 1; }\n"
PING = (
    "[ $1 = ping ] && { [ -e away ] && echo 'at vm is DOWN' || echo 'at vm is UP'; }\n"
)
COMMANDS = {
    "scontrol": PING + AWAY + "echo 'MinJobAge = 3600 sec'",
    "sinfo": AWAY + "cat limits",
    "sbatch": AWAY + "[ -e refused ] && { cat refused >&2; exit 1; }; "
    "[ -e waits ] && exec sleep 600; touch made; echo 7",
    # Of the questions for the states of jobs, the first so many fail.
    "squeue": AWAY + "read n < failing; [ $n -gt 0 ] && "
    "{ echo $((n - 1)) > failing; exit 1; }; echo \"7|$(cat state)\"",
    "scancel": AWAY + "true",
    "sacct": "exit 1",
}  # fmt: skip


class Run:
    """Snakemake with a Slurm of scripts, in a folder of its own."""

    def __init__(self, folder):
        self.folder = folder
        scripts = folder / "bin"
        scripts.mkdir()
        for name, text in COMMANDS.items():
            (scripts / name).write_text(HEAD + text)
            (scripts / name).chmod(0o755)
        self.answer(limits="gpu*|1-00:00:00", state="COMPLETED", failing="0")
        (folder / "Snakefile").write_text(SNAKEFILE)
        self.env = environment(ROOT / "src")
        self.env["PATH"] = f"{scripts}{os.pathsep}{self.env['PATH']}"

    def answer(self, **texts):
        for name, text in texts.items():
            (self.folder / name).write_text(f"{text}\n")

    def start(self, *targets):
        command = [sys.executable, "-m", "snakemake", *targets, *OPTIONS]
        with (self.folder / "told").open("w") as told:
            self.head = subprocess.Popen(
                command, cwd=self.folder, env=self.env, stdout=told, stderr=told
            )
        return self.head

    def wait_for(self, text, name):
        end = time.monotonic() + LIMIT
        while text not in self.read(name):
            assert time.monotonic() < end, self.read("told")
            time.sleep(0.05)

    def read(self, name):
        path = self.folder / name
        return path.read_text() if path.exists() else ""


@pytest.fixture
def run(tmp_path):
    made = Run(tmp_path)
    yield made
    made.head.kill()
    made.head.wait()


def test_questions_that_fail_lose_no_job(run):
    """Twelve, as many as three looks at the jobs ask."""
    run.answer(failing="12")
    assert run.start().wait(LIMIT) == 0, run.read("told")
    told = run.read("told")
    assert told.count("Slurm does not answer: waiting") == 1
    assert told.count("Slurm answers again, after") == 1
    assert run.read("calls").count("sbatch") == 1


def test_a_job_is_submitted_once_the_controller_is_back(run):
    """Nor does SIGTERM wait for it."""
    run.answer(away="", limits="gpu*|infinite")
    head = run.start()
    run.wait_for("Slurm does not answer: waiting", "told")
    assert "Slurm does not say whether partitions allow" in run.read("told")
    head.send_signal(signal.SIGTERM)
    assert head.wait(LIMIT) == 1
    assert "sbatch" not in run.read("calls")
    head = run.start()
    run.wait_for("Slurm does not answer: waiting", "told")
    (run.folder / "away").unlink()
    assert head.wait(LIMIT) == 0, run.read("told")
    assert run.read("calls").count("sbatch") == 1


POLICY = (
    "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy"
)


ASLEEP = "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying"
FULL = {  # what sbatch of Slurm 22.05 says, before it exits with code 1
    "MaxSubmitJobsPerAccount": f"sbatch: error: MaxSubmitJobsPerAccount\n{POLICY}",
    "Resource temporarily unavailable": f"{ASLEEP}\nsbatch: error: Batch job submission"
    " failed: Resource temporarily unavailable",
}


@pytest.mark.parametrize("limit", FULL)
def test_a_full_queue_is_no_failure(run, limit):
    """The job waits until the queue has room; the run has no retries to use up."""
    run.answer(refused=FULL[limit])
    head = run.start()
    end = time.monotonic() + LIMIT
    while run.read("calls").count("sbatch") < 3:
        assert time.monotonic() < end and head.poll() is None, run.read("told")
        time.sleep(0.05)
    (run.folder / "refused").unlink()
    assert head.wait(LIMIT) == 0, run.read("told")
    told = run.read("told")
    assert told.count(f"no more jobs into its queue ({limit}): waiting") == 1
    assert "failed" not in told.lower()


def test_another_refusal_is_a_failure(run):
    """A limit of time or of size is not less tomorrow."""
    run.answer(refused=f"sbatch: error: QOSMaxWallDurationPerJobLimit\n{POLICY}")
    assert run.start().wait(LIMIT) == 1
    assert run.read("calls").count("sbatch") == 1
    assert "QOSMaxWallDurationPerJobLimit" in run.read("told")


def test_a_run_that_waits_for_room_can_be_stopped(run):
    run.answer(refused="sbatch: error: QOSMaxSubmitJobPerUserLimit")
    head = run.start()
    run.wait_for("no more jobs into its queue", "told")
    head.send_signal(signal.SIGTERM)
    assert head.wait(LIMIT) == 1


def test_a_submission_that_waits_for_the_controller_can_be_stopped(run):
    """sbatch sleeps and tries again itself where the controller has no room."""
    run.answer(waits="")
    head = run.start()
    run.wait_for("sbatch", "calls")
    head.send_signal(signal.SIGTERM)
    assert head.wait(LIMIT) == 1
    assert "Error" not in run.read("told") and "Exception" not in run.read("told")


def test_a_job_longer_than_its_partition_allows_is_refused(run):
    run.answer(limits="gpu*|5:00\nother|infinite")
    assert run.start().wait(LIMIT) == 2
    lines = [line for line in run.read("told").splitlines() if "never start" in line]
    words = "partition gpu allows 5 minutes, its jobs ask: long for 720; shorter"
    assert len(lines) == 1 and words in lines[0] and "Traceback" not in run.read("told")
    assert "sbatch" not in run.read("calls")
    assert not any(run.folder.glob(".snakemake/locks/*"))


def test_sigterm_ends_the_jobs(run):
    """Snakemake's own handler waits for them, for ever if they cannot start."""
    run.answer(state="PENDING")
    head = run.start("made", "beside")
    run.wait_for("squeue --format", "calls")
    run.wait_for("sleeps", "calls")
    head.send_signal(signal.SIGTERM)
    assert head.wait(LIMIT) == 1
    assert "scancel 7" in run.read("calls")
    told = run.read("told")
    assert "1 Slurm job(s) cancelled; the same command continues" in told
    assert "Error" not in told and "Exception" not in told
