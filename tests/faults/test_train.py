"""A training run is hit; the same command gives the bits of one that was not."""

import json
import os
import random
import signal
import time

import pytest

from faults.commands import EPOCH, EPOCHS, end, hit, last_step, run, saved, start
from faults.damage import cut, fill, flip, small_disk
from fernn import checkpoint
from labrun.lease import EXPIRE, path_of

STEPS = EPOCH * EPOCHS
minutes = pytest.mark.minutes
RANDOM = random.Random()  # any step will do


def more(*values):
    """Values that only `make test-faults` tries."""
    return [pytest.param(value, marks=minutes) for value in values]


def require_equal(folder, trained):
    """The weights are the undisturbed run's, to the bit."""
    assert (folder / "model.pt").read_bytes() == (trained / "model.pt").read_bytes()
    assert checkpoint.load(folder / "model.pt")  # as its sum says


@pytest.fixture
def killed(commands, tmp_path):
    """A run of which two states are saved when it is killedand its command."""
    command = commands.train(tmp_path / "run/model.pt")
    step = RANDOM.randrange(2 * EPOCH + 20, STEPS - 20)
    code = hit(
        start(command),
        signal.SIGKILL,
        lambda: (
            last_step(tmp_path / "run") >= step and len(saved(tmp_path / "run")) > 1
        ),
    )
    assert code == -signal.SIGKILL and not (tmp_path / "run/model.pt").exists()
    return tmp_path / "run", command


def test_f1_killed_at_any_step(commands, trained, tmp_path):
    folder = tmp_path / "run"
    command = commands.train(folder / "model.pt")
    step = RANDOM.randrange(10, STEPS - 20)
    killed = hit(start(command), signal.SIGKILL, lambda: last_step(folder) >= step)
    assert killed == -signal.SIGKILL and not (folder / "model.pt").exists()
    reached = last_step(folder)
    lost = reached - max(saved(folder), default=0)
    assert lost < EPOCH + 10  # one epoch at most, and the point after it
    code, said = run(command)
    assert code == 0 and "attempt 2" in said
    require_equal(folder, trained)
    print(f"killed after step {reached}: {lost} steps lost")


