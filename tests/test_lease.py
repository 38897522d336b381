"""One process at a time makes an output; one that is dead or silent loses the right."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace

import pytest

from labrun import lease, processes, storage
from labrun.lease import EXPIRE, Lease, LeaseLost, hold, holder, path_of

HOLD = """
import sys, time
from pathlib import Path
from labrun.lease import hold
with hold(Path(sys.argv[1]), "other"):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def other(tmp_path):
    """Another process that holds the lease on an output for some seconds."""
    started = []

    def start(seconds=60.0):
        command = [sys.executable, "-c", HOLD, str(tmp_path / "out"), str(seconds)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE))
        assert started[-1].stdout.readline() == b"held\n"
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def foreign(path, **changes):
    """A lease of a process on another machine."""
    about = Lease(path).about
    path.write_text(json.dumps(asdict(replace(about, place="elsewhere", **changes))))


def test_a_second_waits_for_the_first_and_says_for_whom(tmp_path, other):
    process, told = other(1.0), []
    assert holder(path_of(tmp_path / "out")).pid == process.pid
    with hold(tmp_path / "out", "own", told.append):
        assert process.poll() == 0 or process.wait(5) == 0
        assert holder(path_of(tmp_path / "out")).pid == os.getpid()
    assert len(told) == 1 and f"pid {process.pid}; waiting" in told[0]
    assert list(tmp_path.iterdir()) == []


def test_other_outputs_do_not_wait(tmp_path, other):
    other()
    with hold(tmp_path / "another", "own", pytest.fail):
        pass


def test_a_killed_holder_is_no_holder(tmp_path, other):
    process = other()
    process.kill()
    process.wait()
    assert path_of(tmp_path / "out").exists()
    with hold(tmp_path / "out", "own", pytest.fail):
        pass


def test_a_number_used_again_is_another_process():
    me = os.getpid()
    assert processes.is_alive(me, processes.started(me))
    assert not processes.is_alive(me, "1")
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    while processes.is_alive(child.pid):
        time.sleep(0.01)  # it ended and nobody waited for it: not alive
    assert child.wait() == 0


def test_another_machines_silence_is_judged_by_the_file_systems_clock(tmp_path):
    path = path_of(tmp_path / "out")
    foreign(path)
    assert holder(path).place == "elsewhere"
    assert not Lease(path).take()
    silent = time.time() - EXPIRE - 5
    os.utime(path, (silent, silent))
    assert holder(path) is None
    assert Lease(path).take()


def test_who_was_taken_for_dead_writes_no_more(tmp_path):
    output = tmp_path / "out"
    with hold(output, "own"):
        storage.write_text("first", output)
        foreign(path_of(output), host="node7", pid=12)
        with pytest.raises(LeaseLost, match=r"another took over \(node7 pid 12\)"):
            storage.write_text("second", output)
    assert output.read_text() == "first"
    assert holder(path_of(output)).host == "node7"  # and keeps what it took


def test_a_lease_taken_while_a_dead_one_is_removed_is_put_back(tmp_path):
    path = path_of(tmp_path / "out")
    late = Lease(path)
    foreign(path, token="dead")
    dead = lease.read(path)
    foreign(path, token="quick")  # another process was quicker
    late._remove_dead(dead)
    assert lease.read(path).token == "quick"


def test_two_commands_of_the_user_write_one_after_the_other(tmp_path):
    """`fernn fetch` twice at once: the second waits, and the file is whole."""
    output = tmp_path / "atlas.nc"
    source = json.dumps({"kind": "handwritten"})
    command = [sys.executable, "-m", "fernn", "fetch", "--source", source]
    with hold(output, "own"):
        process = subprocess.Popen(
            [*command, "--output", str(output)], stderr=subprocess.PIPE, text=True
        )
        assert f"pid {os.getpid()}; waiting for it" in process.stderr.readline()
        assert not output.exists()
    assert process.wait(60) == 0 and output.exists()
    process.stderr.close()


def test_a_waiting_command_can_be_stopped(tmp_path):
    output = tmp_path / "atlas.nc"
    command = [
        sys.executable,
        "-m",
        "fernn",
        "fetch",
        "--source",
        "{kind: handwritten}",
    ]
    with hold(output, "own"):
        process = subprocess.Popen(
            [*command, "--output", str(output)], stderr=subprocess.PIPE, text=True
        )
        process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == -signal.SIGTERM
    process.stderr.close()
