"""Every measurement runs and compares equal things; no time is ever asserted."""

import csv
import math
import runpy
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from fernn_bench import gpu
from fernn_bench.demo import Alternating
from fernn_bench.meters import interleaved, ratio
from fernn_bench.naive import NaiveForecaster
from fernn_bench.registry import CUBES, MEASUREMENTS
from fernn_bench.report import Row
from labrun.storage import read_dataset

ROOT = Path(__file__).parents[1]
main = runpy.run_path(str(ROOT / "benchmarks"))["main"]


def test_every_measurement_is_listed_under_its_name():
    for listed in (MEASUREMENTS, CUBES):
        assert [*listed] == sorted(listed)
    assert all(made.__name__ == name for name, made in MEASUREMENTS.items())
    assert {*CUBES} <= {*MEASUREMENTS}


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_every_measurement_runs_when_quick(name, monkeypatch):
    if name == "workflow" and find_spec("snakemake") is None:
        pytest.skip("snakemake is not installed")
    monkeypatch.chdir(ROOT)
    rows = list(MEASUREMENTS[name](True))
    assert rows and all(math.isfinite(row.value) for row in rows)
    assert len({row.what for row in rows}) == len(rows)
    if name == "training_memory":
        # Not the peak of the process that started it, which would hide all of it.
        assert min(row.value for row in rows) > 1


def test_on_a_gpu_a_form_that_memory_did_not_hold_is_never_the_best():
    fits = dict.fromkeys(("seconds", "slower", "memory", "rate"), 2.0)
    beyond = dict.fromkeys(fits, math.nan)
    fast = ("fused", "bfloat16")
    rows = list(gpu._targets({gpu.PLAIN: beyond, fast: fits}))
    assert all("fused, bfloat16" in row.what for row in rows if row.target)
    assert [row.verdict for row in rows if row.target] == ["missed"] * 3
    rows = list(gpu._targets({gpu.PLAIN: {**fits, "slower": 1.0}, fast: fits}))
    assert "plain, tf32: share" in rows[1].what and rows[1].verdict == "met"
    assert list(gpu._targets({gpu.PLAIN: beyond})) == []


def test_a_measurement_that_figures_show_is_written_as_a_cube(tmp_path, capsys):
    command = ["velocities", "--quick", "--output"]
    assert main([*command, str(tmp_path / "v.nc"), "--attrs", '{"budget": "b"}']) == 0
    cube = read_dataset(tmp_path / "v.nc")
    assert cube["step_time"].dims == ("form", "velocities", "round")
    assert cube["velocities"].values.tolist() == [1, 9]
    assert (cube["step_time"] > 0).all() and (cube["memory"] >= 0).all()
    assert (cube.attrs["axis"], cube.attrs["budget"]) == ("velocities", "b")
    for names_given in (["scaling"], ["velocities", "scaling"]):
        wrong = [*names_given, "--quick", "--output", str(tmp_path / "w.nc")]
        assert main(wrong) == 2
        assert "a cube is of one of velocities, got" in capsys.readouterr().err


@pytest.mark.parametrize("execution", ["plain", "fused"])
@pytest.mark.parametrize("max_speed", [0, 1, 2])
def test_the_naive_loop_equals_the_library(forecaster, max_speed, execution):
    flow = {"kind": "translation", "max_speed": max_speed}
    options = {"flow": flow, "rollout": "repeat", "decoder_layers": 2}
    model = forecaster(execution=execution, **options)
    naive = NaiveForecaster(model)
    video = torch.rand(3, 4, 1, 7, 7, dtype=torch.float64)
    outputs = model(video, 5), naive(video, 5)
    torch.testing.assert_close(*outputs, rtol=1e-10, atol=1e-10)
    weights = list(model.parameters())
    gradients = [torch.autograd.grad(out.square().sum(), weights) for out in outputs]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-10)
    # Converse: it does flow, and another V would be noticed.
    naive.velocities = tuple((rows + 1, columns) for rows, columns in naive.velocities)
    assert (naive(video, 5) - outputs[0]).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (Row("a", 5, "s", at_most=5), "met"),
        (Row("a", 5.01, "s", at_most=5), "missed"),
        (Row("a", 15, "×", at_least=15), "met"),
        (Row("a", 14.9, "×", at_least=15), "missed"),
        (Row("a", math.nan, "s", at_most=5), "missed"),
        (Row("a", 1, "s"), ""),
        (Row("a", 9, "s", at_most=5).untargeted(), ""),
    ],
)
def test_a_miss_is_a_miss(row, verdict):
    assert row.verdict == verdict


