"""A person who watches Snakemake sees what runs, how far it is and when it will end."""

import logging
import os
import pty
import re
import subprocess
import sys
import time

import pytest

from snakemake_logger_plugin_fernn import earlier, logs, messages
from snakemake_logger_plugin_fernn.estimate import Estimator
from snakemake_logger_plugin_fernn.progress import Job, Run
from snakemake_logger_plugin_fernn.wording import duration, stopwatch, time_left, title

SNAKEFILE = """
rule all:
    input: "last.txt"

rule each:
    output: "{n}.txt"
    log: "{n}.log"
    shell: "seq 20 > {log}; echo line of {wildcards.n} >> {log}; echo loud; test {wildcards.n} != BAD;"
        " touch {output}"

rule last:
    input: expand("{n}.txt", n=range(4))
    output: "last.txt"
    shell: "touch {output}"
"""


@pytest.fixture
def start(tmp_path):
    """Start Snakemake on the six jobs."""

    def run(*options, bad="none", **streams):
        pytest.importorskip("snakemake")
        (tmp_path / "Snakefile").write_text(SNAKEFILE.replace("BAD", bad))
        command = [sys.executable, "-m", "snakemake", "--logger", "fernn", "-c2"]
        return subprocess.Popen([*command, *options], cwd=tmp_path, **streams)

    return run


@pytest.fixture
def snakemake(start):
    """Run the six jobs through a pipe, as in a log."""

    def run(*options, bad="none"):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        process = start(*options, bad=bad, **pipes)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(options, process.returncode, out, err)

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
    estimator.fail(4)
    assert estimator.left(85).seconds == 80 / 2 and estimator.mean("train") == 40
    # The same job again takes its own place, not that of one that waits.
    estimator.start(4, "train", 90)
    assert estimator.left(90).seconds == 3 * 40 / 2


def test_nothing_ends_before_its_longest_job():
    estimator = Estimator({"long": 1}, {"long": 100.0}, {"_cores": 8.0})
    estimator.start(1, "long", 0, {"_cores": 8.0})
    assert estimator.left(30).seconds == 70
    assert estimator.left(130).seconds == 0
    waiting = Estimator({"long": 1, "short": 4}, {"long": 100.0, "short": 1.0})
    waiting.capacity = {"_cores": 8.0}
    assert waiting.left(0).seconds == 100


def test_jobs_wait_for_whatever_they_share():
    estimator = Estimator({"train": 4}, {"train": 60.0}, {"_cores": 8.0, "gpu": 1.0})
    assert estimator.left(0).seconds == 60
    estimator.start(1, "train", 0, {"_cores": 1.0, "gpu": 1.0})
    assert estimator.left(30).seconds == 3 * 60 + 30


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
    assert "6 jobs: each 4, last 1, all 1" in lines
    for job in ("each n 0", "each n 1", "each n 2", "each n 3", "last", "all"):
        assert lines.count(f" {job} started\n") == 1
        assert len(re.findall(rf" {job} done in \d+ s", lines)) == 1
    assert "6/6 jobs" in lines and "6 jobs in" in lines


def test_a_failed_job_shows_the_end_of_its_log(snakemake):
    done = snakemake("--keep-going", bad="2")
    lines = done.stdout + done.stderr
    assert done.returncode == 1
    assert "each n 2 failed" in lines and "    line of 2" in lines
    assert "    7\n" in lines and "    6\n" not in lines  # fifteen lines of 21
    assert "failed: each n 2; 3/6 jobs done" in lines


def test_a_dry_run_lists_the_jobs_as_ever(snakemake):
    done = snakemake("--dry-run")
    assert done.returncode == 0
    lines = done.stdout + done.stderr
    assert re.search(r"^total +6$", lines, re.MULTILINE)
    assert lines.count("rule each:") == 4 and "reason: Missing output files" in lines


