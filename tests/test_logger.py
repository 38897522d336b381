"""A person who watches Snakemake sees what runs, how far it is and when it will end."""

import re
import subprocess
import sys

import pytest

from snakemake_logger_plugin_fernn.estimate import Estimator
from snakemake_logger_plugin_fernn.wording import duration, stopwatch, title

SNAKEFILE = """
rule all:
    input: "last.txt"

rule each:
    output: "{n}.txt"
    log: "{n}.log"
    shell: "echo line of {wildcards.n} > {log}; test {wildcards.n} != BAD;"
        " touch {output}"

rule last:
    input: expand("{n}.txt", n=range(4))
    output: "last.txt"
    shell: "touch {output}"
"""


@pytest.fixture
def snakemake(tmp_path):
    """Run the six jobs through a pipe, as in a log."""

    def run(*options, bad="none"):
        (tmp_path / "Snakefile").write_text(SNAKEFILE.replace("BAD", bad))
        command = [
            sys.executable,
            "-m",
            "snakemake",
            "--logger",
            "fernn",
            "--cores",
            "2",
        ]
        return subprocess.run(
            [*command, *options],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_what_is_left_is_shared_among_cores():
    estimator = Estimator({"tune": 2, "train": 4}, capacity={"_cores": 2.0})
    assert not estimator.left(0).complete
    estimator.start(1, "tune", 0)
    estimator.start(2, "tune", 0)
    estimator.finish(1, 10)
    estimator.finish(2, 30)
    assert estimator.mean("tune") == 20
    estimator.start(3, "train", 30)
    estimator.finish(3, 70)
    # three of 40 s on two cores
    assert estimator.left(70).seconds == 60 and estimator.left(70).complete
    estimator.start(4, "train", 70)
    # the rest of one, 25 s, and two of 40 s, on two cores
    assert estimator.left(85).seconds == (25 + 80) / 2


def test_nothing_ends_before_its_longest_job():
    estimator = Estimator({"long": 1}, {"long": 100.0}, {"_cores": 8.0})
    estimator.start(1, "long", 0, {"_cores": 8.0})
    assert estimator.left(30).seconds == 70
    assert estimator.left(130).seconds == 0


def test_earlier_runs_tell_until_this_one_knows():
    estimator = Estimator({"train": 3}, {"train": 50.0})
    assert estimator.left(0).seconds == 150
    estimator.start(1, "train", 0)
    estimator.finish(1, 10)
    assert estimator.left(10).seconds == 20


def test_every_job_is_told_and_counted(snakemake):
    done = snakemake()
    assert done.returncode == 0
    lines = done.stdout + done.stderr
    for n in range(4):
        assert re.search(rf"each n {n} done in \d+ s", lines)
    assert "6/6 jobs" in lines and "6 jobs in" in lines


def test_a_failed_job_shows_the_end_of_its_log(snakemake):
    done = snakemake("--keep-going", bad="2")
    lines = done.stdout + done.stderr
    assert done.returncode == 1
    assert "each n 2 failed" in lines and "    line of 2" in lines
    assert "failed: each n 2; 3/6 jobs done" in lines


def test_a_dry_run_lists_the_jobs_as_ever(snakemake):
    done = snakemake("--dry-run")
    assert done.returncode == 0
    assert re.search(r"^total +6$", done.stdout + done.stderr, re.MULTILINE)


def test_names_and_durations_are_short():
    wildcards = {"experiment": "translation", "model": "grnn", "seed": "0"}
    assert title("train", wildcards) == "train translation grnn seed 0"
    assert [duration(s) for s in (41, 360, 12600)] == ["41 s", "6 min", "3.5 h"]
    assert [stopwatch(s) for s in (41, 723, 3723)] == ["0:41", "12:03", "1:02:03"]
