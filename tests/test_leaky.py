"""Cells that leak: what τ = 1 is, the flow, and what breaks it."""

import numpy as np
import pytest
import torch

import continued
import fernn
from fernn.cells import FlowEquivariantCell
from fernn.cells.leaky import LeakyCell
from fernn.evaluation import timescales
from fernn.flows import push_forward
from fernn.testing import assert_flow_equivariant
from labrun.errors import UserError

FLOW = fernn.Translation(fernn.square(1), size=7)
LEAKY = {**continued.MODEL, "flow": {"kind": "pan", "max_speed": 1}}
LEAKY |= {"cell": {"kind": "leaky", "timescale": 3.0}}


@pytest.fixture
def splits(sequences):
    return [sequences(split=name, pool=name) for name in ("train", "val")]


def cells(timescale):
    torch.manual_seed(0)
    leaky = LeakyCell(FLOW, hidden=3, timescale=timescale)
    plain = FlowEquivariantCell(FLOW, hidden=3, order="move_first")
    plain.load_state_dict(leaky.state_dict(), strict=False)
    return leaky, plain


def states(cell, frames=4):
    torch.manual_seed(1)
    state, found = None, []
    for lifted in cell.lift(torch.rand(2, frames, 1, 7, 7)):
        state = cell(lifted, state)
        found.append(state)
    return found


def test_a_time_constant_of_one_is_the_cell_that_does_not_leak():
    leaky, plain = cells(1.0)
    pairs = zip(states(leaky), states(plain), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)
    leaky, plain = cells(2.0)
    assert not torch.allclose(states(leaky)[-1], states(plain)[-1], rtol=0.01)


def test_a_step_without_input_by_hand():
    """W = 0, τ = 4: three quarters of the moved state stay."""
    leaky, _ = cells(4.0)
    torch.nn.init.zeros_(leaky.conv_h.weight)
    state = torch.rand(1, 9, 3, 7, 7)
    expected = 0.75 * push_forward(FLOW, state, 1)
    torch.testing.assert_close(leaky(None, state), expected)
    assert leaky.timescales().tolist() == pytest.approx([4.0] * 3)


class Unmoved(LeakyCell):
    """What leaks stays where it was."""

    def forward(self, lifted, state):
        found = super().forward(lifted, state)
        if state is None:
            return found
        share = (1 / self.timescales())[:, None, None]
        return found + (1 - share) * (state - self.move(state))


@pytest.mark.law("cells/leaky")
def test_a_moved_leak_flows_and_an_unmoved_one_does_not():
    for kind in (LeakyCell, Unmoved):
        torch.manual_seed(0)
        cell = kind(FLOW, hidden=3)
        torch.nn.init.normal_(cell.theta)
        if kind is LeakyCell:
            assert_flow_equivariant(cell, FLOW)
        else:
            with pytest.raises(AssertionError, match="not flow equivariant"):
                assert_flow_equivariant(cell, FLOW)


def test_time_constants_are_trained_and_stay_above_one(splits):
    _, weights = continued.run(None, splits, model=LEAKY, learning_rate=0.3)
    found = 1 + torch.nn.functional.softplus(weights["cell.theta"])
    assert (found >= 1).all() and not torch.allclose(found, torch.tensor(3.0))


def test_a_time_constant_below_one_is_refused():
    with pytest.raises(UserError, match=r"at least 1 frame, got 0\.5"):
        LeakyCell(FLOW, timescale=0.5)


def test_the_analysis_tells_the_time_constants():
    cell = LeakyCell(FLOW, hidden=3, timescale=2.0)
    model = torch.nn.Module()
    model.cell = cell
    assert timescales._constants(model, 3).tolist() == pytest.approx([2.0] * 3)
    model.cell = FlowEquivariantCell(FLOW, hidden=3)
    assert np.isnan(timescales._constants(model, 3)).all()
