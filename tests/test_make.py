"""What `make` would run, and what it says."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def make(*words, **variables):
    command = ["make", "--no-print-directory", "VENV=/nowhere", *words]
    environment = {**os.environ, **variables}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True
    )


def cores(**variables):
    words = make("-n", "demo", **variables).stdout.split()
    return int(words[words.index("--cores") + 1])


def test_threads_of_openmp_are_no_number_of_cores():
    usual = cores()
    assert usual == len(os.sched_getaffinity(0))
    assert cores(OMP_NUM_THREADS=str(usual + 3), OMP_THREAD_LIMIT="1") == usual


def test_a_report_without_results_says_what_to_do():
    done = make("report", "BUDGET=none-of-these", "-o", "/nowhere/installed")
    assert done.returncode == 2
    assert "no results of budget none-of-these yet; make them with" in done.stderr