def test_calls_take_turns_and_the_first_round_is_not_counted():
    order = []
    calls = {name: lambda name=name: order.append(name) for name in "ab"}
    times = interleaved(calls, rounds=2)
    assert "".join(order) == "ab" + "ba" + "ab"
    assert [len(seconds) for seconds in times.values()] == [2, 2]
    # A slow turn slows both; pairs 2, 2, 9 have the median 2, the medians 4 / 2.
    assert ratio({"a": [2, 20, 9], "b": [1, 10, 1]}, "a", "b") == 2


def test_every_other_block_is_told():
    told = []
    alternating = Alternating(lambda record: told.append(record["updates"]))
    for step in range(1, 41):
        alternating({"updates": step})
    assert told == [*range(1, 11), *range(21, 31)]
    assert len(alternating.blocks) == 4


def test_the_report_and_its_table_hold_the_same_rows(tmp_path, capsys):
    report = tmp_path / "numbers.md"
    assert main(["rendering", "--quick", "--output", str(report)]) == 0
    printed = capsys.readouterr().out.splitlines()
    texts = [path.read_text("utf-8") for path in (report, report.with_suffix(".csv"))]
    text, rows = texts[0], list(csv.DictReader(texts[1].splitlines()))
    assert "Written by `python benchmarks rendering --quick`" in text
    assert "## Rendering frames" in text and "; commit: " in text
    assert len(rows) == 6 and {row["measurement"] for row in rows} == {"rendering"}
    for row in rows:
        assert f"| {row['what']} | " in text
        assert any(line.startswith(f"rendering: {row['what']}: ") for line in printed)
    # Targets are for full sizes.
    assert not any(row["verdict"] for row in rows) and "missed" not in text


def test_part_of_the_measurements_leaves_the_report_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["rendering", "--quick"]) == 0
    assert not list(tmp_path.iterdir())


def test_a_section_is_measured_anew_and_the_others_stay(tmp_path, capsys):
    report = tmp_path / "numbers.md"
    command = ["--quick", "--output", str(report)]
    assert main(["rendering", "--update", *command]) == 2
    assert "no report to update" in capsys.readouterr().err
    assert main(["rendering", *command]) == 0
    old = "## Time to start\n\nBefore.\n"
    report.write_text(f"{report.read_text('utf-8')}\n{old}", "utf-8")
    table = report.with_suffix(".csv")
    stale = table.read_text("utf-8").replace("loop / batched,", "loop / batched,9")
    table.write_text(stale + "start_up,a command,7,s,at most 2,missed\n", "utf-8")
    assert main(["rendering", "--update", *command]) == 0
    text, rows = report.read_text("utf-8"), table.read_text("utf-8").splitlines()
    assert text.endswith(old) and text.count("## Rendering frames\n") == 1
    assert "Targets: 0 met, 1 missed." in text and len(rows) == 1 + 6 + 1
    assert rows[-1].startswith("start_up,a command,7") and rows != stale.splitlines()


def test_what_cannot_be_measured_is_told(tmp_path, monkeypatch, capsys):
    assert main(["renderin"]) == 2
    assert "did you mean 'rendering'" in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    assert main(["start_up"]) == 2
    assert "no Snakefile in" in capsys.readouterr().err


def test_it_is_called_by_its_path_from_anywhere(tmp_path):
    command = [sys.executable, str(ROOT / "benchmarks"), "interpolation", "--quick"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0 and run.stdout.startswith("interpolation: 30° and")
