"""A worker on a study is hit; the same command ends with the same trials."""

import json
import re
import signal
import time

import pytest

from faults.commands import EPOCH, MODEL, hit, last_step, run, saved, start
from labrun.tuning.study import open_study

TRIAL = 2 * EPOCH  # steps
LOST = r"the (loss|gradient) is (nan|inf) at step"


def trials(study):
    """The study's trials."""
    (journal,) = study.glob("*.journal")
    return open_study(journal).get_trials()


def values(study):
    """The best validation error of each slot that completed."""
    ended = [trial for trial in trials(study) if trial.state.name == "COMPLETE"]
    found = {trial.user_attrs["slot"]: trial.value for trial in ended}
    assert len(found) == len(ended)  # none is double
    return found


@pytest.fixture(scope="module")
def whole(commands, tmp_path_factory):
    """The values of a study that nothing disturbed."""
    study = tmp_path_factory.mktemp("study")
    code, said = run(commands.tune(study))
    assert code == 0, said
    assert [trial.state.name for trial in trials(study)] == ["COMPLETE"] * 3
    return values(study)


@pytest.mark.parametrize(
    "left",
    [
        "nothing",
        pytest.param("half a line", marks=pytest.mark.minutes),
        pytest.param("a lock", marks=pytest.mark.minutes),
    ],
)
def test_f20_f21_f22_a_worker_killed_within_a_trial(commands, whole, tmp_path, left):
    """The second trial is hit; its worker leaves nothing, or something broken."""
    study, command = tmp_path / "study", commands.tune(tmp_path / "study")
    second = study / "trials/trial-01"
    step = EPOCH + 30
    reached = lambda: last_step(second) >= step and saved(second)  # noqa: E731
    assert hit(start(command), signal.SIGKILL, reached) == -signal.SIGKILL
    (journal,) = study.glob("*.journal")
    if left == "half a line":
        with journal.open("a") as file:
            file.write('{"op_code": 6, "worker_id": "')
    if left == "a lock":
        journal.with_name(f"{journal.name}.lock").touch()
    lost = last_step(second) - max(saved(second))
    began = time.monotonic()
    code, said = run(command)
    assert code == 0, said
    assert "trial-01: attempt 2" in said and "trial-00" not in said
    assert values(study) == whole
    states = [trial.state.name for trial in trials(study)]
    assert sorted(states) == ["COMPLETE"] * 3 + ["FAIL"]
    assert json.loads((study / "worker-0.json").read_text())["slots"] == [1, 2]
    torn = list(study.glob("*.torn"))
    assert bool(torn) == (left == "half a line")
    print(f"{left}: {lost} steps lost, again {time.monotonic() - began:.0f} s")


@pytest.mark.minutes
def test_f3_a_worker_asked_to_stop(commands, whole, tmp_path):
    study, command = tmp_path / "study", commands.tune(tmp_path / "study")
    first = study / "trials/trial-00"
    process = start(command)
    hit(process, signal.SIGTERM, lambda: last_step(first) >= 20)
    assert process.returncode == 75 and saved(first)
    assert run(command)[0] == 0
    assert values(study) == whole


@pytest.mark.minutes
def test_f10_trials_that_diverge_fail_and_the_sweep_goes_on(commands, tmp_path):
    wild = {"learning_rate": {"low": 0.0003, "high": 1e30, "log": True}}
    study = tmp_path / "study"
    points = [{"learning_rate": 1e30}, {"learning_rate": 0.01}]
    command = commands.tune(study, ranges=wild, first=points)
    # Rectifiers may all end at zero, where the loss is finite: no such end with tanh.
    smooth = json.dumps({**MODEL, "activation": "tanh"})
    command = [f"--model={smooth}" if "--model=" in x else x for x in command]
    code, said = run(command)
    assert code == 0 and "Traceback" not in said, said
    found = trials(study)
    assert [trial.state.name for trial in found] == ["COMPLETE"] * 3
    assert found[1].value == float("inf") and 0 < found[0].value < 1
    assert re.search(LOST, found[1].user_attrs["failure"])
    (spool,) = (study / "trials/trial-01").glob("*.events.jsonl")
    assert '"status": "FAILED"' in spool.read_text().splitlines()[-1]
    best = ["--trials=3", f"--output={study}/best.json"]
    assert run(["select", f"--results={study}/worker-0.json", *best])[0] == 0
    assert json.loads((study / "best.json").read_text())["slot"] != 1
