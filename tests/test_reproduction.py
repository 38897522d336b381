"""The page of the reproduction tells what cubes hold, and what is missing."""

import json
import math
from pathlib import Path

import pytest
import xarray as xr

import mock_builders
import mock_cubes
import mock_pictures
from fernn.cli import main
from fernn.config.resolve import resolve
from fernn.figures import cost_of_velocities, hidden_state
from fernn.tables import action_recognition, forecasting_error
from labrun import modules
from labrun.estimate.cost import BENCHMARK, FLOP, Cost, device_hours
from labrun.estimate.job import Job, needed
from labrun.storage import write_dataset

ROOT = Path(__file__).parents[1]
MODULES = [
    modules.load(package, name)
    for package in ("fernn.figures", "fernn.tables")
    for name in modules.names(package)
]
COUNTED = [module for module in MODULES if hasattr(module, "numbers")]
ERRORS = {
    "grnn": (8.1e-3, 6e-4),
    "fernn_v1": (5.3e-4, 8e-5),
    "fernn_v2": (1.5e-4, 2e-5),
}


def verdicts(module, cube) -> dict[str, str]:
    return {number.model: number.verdict for number in module.numbers([cube])}


def with_errors(**errors) -> xr.Dataset:
    """A cube in which every error of a model is the same, but for its seeds."""
    cube = mock_cubes.in_distribution(**mock_cubes.published(**ERRORS))
    for model, error in errors.items():
        cube["squared_error"].loc[{"model": model}] = error
    return cube


def test_an_errors_verdict_tells_in_which_sense_it_differs():
    cube = with_errors(grnn=8.1e-3, fernn_v1=1e-4, fernn_v2=1e-3)
    found = verdicts(forecasting_error, cube)
    numbers = {"G-RNN": "reproduced", "FERNN-V1": "better", "FERNN-V2": "worse"}
    claims = {f"{name} over G-RNN": numbers[name] for name in ("FERNN-V1", "FERNN-V2")}
    assert found == numbers | claims
    known = mock_cubes.published([["model.hidden", 8, 128]], **ERRORS)
    small = verdicts(forecasting_error, cube.assign_attrs(known))
    assert set(small.values()) == {"not comparable: model.hidden 8 ≠ 128"}


def test_more_accuracy_is_better():
    values = {"grnn": (0.665, 0.03), "fernn_v2": (0.716, 0.04)}
    entry = {"scale": "difference", "margin": 0.05}
    cube = mock_cubes.camera(**mock_cubes.published(None, entry, **values))
    cube["correct"].loc[{"model": "grnn"}] = 0.0
    cube["correct"].loc[{"model": "fernn_v2"}] = 1.0
    found = verdicts(action_recognition, cube)
    assert found == {
        "G-RNN": "worse",
        "FERNN-V1": "not published",
        "FERNN-V2": "better",
        "FERNN-V2 minus G-RNN": "better",
    }


def test_the_state_of_a_fernn_is_moved_and_permuted():
    cube = mock_pictures.hidden_state()
    error = {number.model: number.mean for number in hidden_state.numbers([cube])}
    assert error["FERNN-V1"] < 1e-5 and error["FERNN-V2"] < 1e-5
    assert error["G-RNN"] > 0.1
    wrong = cube.assign_attrs(flow_columns=-1)
    assert all(number.mean > 0.1 for number in hidden_state.numbers([wrong]))


def test_the_cost_of_v_is_a_ratio_of_each_round():
    found = list(cost_of_velocities.numbers([mock_cubes.velocities()]))
    ratios = [(number.model, number.mean, number.seeds) for number in found]
    expected = [("auto", 14 / 6, 3), ("auto", 5.0, 3)]
    assert ratios == expected + [("naive", *rest) for _, *rest in expected]
    assert [number.published_mean for number in found][2:] == [30.0, 30.0]
    assert "not comparable" in found[-1].verdict and found[0].std < 1e-12


