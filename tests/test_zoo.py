"""A model against the one that differs by one thing: effects and verdicts by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

import mock_analyses
import mock_builders
import mock_cubes
from fernn.config import pairs
from fernn.config.schema import Model
from fernn.evaluation import headlines
from fernn.tables import zoo
from labrun.errors import UserError


def test_a_row_is_a_pair_and_its_ratio_is_of_seeds_in_pairs():
    cube = mock_cubes.paired(mock_cubes.in_distribution(match="compute"))
    error = cube["clamped_squared_error"]
    error[:] = 1.0
    error.loc[{"model": "fernn_v2"}] = np.array([0.5, 0.25, 0.125])[:, None, None]
    table = zoo.tabulate([cube])
    assert table["model"].tolist() == ["FERNN-V1", "FERNN-V2"]
    assert table["against"].tolist() == ["G-RNN", "G-RNN"]
    same, row = table.to_dict("records")
    assert (same["effect"], same["verdict"]) == (1, "alike")
    # logarithms -1, -2, -3 (base 2): mean -2, s = 1, t(0.975, 2) / sqrt(3) = 2.484138
    assert row["effect"] == pytest.approx(2**-2)
    assert row["low"] == pytest.approx(2**-4.484138, rel=1e-5)
    assert row["high"] == pytest.approx(2**0.484138, rel=1e-5)
    assert row["verdict"] == "undecided"
    assert (row["change"], row["budget"]) == ("flow", "equal compute")


@pytest.mark.parametrize(
    ("seeds", "wanted"), [([0, 0, 0], "exact"), ([0, 0, 0.1], "undecided")]
)
def test_a_model_without_error_is_exact_if_it_is_so_with_every_seed(seeds, wanted):
    cube = mock_cubes.paired(mock_cubes.in_distribution(match="compute"))
    error = cube["clamped_squared_error"]
    error[:] = 1.0
    error.loc[{"model": "fernn_v2"}] = np.array(seeds)[:, None, None]
    assert zoo.tabulate([cube])["verdict"].tolist() == ["alike", wanted]


@pytest.mark.parametrize(
    ("name", "low", "high", "wanted"),
    [
        ("in_distribution", 0.5, 0.9, "better"),
        ("in_distribution", 1.2, 3.0, "worse"),
        ("in_distribution", 0.92, 1.08, "alike"),
        ("in_distribution", 0.8, 1.05, "undecided"),
        ("in_distribution", np.nan, np.nan, "undecided"),
        ("camera", 0.03, 0.2, "better"),
        ("camera", -0.2, -0.03, "worse"),
        ("camera", -0.01, 0.015, "alike"),
        ("fixed_points", 0.1, 0.3, "lower"),
    ],
)
def test_a_verdict_is_of_the_interval(name, low, high, wanted):
    assert zoo.verdict(zoo.HEADLINES[name], low, high) == wanted


def test_a_sweep_compares_values_with_the_first():
    table = zoo.tabulate([mock_cubes.swept()])
    found = table[table["against"] == "FERNN-V2"]
    assert found["model"].tolist() == ["share 0.3, not 0", "share 0.9, not 0"]
    assert found["effect"].tolist() == pytest.approx([1 + 9 * 0.3, 1 + 9 * 0.9])
    assert {*found["verdict"]} == {"worse"}


def test_a_sweep_counts_the_frames_beyond_the_trained_ones():
    cube = mock_cubes.swept(horizon=1)
    error = cube["clamped_squared_error"]
    error[:] = 1.0
    error.loc[{"value": 0.9, "frame": cube.frame[1:]}] = 3.0
    frames = cube.sizes["frame"]
    found = zoo.tabulate([cube])["effect"].tolist()
    assert found[:2] == pytest.approx([1, (1 + 3 * (frames - 1)) / frames])


def test_the_end_of_a_roll_out_is_its_last_frames_however_long_it_is():
    cube = mock_cubes.length(horizon=2)
    error = cube["clamped_squared_error"]
    error[:] = 1.0
    error.loc[{"frame": cube.frame[-2:]}] = [3.0, 5.0]
    np.testing.assert_allclose(zoo.HEADLINES["length"].values(cube, "grnn"), 4)


def test_numbers_of_analyses_by_hand():
    norms = mock_analyses.state_norm(context=3, horizon=2)
    norms["squared_error"][:] = norms["time"] ** 2
    last = float(norms["time"][-1])
    growth = zoo.HEADLINES["state_norm"].values(norms, "grnn")
    np.testing.assert_allclose(growth, (last / 4) ** 2)
    graph = zoo.HEADLINES["state_graph"].values(mock_analyses.state_graph(), "grnn")
    np.testing.assert_allclose(graph, 0.5)
    memory = mock_analyses.timescales()
    memory["timescale"][:] = np.array([1.0, 2.0, np.inf, np.inf])
    found = zoo.HEADLINES["timescales"].values(memory, "grnn")
    np.testing.assert_allclose(found, (2 + 19) / 2)  # the longest lag is 19


def test_every_statistic_of_the_table_has_a_pair():
    for cube in mock_builders.of(SimpleNamespace(SHOWS=headlines.shows())):
        assert len(zoo.tabulate([mock_cubes.paired(cube)])) == 2, cube.attrs["axis"]


def test_the_change_is_what_the_other_has_not():
    plain = {"label": "a", "kind": "forecaster", "hidden": 4, "strategy": "ponder"}
    own = Model(**plain | {"strategy": ["ponder", "ace"], "relaxations": ["leak"]})
    assert pairs.change(own, Model(**plain)) == ["relaxations", "ace"]
    assert pairs.change(Model(**plain), Model(**plain | {"label": "b"})) == []
    leaky = Model(**plain | {"cell": {"kind": "leaky"}, "hidden": 5})
    assert pairs.change(leaky, Model(**plain)) == ["hidden", "leaky"]
    assert pairs.change(Model(label="n", kind="ngram"), leaky) == ["ngram"]


def test_a_cube_of_another_statistic_is_refused():
    with pytest.raises(UserError, match="is of curves"):
        zoo.tabulate([mock_cubes.curves()])
