"""A person who watches Snakemake sees what runs, how far it is and when it will end."""

import logging
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from labrun.terminal.words import brief, places, stopwatch, tails, title

SNAKEFILE = """
rule all:
    input: "last.txt"

rule each:
    output: "{n}.txt"
    log: "{n}.log"
    shell: "seq 20 > {log}; echo line of {wildcards.n} >> {log}; echo loud;"
        " test {wildcards.n} != BAD; touch {output}"

rule last:
    input: expand("{n}.txt", n=range(4))
    output: "last.txt"
    shell: "touch {output}"
"""


@pytest.fixture
def start(tmp_path):
    """Start Snakemake on the six jobs."""

    def run(*options, bad="none", more="", **streams):
        (tmp_path / "Snakefile").write_text(SNAKEFILE.replace("BAD", bad) + more)
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


def test_a_continued_run_counts_from_what_is_done(start, tmp_path):
    more = "\nfrom snakemake.logging import logger\n\nonstart:\n"
    more += '    logger.info("continues: 3 of 9 jobs are done")\n'
    process = start(more=more, stderr=subprocess.PIPE, text=True)
    lines = process.communicate(timeout=60)[1]
    assert process.returncode == 0 and "continues: 3 of 9 jobs are done" in lines
    assert "4/9 jobs" in lines and "9/9 jobs" in lines and "1/6 jobs" not in lines
    assert "6 jobs in" in lines


def test_an_interrupt_is_no_failure_and_the_same_command_goes_on(start):
    """The job ends by itself, with a code of its own, before Snakemake says why."""
    slow = "\nrule slow:\n    output: 'slow.txt'\n"
    slow += "    shell: \"trap 'exit 3' INT; echo begun >&2; sleep 30 & wait\"\n"
    process = start(
        "slow", more=slow, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    lines = ""
    while "begun" not in lines:
        lines += process.stderr.readline()
    os.killpg(process.pid, signal.SIGINT)
    lines += process.communicate(timeout=60)[1]
    assert process.returncode != 0
    assert "exit status" not in lines and "failed" not in lines
    assert "the same command continues from here" in lines


def test_the_end_names_what_was_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = Path("results/demo")
    told = places(results, "fernn")
    assert "figures: results/demo/figures" in told and "fernn ui" in told
    (tmp_path / "Makefile").touch()
    assert "report: make report BUDGET=demo   tracker: make ui" in places(
        results, "fernn"
    )


def test_a_dry_run_lists_the_jobs_as_ever(snakemake):
    done = snakemake("--dry-run")
    assert done.returncode == 0
    lines = done.stdout + done.stderr
    assert re.search(r"^total +6$", lines, re.MULTILINE)
    assert lines.count("rule each:") == 4 and "reason: Missing output files" in lines


def test_names_and_times_are_short():
    wildcards = {"experiment": "translation", "model": "grnn", "seed": "0"}
    assert title("train", wildcards) == "train translation grnn seed 0"
    assert [stopwatch(s) for s in (41, 723, 3723)] == ["0:41", "12:03", "1:02:03"]


def test_errors_are_told_without_their_command():
    error = 'RuleException:\nCalledProcessError in file "/a/Snakefile", line 7:\n'
    error += "Command 'set -e;\nfernn 'x'' returned non-zero exit status 3."
    exit_code = "/a/Snakefile, line 7: the command returned non-zero exit status 3."
    assert brief(error) == exit_code
    assert brief("ValueError in file a, line 2") == "ValueError in file a, line 2"


def test_only_the_end_of_a_log_is_told(tmp_path):
    log = tmp_path / "long.log"
    log.write_text("\n".join(f"line {number}" for number in range(100_000)))
    told = tails([str(log), "nowhere.log"])
    assert told[1:-1] == [f"    line {number}" for number in range(99_985, 100_000)]
    assert told[-1] == "  nowhere.log is empty or not there."


def test_a_broken_record_hides_nothing(capsys):
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
    assert (
        re.search(r"each n 2 failed after \d s", text) and "    line of 2\r\n" in text
    )
    assert "failed: each n 2; 3/6 jobs done in " in text
