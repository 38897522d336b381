"""`match: parameters`: widths that give models equally many weights, or a mistake."""

import pytest

from copied import ROOT
from fernn.config.check import checked
from fernn.config.plan import plan
from fernn.config.positions import merge, read
from fernn.config.widths import matched, of_spec
from labrun.errors import UserError

SHIPPED = read(ROOT / "config.yaml")
LINE = ["fernn_line", "fernn_line_mixed"]


def resolved(models=LINE, hidden=48, **changes):
    """The experiment `collisions_line` with models of equally many parameters."""
    raw = {**merge([SHIPPED]), "budget": "demo"}
    raw["experiments"]["collisions_line"]["models"] = models
    raw["budgets"]["demo"]["sizes"]["collisions_line"] |= {
        "match": "parameters",
        "hidden": hidden,
        **changes,
    }
    return plan(checked(raw, [SHIPPED]))["experiments"]["collisions_line"]


def test_the_parameters_of_a_model_worked_by_hand():
    """Lifting, recurrence and projection of 3×3 kernels; a mixed one has three."""
    spec = {"kind": "forecaster", "decoder_layers": 0, "hidden": 2}
    spec |= {"flow": {"kind": "pan", "max_speed": 1}}
    assert of_spec(spec, 9) == 9 * (2 + 2 * 2 + 2)
    assert of_spec({**spec, "mixing": "lattice"}, 9) == 9 * (2 + 3 * 2 * 2 + 2)


def test_widths_bring_models_to_the_parameters_of_the_reference():
    made = resolved()
    first, mixed = (made["models"][name]["model"] for name in LINE)
    about = [made["attrs"]["models"][name]["parameters"] for name in LINE]
    # A decoder of one layer. Of h channels 9 (h + h² + h² + h), mixed 9 (4 h² + 2 h):
    assert first["hidden"] == 48 and about[0] == 9 * (2 * 48**2 + 2 * 48) == 42336
    assert mixed["hidden"] == 34 and about[1] == 9 * (4 * 34**2 + 2 * 34) == 42228
    epochs = {entry["training"]["epochs"] for entry in made["models"].values()}
    assert epochs == {7}
    alike = resolved(["grnn_line", "fernn_line"])["models"].values()
    assert {entry["model"]["hidden"] for entry in alike} == {48}


def test_models_that_cannot_be_equally_large_are_refused():
    place = r"demo.sizes.collisions_line.match: parameters: "
    with pytest.raises(UserError, match=place + "'fernn_line_mixed' comes no nearer"):
        resolved(hidden=3, decoder_layers=0)  # one channel more is a quarter


def test_a_second_width_is_finer_where_the_first_is_too_coarse():
    """A mixed one of h channels, d in the decoder: 9 (h + 3 h² + h d + d)."""
    made = resolved(hidden=8)["models"]["fernn_line_mixed"]["model"]
    target = 9 * (2 * 8**2 + 2 * 8)
    coarse, fine = made["hidden"], made["decoder_hidden"]
    assert abs(9 * (4 * coarse**2 + 2 * coarse) / target - 1) > 0.03
    count = 9 * (coarse + 3 * coarse**2 + coarse * fine + fine)
    assert abs(count / target - 1) <= 0.03
    assert "decoder_hidden" not in resolved()["models"]["fernn_line_mixed"]["model"]


def test_the_width_of_an_entry_is_matched_too():
    made = resolved(["fernn_line", "fernn_line_wide"])["models"]
    assert made["fernn_line_wide"]["model"]["hidden"] == 48  # its entry: 11


def test_widths_are_multiples_of_the_smallest_that_a_model_takes():
    """Those of SimVP are even: the nearest of all would be 3."""
    spec = {"kind": "simvp", "context": 2, "blocks": 2, "stages": 2, "shrink": 1}
    between = (
        of_spec({**spec, "hidden": 2}, 8) + of_spec({**spec, "hidden": 4}, 8)
    ) // 2
    assert matched(spec, between, 8)["hidden"] in (2, 4)


def test_a_search_takes_multiples_of_each_models_own_width():
    tuning = {"trials": 3, "epochs": 1, "widths": [0.5, 2]}
    made = resolved(
        ["fernn_line", "fernn_line_wide"], hidden=6, match="compute", tuning=tuning
    )["models"]
    searched = {name: each["tuning"] for name, each in made.items()}
    assert searched["fernn_line"]["ranges"]["hidden"] == {"choices": [3, 6, 12]}
    assert searched["fernn_line_wide"]["ranges"]["hidden"] == {"choices": [6, 11, 22]}
    points = searched["fernn_line"]["first"]  # those of the next trials
    assert [point["hidden"] for point in points[:2]] == [3, 12]
    assert len({point["learning_rate"] for point in points[:2]}) == 1
    assert {point["hidden"] for point in points[2:]} == {6}
    without = resolved(["fernn_line"], match="compute")["models"]["fernn_line"]
    assert "hidden" not in without["tuning"]["ranges"]


def test_there_is_a_trial_for_each_width():
    tuning = {"trials": 2, "epochs": 1, "widths": [0.5, 2]}
    with pytest.raises(UserError, match="trials: 2 are fewer than the 3 widths, 1"):
        resolved(match="compute", tuning=tuning)
    resolved(match="compute", tuning=tuning | {"trials": 3})


def test_a_width_is_not_both_matched_and_tuned():
    raw = {**merge([SHIPPED]), "budget": "demo"}
    span = {"low": 2, "high": 64, "integer": True}
    raw["protocols"]["exact"]["tuning"]["ranges"]["hidden"] = span
    raw["budgets"]["demo"]["tuning"]["ranges"] = ["hidden"]
    raw["budgets"]["demo"]["match"] = "parameters"
    alone = ("demo", "world-paper")  # not those that are like the demo
    raw["budgets"] = {name: raw["budgets"][name] for name in alone}
    with pytest.raises(UserError, match=r"demo\.match: parameters: chooses hidden"):
        checked(raw, [SHIPPED])


def test_widths_are_not_both_matched_and_tuned():
    tuning = {"trials": 3, "epochs": 1, "widths": [0.5, 2]}
    with pytest.raises(UserError, match="chooses widths, which are tuned"):
        resolved(tuning=tuning)
