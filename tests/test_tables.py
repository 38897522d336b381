"""Tables and summaries of cubes: the arithmetic is worked out in the comments."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

import mock_builders
import mock_cubes
from fernn.evaluation import aggregate, velocities
from fernn.tables import _write, forecasting_error, generalization
from labrun import modules


@pytest.mark.parametrize("name", modules.names("fernn.tables"))
def test_every_table_has_a_row_for_each_model_in_three_formats(name, tmp_path):
    module = modules.load("fernn.tables", name)
    cubes = mock_builders.of(module)
    if name == "zoo":  # it has pairs of models alone
        cubes = [mock_cubes.paired(cube) for cube in cubes]
        assert {*module.tabulate(cubes)["model"]} >= {"FERNN-V2"}
        return
    table = module.tabulate(cubes)
    labels = [about["label"] for about in aggregate.models(cubes[0]).values()]
    mine = aggregate.models(cubes[0], baselines=False)
    first = table["model"].tolist()[: len(labels)]
    if name == "leaderboard":  # controls of forecasts classify nothing
        labels = [each["label"] for each in mine.values()]
        first = first[: len(labels)]
    if name.startswith("leaderboard"):  # they are ranked
        first, labels = sorted(first), sorted(labels)
    assert first == labels
    for suffix in (".csv", ".md", ".html", ".tex"):
        _write.save(table, tmp_path / f"t{suffix}", {"commit": "abc"})
        text = (tmp_path / f"t{suffix}").read_text()
        assert text.count("FERNN-V2") >= 1
        assert ("abc" in text) is (suffix != ".csv")
    assert "nan" not in text


def test_interval_over_seeds_by_hand():
    # mean 2, s = 1, n = 3, t(0.975, 2) = 4.302653: half-width 4.302653 / sqrt(3)
    values = xr.DataArray([1.0, 2.0, 3.0], dims="seed")
    low, high = aggregate.t_interval(values)
    np.testing.assert_allclose([low, high], [2 - 2.484138, 2 + 2.484138], rtol=1e-6)
    # of the powers 10, 100, 1000 it is the same interval, of exponents
    low, high = aggregate.geometric_interval(10**values)
    np.testing.assert_allclose(np.log10([low, high]), [-0.484138, 4.484138], rtol=1e-5)
    np.testing.assert_allclose(aggregate.geometric_mean(10**values), 100)
    assert np.isnan(aggregate.t_interval(values[:1])).all()


def test_seeds_have_a_deviation_if_several_are_finite():
    assert aggregate.mean_and_std(np.array([1.0, 3.0])) == (2, 2**0.5)
    for values, mean in (([1.0], 1), ([1.0, np.inf], np.inf)):
        assert aggregate.mean_and_std(values)[0] == mean
        assert np.isnan(aggregate.mean_and_std(values)[1])
    assert np.isnan(aggregate.mean_and_std([1.0, 3.0], baseline=True)[1])


@pytest.mark.parametrize("worst", [4e-3, 1e30, np.inf, np.nan])
def test_the_worst_seed_moves_the_mean_but_not_the_median(worst):
    # seeds have medians over samples 2, 1 and the worst: the median of those is 2
    values = xr.DataArray([[1, 2, 9], [1, 1, 5], [3, 3, 3]], dims=("seed", "sample"))
    values = values.astype(float) * 1e-3
    values[2] = worst
    median = float(aggregate.median(values, ["sample", "seed"]))
    assert median == 2e-3
    assert (float(aggregate.worst(values).mean()) < 0.01) is (worst == 4e-3)


def errors(values, velocities=((0, 0), (0, 1)), **about) -> xr.Dataset:
    """A cube of one model, FERNN-V2; values are (seed, sample, frame)."""
    data = np.array(values, float)[None]
    dims = ("model", "seed", "sample", "frame")
    cube = xr.Dataset(
        {name: (dims, data) for name in ("squared_error", "clamped_squared_error")},
        coords={"model": ["fernn_v2"], "frame": np.arange(1, data.shape[-1] + 1)},
        attrs=mock_cubes.attrs("in_distribution") | about,
    )
    for k, axis in enumerate(("velocity_rows", "velocity_columns")):
        cube[axis] = (("sample", "digit"), np.array(velocities)[:, [k]])
    return cube


def test_table_1_by_hand():
    # seed 0: (1 + 3 + 2 + 2) / 4 = 2, seed 1: 4; mean 3, std sqrt(2), in thousandths;
    # geometric mean sqrt(8) = 2.83, and of the published moments 1.5e-4 / sqrt(1 +
    # (2/15)²) = 1.487e-4: 19.0 times; medians over samples 2 and 4: median 3
    cube = errors(
        [[[1e-3, 3e-3], [2e-3, 2e-3]], [[4e-3, 4e-3], [4e-3, 4e-3]]],
        **mock_cubes.published(fernn_v2=(1.5e-4, 2e-5)),
    )
    row = forecasting_error.tabulate([cube]).iloc[0]
    assert row["mse_mean"] == pytest.approx(3e-3)
    assert row["mse_std"] == pytest.approx(2**0.5 * 1e-3)
    assert row["mse_median"] == pytest.approx(3e-3)
    assert row["mse_geometric"] == pytest.approx(8**0.5 * 1e-3)
    assert row["apart"] == pytest.approx(19.022, rel=1e-4)
    assert row["verdict"] == "undecided"  # two seeds a factor 2 apart: 0.4 to 886
    assert (row["seeds"], row["frames"]) == (2, 2)
    differs = [["model.hidden", 8, 128], ["tuning.ranges", {"a": 1}, {}]]
    known = mock_cubes.published(differs, fernn_v2=(1.5e-4, 2e-5))
    table = forecasting_error.tabulate([cube.assign_attrs(known)])
    words = "model.hidden 8 ≠ 128, tuning.ranges {a} ≠ none"
    assert table.iloc[0]["verdict"] == f"not comparable: {words}"
    assert np.isnan(table.iloc[0]["apart"])
    listed = f"translation ≠ published: {words.replace(', ', '; ')}"
    assert listed in table.attrs["notes"]
    about = {"models": json.dumps(mock_cubes.MODELS)}
    row = forecasting_error.tabulate([cube.assign_attrs(about)]).iloc[0]
    assert row["verdict"] == "not published"


def test_a_table_says_what_models_shared_chose_and_left_at_an_edge():
    edge = {"value": 0.0198, "low": 3e-4, "high": 0.02, "side": "upper"}
    search = {"params": {"learning_rate": 0.0198, "rollout": "repeat"}}
    search["edges"] = {"learning_rate": edge}
    own = {"rollout": "repeat", "form": "fused", "search": search}
    models = {"fernn_v2": mock_cubes.model("FERNN-V2", 2, 0.5, **own)}
    about = {"match": "compute", "trials": 10, "validation_horizon": 20}
    cube = errors([[[1.0], [2]]], models=json.dumps(models), **about)
    table = forecasting_error.tabulate([cube, cube])
    assert table["rollout"].tolist() == ["repeat"] * 2  # and not that of the protocol
    cost, chosen, beyond = table.attrs["notes"]
    assert cost.startswith("translation: Models share compute: ")
    assert cost.endswith("as configured or else counted: FERNN-V2 0.5 (fused).")
    told = "Best of 10 trials by the validation over 20 frames: FERNN-V2"
    assert chosen == f"translation: {told} learning_rate 0.0198, rollout repeat."
    assert "FERNN-V2: learning_rate 0.0198 is at the upper edge of its range" in beyond
    alike = errors([[[1.0], [2]]], match="epochs")
    table = forecasting_error.tabulate([alike])
    assert table["rollout"].tolist() == ["free"]
    note = "Models share the number of epochs."
    assert table.attrs["notes"] == [f"translation: {note}"]
    two = [alike, alike.assign_attrs(experiment="other")]
    assert forecasting_error.tabulate(two).attrs["notes"] == [note]


def test_velocities_by_hand():
    # trained at speed 0, V reaches 2: (0, 0) is seen, (0, 1) unseen, (0, 3) outside V
    moves = ((0, 0), (0, 1), (0, 1), (0, 3))
    values = [[[1, 1, 90], [2, 2, 90], [4, 4, 90], [8, 8, 90]]]
    cube = errors(values, moves, draw="grid", horizon=2, max_speed=0)
    grid = velocities.by_velocity(cube, cube["squared_error"][0, 0, :, 0])
    assert grid.values.tolist() == [[1, 3, 8]]  # mean of 2 and 4
    row = generalization.tabulate([cube]).iloc[0]
    found = [row[f"velocity_{name}"] for name in ("seen", "unseen", "outside")]
    assert found == [1, 3, 8]  # frames beyond the horizon do not count
    assert not velocities.shared(cube)  # one digit shares its velocity with none
    both = cube.drop_vars(["velocity_rows", "velocity_columns"])
    for axis, speeds in zip(("rows", "columns"), zip(*moves, strict=True), strict=True):
        first = [[speed, speed] for speed in speeds]
        both[f"velocity_{axis}"] = (("sample", "digit"), first)
    assert velocities.shared(both)
    note = generalization.tabulate([both]).attrs["notes"][0]
    assert "(as the authors test, all digits alike: translation)" in note
    both["velocity_rows"][1, 1] = 3  # the second digit has no cell
    assert not velocities.shared(both)
    grid = velocities.by_velocity(both, both["squared_error"][0, 0, :, 0])
    assert grid.values.tolist() == [[1, 3, 8]]
    assert "alike" not in generalization.tabulate([both]).attrs["notes"][0]


def test_length_by_hand():
    # horizon 1: "4x" is frame 4 alone; 7x is not there
    values = [[[1, 2, 3, 4, 5]], [[1, 2, 3, 8, 5]], [[1, 2, 3, 99, 5]]]
    cube = errors(values, ((0, 0),), axis="length", horizon=1)
    row = generalization.tabulate([cube]).iloc[0]
    assert (row["length_1x"], row["length_4x"], row["length_4x_median"]) == (1, 37, 8)
    assert np.isnan(row["length_7x"])


def test_numbers_are_rounded_for_reading():
    cases = {(8.1e-3, 6e-4): "(8.1 ± 0.6)e-3", (0.1234, np.nan): "0.123"}
    cases |= {(np.nan, np.nan): "–", (np.inf, np.nan): "diverged", (0.0, 0.0): "0"}
    for (value, std), text in cases.items():
        assert _write.plain(value, std) == text
    assert _write.tex(8.1e-3, 6e-4) == r"$(8.1 \pm 0.6) \times 10^{-3}$"