@pytest.mark.parametrize("module", COUNTED, ids=lambda module: module.__name__)
def test_every_model_has_a_number_of_all_its_seeds(module):
    if module is cost_of_velocities:
        pytest.skip("its numbers are of forms and rounds")
    cube = mock_builders.BUILDERS[next(iter(module.SHOWS))]()
    found = list(module.numbers([cube]))
    assert {number.model for number in found} == {"G-RNN", "FERNN-V1", "FERNN-V2"}
    assert {number.seeds for number in found} == {cube.sizes["seed"]}
    assert all(math.isfinite(number.mean) for number in found)


def test_an_items_hours_are_those_of_all_it_waits_for():
    jobs = {
        ("fetch",): Job("fetch"),
        ("train", "a"): Job("train", after=(("fetch",),), devices=1),
        ("train", "b"): Job("train", after=(("fetch",),), devices=2),
        ("combine",): Job("combine", after=(("train", "a"), ("train", "b"))),
        ("figure",): Job("figure", after=(("combine",),)),
        ("table",): Job("table", after=(("train", "a"),)),
    }
    cost = {key: Cost(1800.0, BENCHMARK, 1.0) for key in jobs}
    assert needed(jobs, [("table",)]) == {("table",), ("train", "a"), ("fetch",)}
    assert device_hours(jobs, cost, [("figure",)]) == (1.5, True)
    assert device_hours(jobs, cost, [("table",)]) == (0.5, True)
    assert device_hours(jobs, cost, [("figure",), ("table",)]) == (1.5, True)
    cost["train", "b"] = Cost(3600.0, FLOP, 5.0)
    assert device_hours(jobs, cost, [("figure",)]) == (2.5, False)


@pytest.fixture
def written(tmp_path, monkeypatch):
    """The page of some cubes, and what the command says."""
    monkeypatch.chdir(tmp_path)
    results = tmp_path / "results/smoke"
    (results / "cubes/translation").mkdir(parents=True)
    plan = resolve([ROOT / "config.yaml"], "smoke")
    (results / "config.json").write_text(json.dumps(plan))

    def write(**cubes):
        for axis, cube in cubes.items():
            write_dataset(cube, results / f"cubes/translation/{axis}.nc")
        command = ["reproduction", "--plan", "results/smoke/config.json"]
        command += ["--configfile", str(ROOT / "config.yaml"), "--output", "page.md"]
        assert main(command) == 0
        return Path("page.md").read_text(encoding="utf-8")

    return write


def test_the_page_tells_what_is_missing_and_what_is_there(written):
    page = written()
    assert "**The budget `paper` has not been run: it has no cubes.**" in page
    row = "| Table 1 | – | FERNN-V2 | test MSE | 0 | – | (1.5 ± 0.2)e-4 | – | not run |"
    assert row in page
    assert "| Figure 3 | translation | – | 0 | not run |" in page
    assert "* Table 5: what it shows could not be found" in page
    words = "The settings of `paper` are the published ones in `translation_published`"
    assert words in page
    assert "`snakemake table_1 --cores 2 --config budget=smoke`" in page
    assert "reproduced |" not in page
    page = written(in_distribution=with_errors(fernn_v2=0.25))
    linked = "[translation](deviations.md#translation)"
    row = f"| {linked} | FERNN-V2 | test MSE | 3 | 0.250 | (1.5 ± 0.2)e-4 |"
    assert row in page
    assert f"| {linked} | FERNN-V2 over G-RNN | test MSE | 3 |" in page
    assert f"* {linked} ≠ published: source.kind handwritten ≠ idx;" in page
    assert "| Table 2 | – | G-RNN |" in page
    assert main(["trace", "page.md"]) == 0


def test_a_plan_without_items_is_told_in_a_line(tmp_path, capsys):
    (tmp_path / "config.json").write_text("{}")
    command = ["reproduction", "--plan", str(tmp_path / "config.json")]
    assert main([*command, "--output", str(tmp_path / "page.md")]) == 2
    assert "no `paper`; write it again with `fernn config`" in capsys.readouterr().err
