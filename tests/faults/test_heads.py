"""The head of the workflow is hit, or started twice."""

import os
import signal
import socket
import time

import pytest

from faults.commands import last_step
from faults.flow import EPOCH, LIMIT
from faults.invariants import require_undisturbed

pytestmark = pytest.mark.minutes
RUN = "runs/tiny/fernn_v1/0"
DOCTOR = ("doctor", "--configfile", "config.yaml", "tiny.yaml")


@pytest.fixture
def training(make, tuned):
    """A flow whose training run is under way, and its head."""
    flow = make(tuned)
    head = flow.start()
    flow.wait_until(lambda: last_step(flow.path(RUN)) > EPOCH)
    return flow, head


def behead(head):
    """The head dies at once; its jobs go on."""
    head.send_signal(signal.SIGKILL)
    assert head.wait(LIMIT) == -signal.SIGKILL


def test_f14_the_head_dies_and_its_job_goes_on(training, undisturbed):
    flow, head = training
    behead(head)
    (orphan,) = flow.pids("fernn", "train")
    flow.finish()
    assert "lock(s) removed" in flow.told()
    assert f"pid {orphan}; waiting for it" in flow.told()
    require_undisturbed(flow, undisturbed)


def test_f14_the_head_dies_and_its_job_ends_unseen(training, undisturbed):
    flow, head = training
    behead(head)
    flow.wait_until(lambda: not flow.jobs())
    assert (flow.path(RUN) / "model.pt").exists()
    flow.finish()
    require_undisturbed(flow, undisturbed)


def test_f14_the_head_dies_early_and_often(make, undisturbed):
    flow = make()
    for seconds in (1, 3, 5, 7, 9):
        head = flow.start()
        time.sleep(seconds)
        behead(head)
    flow.finish()
    require_undisturbed(flow, undisturbed)


def test_f15_doctor_tells_a_dead_heads_locks_and_clears_them(training, undisturbed):
    flow, head = training
    (orphan,) = flow.kill("fernn", "train", number=signal.SIGSTOP)  # it stays
    locks = flow.folder / ".snakemake/locks"

    def doctor(*more):
        done = flow.fernn(*DOCTOR, *more)
        return done.returncode, " ".join(done.stdout.split()), [*locks.glob("*")]

    _, told, left = doctor("--unlock")
    assert f"pid {head.pid} since" in told and left
    behead(head)
    code, told, left = doctor()
    assert "lock(s) of a dead head" in told and "doctor --unlock" in told and left
    code, told, left = doctor("--unlock")
    assert code == 1 and left
    assert "not cleared, as of its head live" in told and f"pid {orphan} " in told
    flow.kill("fernn", "train")
    flow.wait_until(lambda: not flow.pids())
    code, told, left = doctor("--unlock")
    assert code == 0 and not left and "cleared" in told, told
    flow.finish()
    require_undisturbed(flow, undisturbed)


def test_f16_a_second_head_is_refused(training, undisturbed):
    flow, head = training
    first = flow.log
    began = time.monotonic()
    assert flow.run() == 2
    print(f"refused after {time.monotonic() - began:.1f} s")
    (line,) = [x for x in flow.log.read_text().splitlines() if x.startswith("fernn: ")]
    assert f"is already run by {socket.gethostname()} pid {head.pid} since" in line
    assert head.wait(LIMIT) == 0, first.read_text()
    require_undisturbed(flow, undisturbed)


def test_f28_ctrl_c(training, undisturbed):
    flow, head = training
    began = time.monotonic()
    os.killpg(head.pid, signal.SIGINT)
    flow.wait_until(lambda: not flow.jobs(), limit=20)  # 10 if nobody else works
    print(f"no job after {time.monotonic() - began:.1f} s")
    assert head.wait(LIMIT) != 0
    flow.finish()
    require_undisturbed(flow, undisturbed)
