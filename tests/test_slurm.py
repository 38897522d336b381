"""What a job asks of Slurm, with commands that answer as Slurm does."""

import os

import pytest

from labrun import slurm


@pytest.fixture
def answers(tmp_path, monkeypatch):
    """Put commands on PATH that print a text and note how they were called."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "7")

    def set_answer(command, text, code=0):
        file = tmp_path / command
        file.write_text(
            f"#!/bin/sh\necho {command} $* >> {tmp_path}/calls\n"
            f"echo '{text}'\nexit {code}\n"
        )
        file.chmod(0o755)
        return tmp_path / "calls"

    return set_answer


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1-02:03:04", 93784.0),
        ("11:59:50", 43190.0),
        ("1:30", 90.0),
        ("0:00", 0.0),
        ("UNLIMITED", None),
        ("INVALID", None),
        ("", None),
    ],
)
def test_slurms_durations(text, expected):
    assert slurm.seconds(text) == expected


@pytest.mark.parametrize(
    ("left", "work"), [("1-00:00:00", 86280.0), ("1:00", 54.0), ("UNLIMITED", None)]
)
def test_time_is_kept_to_save_in(answers, left, work):
    answers("squeue", left)
    assert slurm.seconds_to_work() == work


def test_only_a_running_job_is_requeued(answers):
    """Slurm would start a cancelled one again, too."""
    answers("scontrol", "")
    answers("squeue", "COMPLETING")
    assert not slurm.requeue()
    calls = answers("squeue", "RUNNING")
    assert "scontrol" not in calls.read_text()
    assert slurm.requeue()
    assert "scontrol requeue 7" in calls.read_text()
    answers("scontrol", "Job cannot be requeued", code=1)
    assert not slurm.requeue()


def test_outside_of_a_job_nothing_is_asked(answers, monkeypatch):
    calls = answers("squeue", "1:00")
    monkeypatch.delenv("SLURM_JOB_ID")
    assert slurm.seconds_to_work() is None and not slurm.requeue()
    assert not calls.exists()


def test_a_cluster_without_answers_stops_no_job(monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("PATH", "/nonexistent")
    assert slurm.seconds_to_work() is None and not slurm.requeue()
