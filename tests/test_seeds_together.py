"""Several seeds in one command: the runs, files and jobs that each seed has alone."""

import json
import subprocess
import sys

import pytest
import torch

from faults.commands import Commands
from fernn import checkpoint
from fernn.cli import main
from labrun.lease import hold
from labrun.spool import read_events

SHORT = {"sequences": 8, "epochs": 2, "learning_rate": 0.01}


@pytest.fixture(scope="module")
def commands(tmp_path_factory):
    return Commands(tmp_path_factory.mktemp("data"))


def outputs(folder, seeds=(0, 1)):
    return [folder / str(seed) / "model.pt" for seed in seeds]


def alone(commands, folder, seed, **changes):
    (output,) = outputs(folder, [seed])
    command = commands.train(output, **SHORT)
    assert main([*changed(command, **changes), f"--seed={seed}"]) == 0
    return output


def changed(command, **model):
    """The command for another model."""
    place = next(i for i, text in enumerate(command) if text.startswith("--model="))
    spec = {**json.loads(command[place].removeprefix("--model=")), **model}
    return [*command[:place], f"--model={json.dumps(spec)}", *command[place + 1 :]]


def test_each_seed_has_the_files_and_the_run_that_it_has_alone(commands, tmp_path):
    together = outputs(tmp_path / "together")
    assert main([*commands.seeds(together, **SHORT), "--key=b/e/m/train"]) == 0
    for seed, output in enumerate(together):
        single = alone(commands, tmp_path / "alone", seed)
        one, other = checkpoint.load(single), checkpoint.load(output)
        for name, weight in one.state_dict().items():
            torch.testing.assert_close(other.get_parameter(name), weight)
        names = [
            sorted(path.name for path in each.parent.iterdir())
            for each in (single, output)
        ]
        assert names[0] == names[1]
        (spool,) = output.parent.glob("*.events.jsonl")
        events, _ = read_events(spool)
        assert events[0]["key"].startswith(f"b/e/m/seed-{seed}/")
        assert events[-1]["status"] == "FINISHED"
        assert output.stat().st_size == single.stat().st_size  # of its own weights


def test_models_that_cannot_be_stacked_are_trained_one_after_another(
    commands, tmp_path, capsys
):
    """To the bits that each has alone, and it is said."""
    together = outputs(tmp_path / "together")
    command = changed(commands.seeds(together, **SHORT), mixing="full")
    assert main(command) == 0
    said = capsys.readouterr().err
    assert "seeds one after another: FullCell cannot be stacked" in said
    for seed, output in enumerate(together):
        single = alone(commands, tmp_path / "alone", seed, mixing="full")
        assert output.read_bytes() == single.read_bytes()


def test_every_seed_waits_for_who_makes_its_output(commands, tmp_path):
    first, second = outputs(tmp_path)
    command = [sys.executable, "-m", "fernn", *commands.seeds([first, second], **SHORT)]
    with hold(second, "other"):
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        assert f"{second} is being made by" in process.stderr.readline()
        process.terminate()
        process.communicate()
    assert not first.exists()


def test_the_seed_that_diverged_is_named(commands, tmp_path, capsys):
    wild = {**SHORT, "learning_rate": 1e30, "clip": None}
    assert main([*commands.seeds(outputs(tmp_path), **wild), "--key=b/e/m/train"]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("fernn: b/e/m: seed ") and "lower the learning_rate" in said


@pytest.mark.parametrize(
    "more, message",
    [
        (["--seed", "0", "1", "2"], "got 3 seeds and 2 outputs"),
        (["--seed", "1", "1"], "got 1 seeds and 2 outputs"),
        (["--devices=2"], "--devices 2 share the batch of one seed, got 2 seeds"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_line(
    commands, tmp_path, capsys, more, message
):
    assert main([*commands.seeds(outputs(tmp_path), **SHORT), *more]) == 2
    assert message in capsys.readouterr().err
