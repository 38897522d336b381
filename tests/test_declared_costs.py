"""A statistic's own module tells the estimate what it computes and stores."""

import pytest

from fernn.estimate import disk
from fernn.estimate.work import Network, Work, evaluation
from fernn.evaluation import squared_error

SPEC = {"context": 4, "horizon": 6, "batch": 2}
RECIPE = {"kind": "flowing_digits", "draw": "sampled", "sequences": 8, "frame_size": 5}
NET = Network("{}", 5)


def axis(statistic):
    return {"statistic": statistic, "spec": SPEC}


def works(statistic):
    return evaluation(NET, axis(statistic), RECIPE, seeds=3)


def test_a_statistic_that_declares_nothing_forecasts_every_sequence_once():
    """Eight sequences and three seeds in batches of two."""
    assert works("squared_error") == (Work(NET, 2, 4, 6, 12.0),)


def test_passes_are_what_a_module_lists(monkeypatch):
    listed = ({"horizon": 1}, {"slower": 3})
    monkeypatch.setattr(squared_error, "WORK", listed, raising=False)
    states, slow = works("squared_error")
    assert states == Work(NET, 2, 4, 1, 12.0)
    assert slow == Work(NET, 2, 4, 6, 12.0, slower=3)
    assert works("curves") == ()


def test_numbers_on_disk_are_what_a_module_lists(monkeypatch):
    entry = {"model": {"flow": {"max_speed": 1}}, "training": {"epochs": 7}}

    def numbers(statistic):
        return disk._statistic(axis(statistic), RECIPE, entry) / disk.NUMBER

    assert numbers("classification") == 8 * 6  # as usual
    assert numbers("hidden_state") == 8 * 9 * 4 * 25
    assert numbers("curves") == 3 * 7
    monkeypatch.setattr(squared_error, "STORED", ((2, "copies"), ("epochs", "slots")))
    assert numbers("squared_error") == pytest.approx(2 * 1 + 7 * 9)
