"""The first trials of a study in one process: those that each is alone."""

import json

import pytest

from faults.commands import Commands
from fernn.cli import main
from fernn.cli.tune import alike
from labrun.tuning.study import best

SHORT = {"sequences": 8, "epochs": 2, "learning_rate": 0.001}
POINTS = [{"learning_rate": 0.005}, {"learning_rate": 0.01}]


@pytest.fixture(scope="module")
def commands(tmp_path_factory):
    return Commands(tmp_path_factory.mktemp("data"))


def tuned(commands, study, *more, trials=3, points=POINTS, **model):
    """The trials of a study, by slot."""
    *told, done = commands.tune(study, trials=trials, first=points)
    spec = {**SHORT, "batch": 4, "context": 2, "horizon": 2, "clip": None}
    changed = [f"--training={json.dumps(spec)}"]
    if model:
        (given,) = [text for text in told if text.startswith("--model=")]
        spec = {**json.loads(given.removeprefix("--model=")), **model}
        changed.append(f"--model={json.dumps(spec)}")
    assert main([*told, *changed, *more, done]) == 0
    (journal,) = study.glob("*.journal")
    return best(journal, trials)[1]


def test_trials_are_those_that_are_trained_one_by_one(commands, tmp_path, capsys):
    together = tuned(commands, tmp_path / "together", "--together", trials=4)
    assert "one after another" not in capsys.readouterr().err
    alone = tuned(commands, tmp_path / "alone", trials=4)
    assert [trial.params for trial in together] == [trial.params for trial in alone]
    for one, other in zip(together, alone, strict=True):
        assert one.value == pytest.approx(other.value, rel=1e-4)
        assert [*one.intermediate_values] == [*other.intermediate_values] == [1, 2]
    assert len({trial.value for trial in together}) == 4
    spools = [
        sorted(path.parent.name for path in study.rglob("*.events.jsonl"))
        for study in (tmp_path / "together", tmp_path / "alone")
    ]
    assert spools[0] == spools[1] and len(spools[0]) == 4


def test_one_that_diverges_fails_alone(commands, tmp_path, capsys):
    wild = [{"learning_rate": 1e30}, POINTS[1]]
    how = {"points": wild, "activation": "tanh"}  # no rectifier dies instead
    trials = tuned(commands, tmp_path / "s", "--together", **how)
    assert "trials one after another: seed" in capsys.readouterr().err
    assert [trial.value < 1 for trial in trials] == [True, False, True]
    assert "failure" in trials[1].user_attrs


def test_models_that_cannot_be_stacked_are_tried_one_after_another(
    commands, tmp_path, capsys
):
    tuned(commands, tmp_path / "s", "--together", trials=2, mixing="full")
    said = capsys.readouterr().err
    assert "trials one after another: FullCell cannot be stacked" in said


def test_only_the_learning_rate_may_differ():
    slow, fast = ({"learning_rate": rate, "rollout": "free"} for rate in (0.1, 0.2))
    assert alike([slow, {**slow, "rollout": "repeat"}, fast]) == [[0, 2], [1]]