def test_names_and_durations_are_short():
    wildcards = {"experiment": "translation", "model": "grnn", "seed": "0"}
    assert title("train", wildcards) == "train translation grnn seed 0"
    assert [duration(s) for s in (41, 360, 12600)] == ["41 s", "6 min", "3.5 h"]
    assert [stopwatch(s) for s in (41, 723, 3723)] == ["0:41", "12:03", "1:02:03"]


def test_the_end_is_told_with_its_time_of_day():
    run, noon = Run(), time.mktime((2025, 3, 3, 12, 0, 0, 0, 0, -1))
    run.plan({"train": 2}, noon)
    assert time_left(run.snapshot(noon), noon) == "time left unknown"
    run.start(1, Job("train 1", "train", noon), {}, None)
    run.finish(1, noon + 360)
    now = noon + 360
    assert time_left(run.snapshot(now), now) == "about 6 min left, until 12:12"
    run.start(2, Job("train 2", "train", now), {}, None)
    assert time_left(run.snapshot(now + 360), now + 360) == "nearly done"


def test_benchmarks_of_earlier_runs_are_read(tmp_path):
    files = {
        "train/a.tsv": "s\n2\n",
        "train/b.tsv": "h:m:s\ts\n0\t4\n",
        "plot.tsv": "s\n1\n",
    }
    files |= {"tune/torn.tsv": "s\n", "tune/odd.tsv": "s\nNA\n"}
    for name, text in files.items():
        path = tmp_path / "results/demo/benchmarks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    folder = earlier.folder(f"{tmp_path}/results/demo/benchmarks/train/c.tsv")
    assert folder is not None and earlier.means(folder) == {"train": 3.0, "plot": 1.0}
    assert earlier.folder("results/demo/times/c.tsv") is None


def test_errors_are_told_without_their_command():
    error = 'RuleException:\nCalledProcessError in file "/a/Snakefile", line 7:\n'
    error += "Command 'set -e;\nfernn 'x'' returned non-zero exit status 3."
    exit_code = "/a/Snakefile, line 7: the command returned non-zero exit status 3."
    assert messages.brief(error) == exit_code
    assert (
        messages.brief("ValueError in file a, line 2") == "ValueError in file a, line 2"
    )


def test_only_the_end_of_a_log_is_told(tmp_path):
    log = tmp_path / "long.log"
    log.write_text("\n".join(f"line {number}" for number in range(100_000)))
    told = logs.tails([str(log), "nowhere.log"])
    assert told[1:-1] == [f"    line {number}" for number in range(99_985, 100_000)]
    assert told[-1] == "  nowhere.log is empty or not there."


def test_a_broken_record_hides_nothing(capsys):
    pytest.importorskip("snakemake")
    from snakemake.settings.types import OutputSettings
    from snakemake_interface_logger_plugins.common import LogEvent

    from snakemake_logger_plugin_fernn import LogHandler

    handler = LogHandler(OutputSettings(), None)

    def emit(text, **fields):
        fields = {"levelno": logging.INFO, "levelname": "INFO", "msg": text, **fields}
        handler.emit(logging.makeLogRecord(fields))

    for event in (*LogEvent, None):
        emit("bare", event=event)
    told = capsys.readouterr().err
    assert "logger stops" not in told and "bare" in told
    emit("these are the jobs", event=LogEvent.RUN_INFO, stats=[1])
    emit("later")
    handler.close()
    told = capsys.readouterr().err
    assert "The fernn logger stops" in told
    assert "these are the jobs" in told and "later" in told


def test_a_terminal_shows_a_display_that_no_job_tears(start):
    terminal, end = pty.openpty()
    process = start("-k", bad="2", stdout=end, stderr=end)
    os.close(end)
    shown = b""
    try:
        while read := os.read(terminal, 1 << 16):
            shown += read
    except OSError:  # all who write have closed it
        pass
    os.close(terminal)
    assert process.wait(timeout=60) == 1
    text = shown.decode()
    assert "/6 jobs · " in text and text.count("loud\r\n") == 4
    assert "each n 2 failed after 0 s" in text and "    line of 2\r\n" in text
    assert "failed: each n 2; 3/6 jobs done in " in text
