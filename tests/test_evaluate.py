"""Models measured together give the cubes that they give each by itself."""

import json
from pathlib import Path

import pytest
import torch
import xarray as xr

from fernn import checkpoint, models
from fernn.cli import main
from labrun import lineage
from labrun.spool import read_events
from labrun.storage import read_dataset, read_datasets, write_dataset

SIZE, SEEDS = 7, (0, 3)
SPEC = {"context": 3, "horizon": 2, "batch": 4}
DRAWN = {
    "error": {"sequences": 6},
    "equivariance": {"draw": "flowed", "grid_speed": 1, "sequences": 1},
}
AXES = {
    "curves": {"statistic": "curves", "recipe": "error"},
    "equivariance": {"statistic": "equivariance_error", "baselines": False},
    "error": {"statistic": "squared_error"},
    "seconds": {
        "statistic": "processor_seconds",
        "recipe": "error",
        "baselines": False,
    },
}
MODELS = {"narrow": 0, "wide": 1}  # the largest speed in V
COPY = {"kind": "persistence", "motion": "still"}


@pytest.fixture
def made(tmp_path, monkeypatch, atlas, recipe):
    """Recipes, and checkpoints with histories of unequal length; none is trained."""
    monkeypatch.chdir(tmp_path)
    write_dataset(atlas, "atlas.nc")
    for name, changes in DRAWN.items():
        write_dataset(recipe(pool="test", split=name, **changes), f"{name}.nc")
    for name, max_speed in MODELS.items():
        flow = {"kind": "translation", "max_speed": max_speed}
        sizes = {"hidden": 2 + max_speed, "decoder_layers": 0}
        spec = {"kind": "forecaster", "flow": flow, **sizes}
        for seed in SEEDS:
            torch.manual_seed(seed)
            weights = models.build(spec, SIZE).state_dict()
            about = {"model": spec, "frame_size": SIZE}
            path = Path(f"{name}/{seed}/model.pt")
            times = [100.0 * each + seed for each in range(1, 3 + max_speed)]
            times = {"processor_seconds": times} if max_speed else None
            checkpoint.save(path, weights, about, lineage.stamp([]), times)
            history(2 + max_speed, path.with_name("history.nc"))
    return tmp_path


def history(epochs, path):
    columns = {"train_loss": 1.0, "validation_error": 2.0, "updates": 3}
    table = {name: ("epoch", [value] * epochs) for name, value in columns.items()}
    write_dataset(xr.Dataset(table, {"epoch": range(1, epochs + 1)}), path)


def evaluate(output, *names, baselines=("copy",)):
    """Measure models, and baselines, in one command: its exit code."""
    given = ["--seeds", *map(str, SEEDS)]
    for name in names:
        given += ["--model", name, *(f"{name}/{seed}/model.pt" for seed in SEEDS)]
    for name in baselines:
        given += ["--baseline", name, json.dumps(COPY)]
    axes = {
        axis: {"recipe": axis, "spec": SPEC, **about} for axis, about in AXES.items()
    }
    given += ["--axes", json.dumps(axes), "--atlas=atlas.nc", "--recipes"]
    given += [f"{name}.nc" for name in DRAWN]
    return main(["evaluate", *given, f"--output={output}", "--place=tiny/moving"])


def cube(axis, *shards):
    output = f"{axis}-{len(shards)}.nc"
    command = ["combine", "--shards", *shards, f"--axis={axis}", f"--output={output}"]
    assert main(command) == 0
    found = read_dataset(output)
    found.attrs.pop("lineage")
    return found


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.law(
    "evaluation/curves",
    "evaluation/footage",
    "evaluation/frames",
    "evaluation/hidden_state",
)
def test_together_as_apart(made, axis):
    assert evaluate("together.nc", *MODELS) == 0
    for name in MODELS:
        assert evaluate(f"{name}.nc", name, baselines=()) == 0
    assert evaluate("copy.nc") == 0
    measured = [*MODELS, *(["copy"] if AXES[axis].get("baselines", True) else [])]
    together = cube(axis, "together.nc")
    apart = cube(axis, *(f"{name}.nc" for name in measured))
    assert together.identical(apart)
    assert {k: v.dtype for k, v in together.variables.items()} == {
        k: v.dtype for k, v in apart.variables.items()
    }
    assert together.model.values.tolist() == measured
    about = json.loads(together.attrs["models"])
    assert about["narrow"]["velocities"] == [[0, 0]]
    assert 0 < about["narrow"]["parameters"] < about["wide"]["parameters"]
    other = cube(axis, *(f"{name}.nc" for name in reversed(measured)))
    assert not together.identical(other)  # their order is that of the shards


def test_each_model_has_its_run_in_the_tracker(made):
    assert evaluate("together.nc", *MODELS) == 0
    shard = read_datasets("together.nc", "error")
    for name in (*MODELS, "copy"):
        run, metrics, end = read_events(made / f"{name}.events.jsonl")[0]
        assert run["key"] == f"tiny/moving/{name}/test" and end["status"] == "FINISHED"
        mean = float(shard[name].clamped_squared_error.mean())
        assert metrics["values"]["test/error"] == pytest.approx(mean)
        assert metrics["values"]["test/error: seeds"] == 2


def test_the_log_ends_with_the_model_that_failed(made, capsys):
    (made / "wide/3/model.pt").write_bytes(b"")
    assert evaluate("together.nc", *MODELS) == 2
    *_, doing, error = capsys.readouterr().err.splitlines()
    assert doing == "wide: equivariance" and error.startswith(
        "fernn: wide/3/model.pt is"
    )
    assert not (made / "together.nc").exists()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([], "--model and --baseline must name each once, got []"),
        (["--model", "a", "a.pt", "--baseline", "a", "{}"], "got ['a', 'a']"),
        (["--model", "a"], "--model a: no checkpoint is given"),
        (["--baseline", "a", "still"], "--baseline: a mapping is needed, got 'still'"),
    ],
)
def test_what_is_measured_is_named(given, told, tmp_path, capsys):
    rest = ["--seeds=0", "--axes={}", f"--output={tmp_path}/shard.nc"]
    assert main(["evaluate", *given, *rest]) == 2
    line = capsys.readouterr().err
    assert line.endswith(f"{told}\n") and line.count("\n") == 1


def test_a_cube_of_an_axis_that_was_not_measured(made, capsys):
    assert evaluate("copy.nc") == 0
    command = ["combine", "--shards=copy.nc", "--output=cube.nc", "--axis"]
    assert main([*command, "equivariance"]) == 2
    assert capsys.readouterr().err.endswith("copy.nc has no 'equivariance'\n")
    assert main([*command, "error"]) == 0


@pytest.mark.law("evaluation/processor_seconds")
def test_processor_seconds_are_those_of_each_sidecar(made):
    """Three epochs of one model were timed, two of the other were not."""
    assert evaluate("together.nc", *MODELS, baselines=()) == 0
    found = cube("seconds", "together.nc")["processor_seconds"]
    assert found.sel(model="wide").values.tolist() == [[100, 200, 300], [103, 203, 303]]
    assert found.sel(model="narrow").isnull().all()
