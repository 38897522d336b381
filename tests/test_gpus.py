"""Jobs of one machine take GPUs of their own, and give them back however they end."""

import argparse
import os
import signal
import stat
import subprocess
import sys

import pytest

from fernn import cli
from labrun import gpu_shares, gpus
from labrun.errors import UserError
from labrun.gpus import visible

CARDS = [f"GPU {n}: NVIDIA H100 (UUID: GPU-{n}0aa)" for n in range(4)]
DIVIDED = [
    CARDS[0],
    "  MIG 3g.40gb     Device  0: (UUID: MIG-left)",
    "  MIG 3g.40gb     Device  1: (UUID: MIG-right)",
    CARDS[1],
]
BUSY = "no share of 4 visible GPUs is free; waiting for {}\n"
HOLD = """
import os, sys, time
from labrun.gpu_shares import hold
needed = float(sys.argv[2])
with hold(int(sys.argv[1]), (lambda: needed) if needed else None):
    print(os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
    time.sleep(60)
"""


@pytest.fixture
def cards(tmp_path, monkeypatch):
    """Pretend that the driver lists these."""

    def pretend(lines, mebibytes=80_000):
        (tmp_path / "list").write_text("\n".join(lines) + "\n")
        totals = [f"GPU-{n}0aa, {mebibytes}\n" for n in range(len(CARDS))]
        (tmp_path / "totals").write_text("".join(totals))
        command = tmp_path / "nvidia-smi"
        answers = f"-L) cat '{tmp_path}/list';; *) cat '{tmp_path}/totals';;"
        command.write_text(f'#!/bin/sh\ncase "$1" in {answers} esac\n')
        command.chmod(command.stat().st_mode | stat.S_IXUSR)

    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name in ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID", gpu_shares.JOBS_PER_GPU):
        monkeypatch.delenv(name, raising=False)
    pretend(CARDS)
    return pretend


@pytest.fixture
def job():
    """Another process that holds GPUs; what it sees is its first line."""
    started = []

    def start(count=1, wait=True, needed=0):
        command = [sys.executable, "-c", HOLD, str(count), str(needed)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        process = subprocess.Popen(command, **pipes)
        started.append(process)
        if wait:
            process.sees = process.stdout.readline().strip()
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("allowed", "names"),
    [
        (None, ["GPU-00aa", "GPU-10aa", "GPU-20aa", "GPU-30aa"]),
        ("2,0", ["2", "0"]),
        ("GPU-3, 1", ["GPU-3", "1"]),
        ("1,-1,2", ["1"]),
        ("1,7,2", ["1"]),
        ("GPU-", []),
        ("", []),
    ],
)
def test_the_environment_restricts_the_cards_as_in_cuda(
    cards, monkeypatch, allowed, names
):
    if allowed is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", allowed)
    assert [each.name for each in visible()] == names