@pytest.mark.parametrize("number", [signal.SIGTERM, *more(signal.SIGUSR1)])
def test_f3_asked_to_stop(commands, trained, tmp_path, number):
    folder = tmp_path / "run"
    command = commands.train(folder / "model.pt")
    process = start(command)
    hit(process, number, lambda: last_step(folder) >= EPOCH // 2)
    assert process.returncode == 75
    (step,) = saved(folder)
    assert EPOCH // 2 <= step < EPOCH  # no step is lost
    assert run(command)[0] == 0
    require_equal(folder, trained)


def test_f3_seeds_that_are_trained_together_are_asked_to_stop(commands, tmp_path):
    """At any step of the stack; the same command gives the undisturbed bits."""

    def outputs(name):
        return [tmp_path / name / str(seed) / "model.pt" for seed in (0, 1)]

    undisturbed, hurt = (commands.seeds(outputs(name)) for name in ("one", "other"))
    assert run(undisturbed)[0] == 0
    folder = tmp_path / "other/0"
    process = start(hurt)
    hit(process, signal.SIGTERM, lambda: last_step(folder) >= EPOCH // 2)
    assert process.returncode == 75
    assert saved(folder) == saved(tmp_path / "other/1") != [STEPS]
    assert run(hurt)[0] == 0
    for one, other in zip(outputs("one"), outputs("other"), strict=True):
        assert one.read_bytes() == other.read_bytes()


@minutes
def test_f3_f17_asked_to_stop_behind_its_double(commands, trained, tmp_path):
    """The second of two equal jobs waits; the output is made once."""
    folder = tmp_path / "run"
    command = commands.train(folder / "model.pt")
    first, second, third = start(command), None, None
    try:
        while not last_step(folder):
            assert first.poll() is None
            time.sleep(0.01)
        second, third = start(command), start(command)
        for process in (second, third):
            said = process.stderr.readline()
            assert f"pid {first.pid}; waiting for it" in said, said
        assert hit(second, signal.SIGTERM, lambda: True) == -signal.SIGTERM
        assert end(first)[0] == 0
        require_equal(folder, trained)
        assert end(third)[0] == 0
        require_equal(folder, trained)
    finally:
        for process in filter(None, (first, second, third)):
            process.kill()
    assert not list(folder.glob(".*lease*"))
    assert len(list(folder.glob("*.events.jsonl"))) == 1


@pytest.mark.parametrize("damage", ["flipped", *more("cut", "empty", "no sum")])
def test_f8_f9_a_damaged_state(killed, trained, damage):
    folder, command = killed
    newest = folder / f"state-{max(saved(folder)):09d}.pt"
    if damage == "no sum":
        newest.with_suffix(".sha256").unlink()
    else:
        {"cut": cut, "empty": lambda path: cut(path, 0), "flipped": flip}[damage](
            newest
        )
    code, said = run(command)
    assert code == 0 and f"{newest} is damaged; going back to an older one" in said
    assert newest.with_suffix(".damaged").exists()
    require_equal(folder, trained)


@minutes
def test_f8_all_states_damaged(killed, trained):
    folder, command = killed
    for path in folder.glob("state-*.pt"):
        flip(path)
    code, said = run(command)
    assert code == 0 and said.count("is damaged") == 2
    require_equal(folder, trained)


@minutes
def test_f12_one_that_was_taken_for_dead_wakes_up(commands, trained, tmp_path):
    """A run hangs; seen from elsewhere it is dead, and its successor does the work."""
    folder = tmp_path / "run"
    command = commands.train(folder / "model.pt")
    hung = start(command)
    try:
        while last_step(folder) < EPOCH:
            time.sleep(0.01)
        hung.send_signal(signal.SIGSTOP)
        lease = path_of(folder / "model.pt")
        held = {**json.loads(lease.read_text()), "place": "elsewhere"}
        lease.write_text(json.dumps(held))
        silent = time.time() - EXPIRE - 1
        os.utime(lease, (silent, silent))
        code, said = run(command)
        assert code == 0 and "waiting" not in said
        require_equal(folder, trained)
        hung.send_signal(signal.SIGCONT)
        code, said = end(hung)
        assert code == 75 and "another took over" in said
        require_equal(folder, trained)
    finally:
        hung.kill()


def test_f10_a_loss_that_is_no_number(commands, tmp_path):
    output = tmp_path / "run/model.pt"
    code, said = run(commands.train(output, learning_rate=1e30))
    assert code == 2 and not output.exists() and "Traceback" not in said
    (line,) = [line for line in said.splitlines() if line.startswith("fernn: ")]
    assert f"of {STEPS}; lower the learning_rate" in line and "at step " in line
    (spool,) = output.parent.glob("*.events.jsonl")
    assert '"status": "FAILED"' in spool.read_text().splitlines()[-1]


def test_f7_a_full_disk_at_a_checkpoint(commands, trained, tmp_path):
    with small_disk(tmp_path / "disk", 2 << 20) as disk:
        folder = disk / "run"
        command = commands.train(folder / "model.pt")
        process = start(command)
        while not saved(folder):
            assert process.poll() is None
            time.sleep(0.01)
        fill(disk, 0)
        code, said = end(process)
        before = saved(folder)
        assert code == 2 and "Traceback" not in said, said
        line = said.splitlines()[-1]
        assert "the disk is full; " in line and " bytes are needed" in line
        assert before and not list(folder.glob(".state*")), line
        (disk / "ballast").unlink()
        code, said = run(command)
        assert code == 0 and "damaged" not in said
        require_equal(folder, trained)
