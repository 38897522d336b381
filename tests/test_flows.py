"""Translations are one-parameter groups on the torus."""

import pytest
import torch

from fernn import flows
from labrun.errors import UserError

SIZE = 7
FLOW = flows.build({"kind": "translation", "max_speed": 2}, SIZE)
SIGNAL = torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("nu", FLOW.velocities)
def test_times_add_and_time_zero_does_nothing(nu):
    assert torch.equal(FLOW.act(SIGNAL, nu, 0), SIGNAL)
    twice = FLOW.act(FLOW.act(SIGNAL, nu, 3), nu, 2)
    assert torch.equal(twice, FLOW.act(SIGNAL, nu, 5))
    assert torch.equal(FLOW.act(FLOW.act(SIGNAL, nu, 3), nu, -3), SIGNAL)
    assert torch.equal(FLOW.act(SIGNAL, nu, SIZE), SIGNAL)


def test_velocities_are_rows_then_columns():
    spot = torch.zeros(SIZE, SIZE)
    spot[0, 0] = 1
    assert FLOW.act(spot, (1, 2), 2)[2, 4] == 1
    assert FLOW.act(spot, (1, 2), 2)[4, 2] == 0


def test_a_difference_is_a_slot_or_nothing():
    slot = FLOW.difference((2, 1), (1, 2))
    assert slot is not None and FLOW.velocities[slot] == (1, -1)
    assert FLOW.difference((2, 0), (-1, 0)) is None
    closed = flows.build({"kind": "translation", "closed": True}, SIZE)
    assert len(closed.velocities) == SIZE**2
    slot = closed.difference((2, 0), (5, 0))
    assert slot is not None and closed.velocities[slot] == (4, 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"velocities": []}, "V is empty"),
        ({"velocities": [(0, 1), (7, 1)]}, "two velocities of V are equal"),
        ({"max_speed": 4}, "49 differ"),
        ({"max_speed": 1, "closed": True}, "got 2 of them"),
        ({}, "got 0 of them"),
    ],
)
def test_a_set_that_is_no_set_is_refused(options, message):
    with pytest.raises(UserError, match=message):
        flows.build({"kind": "translation", **options}, SIZE)


def test_an_unknown_flow_is_told_the_nearest():
    with pytest.raises(UserError, match="did you mean 'translation'"):
        flows.build({"kind": "translaton"}, SIZE)