def test_a_card_has_one_identity_whatever_it_is_called(cards, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,GPU-20")
    assert {each.identity for each in visible()} == {"GPU-20aa"}


def test_of_a_divided_card_its_parts_are_used(cards):
    cards(DIVIDED)
    assert [each.name for each in visible()] == ["MIG-left", "MIG-right", "GPU-10aa"]
    with pytest.raises(UserError, match="a process can use one of MIG"):
        gpu_shares.hold(2).__enter__()


def test_without_a_driver_nothing_is_held_or_hidden(cards):
    cards([])
    with gpu_shares.hold(8):
        assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_jobs_spread_over_all_cards_and_the_next_waits(cards, job):
    four = [job() for _ in CARDS]
    assert {each.sees for each in four} == {f"GPU-{n}0aa" for n in range(4)}
    fifth = job(wait=False)
    assert fifth.stderr.readline() == BUSY.format(1)
    four[2].kill()  # without a chance to give anything back
    assert fifth.stdout.readline().strip() == four[2].sees


def test_two_meet_on_a_card_only_where_asked_and_when_each_has_one(
    cards, job, monkeypatch
):
    cards(CARDS[:2])
    monkeypatch.setenv(gpu_shares.JOBS_PER_GPU, "2")
    seen = [job().sees for _ in range(4)]
    assert {*seen[:2]} == {*seen[2:]} == {"GPU-00aa", "GPU-10aa"}
    monkeypatch.setenv(gpu_shares.JOBS_PER_GPU, "many")
    with pytest.raises(UserError, match="must be a positive number or 'memory'"):
        gpu_shares.hold(1).__enter__()


def test_jobs_meet_on_a_card_whose_memory_holds_them(cards, job, monkeypatch):
    """Of those that ask; one that does not say how much it takes has a card alone."""
    monkeypatch.setenv(gpu_shares.JOBS_PER_GPU, gpu_shares.BY_MEMORY)
    cards(CARDS[:2], mebibytes=1000)
    half, rest = 500 * 2**20, 501 * 2**20
    first = job(needed=half)
    assert job(needed=rest).sees == "GPU-10aa"  # least is taken there
    assert job(needed=half).sees == "GPU-00aa"
    for needed in (half, 0, 2**40):  # 2^40 is more than any card has
        assert job(needed=needed, wait=False).stderr.readline().startswith("no share")
    first.kill()
    assert job(needed=half).sees == "GPU-00aa"


def test_shares_by_number_and_by_memory_add_up(cards, job, monkeypatch):
    cards(CARDS[:1], mebibytes=1000)
    monkeypatch.setenv(gpu_shares.JOBS_PER_GPU, "3")
    job()
    monkeypatch.setenv(gpu_shares.JOBS_PER_GPU, gpu_shares.BY_MEMORY)
    assert job(needed=600 * 2**20).stderr.readline() == "takes 60% of GPU GPU-00aa\n"
    monkeypatch.delenv(gpu_shares.JOBS_PER_GPU)
    assert job(wait=False).stderr.readline().startswith("no share")


def test_the_driver_tells_the_memory_of_cards_and_parts(cards):
    parts = ["  MIG 1g.18gb+me  Device  0: (UUID: MIG-one)", "  MIG x  (UUID: MIG-two)"]
    cards([CARDS[0], *parts])
    found = gpus.memory()
    assert found["GPU-00aa"] == 80_000 * 2**20
    assert found["MIG-one"] == 18 * 10**9 and "MIG-two" not in found


def test_a_job_of_two_devices_takes_two_cards_or_none(cards, job):
    three = [job() for _ in range(3)]
    double = job(2, wait=False)
    assert double.stderr.readline() == BUSY.format(2)
    assert job().sees == "GPU-30aa"  # the free one is not kept by who waits
    three[0].kill()
    three[1].kill()
    assert double.stdout.readline().strip() == "GPU-00aa,GPU-10aa"
    with pytest.raises(UserError, match="5 GPUs are asked for, but 4 can be used"):
        gpu_shares.hold(5).__enter__()


def test_jobs_of_slurm_have_cards_of_their_own(cards, job, monkeypatch):
    cards(CARDS[:1])  # each job sees the card it was given as the only one
    job()
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    with gpu_shares.hold(1):
        assert job(wait=False).stderr.readline().startswith("no share")


def test_one_who_waits_can_be_stopped_and_continued(cards, job):
    cards(CARDS[:1])
    job()
    waiting = job(wait=False)
    assert waiting.stderr.readline().startswith("no share")
    waiting.send_signal(signal.SIGTERM)
    _, said = waiting.communicate(timeout=20)
    assert "ContinueMe: SIGTERM: stopped before training" in said


def test_a_command_that_computes_holds_one_and_others_none(cards, job, tmp_path):
    cards(CARDS[:1])
    job()
    files = ["--train", "t.nc", "--val", "v.nc", "--atlas", "a.nc", "--output", "m.pt"]
    train = ["train", *files, "--model", "{}", "--training", "{}"]
    pipes = {"stderr": subprocess.PIPE, "text": True, "cwd": tmp_path}
    command = [sys.executable, "-m", "fernn"]
    with subprocess.Popen([*command, *train], **pipes) as waiting:
        assert waiting.stderr.readline().startswith("no share")
        waiting.terminate()
        assert waiting.wait(20) == 75
    combine = ["combine", "--shards", "s.nc", "--axis", "a", "--output", "c.nc"]
    done = subprocess.run([*command, *combine], timeout=60, check=False, **pipes)
    assert "no share" not in done.stderr and done.returncode == 2


def test_commands_of_one_process_hold_the_same_card(cards, monkeypatch):
    """CUDA keeps the cards that it saw first; they are given back at the end."""
    seen = []

    def run(args):
        seen.append((args.command, os.environ.get("CUDA_VISIBLE_DEVICES")))

    def holds():
        return [*gpu_shares._folder().glob("GPU-*")]

    def entry(name, computes):
        about = {"command": name, "computes": computes, "gpu_memory": None}
        return argparse.Namespace(run=run, output=None, devices=1, **about)

    made = {"tune": entry("tune", True), "select": entry("select", False)}
    made["train"] = entry("train", True)
    monkeypatch.setattr(cli, "_parsed", lambda argv: made[argv[0]])
    taken = []
    monkeypatch.setattr(gpu_shares, "_take", once(gpu_shares._take, taken))
    assert cli._run_all([["tune"], ["select"], ["train"]], outermost=True) == 0
    assert seen == [(name, "GPU-00aa") for name in ("tune", "select", "train")]
    assert len(taken) == 1 and not holds()


def once(function, calls):
    """The function, which notes its call and fails at a second: one would wait on."""

    def noted(*arguments):
        assert not calls
        calls.append(arguments)
        return function(*arguments)

    return noted
