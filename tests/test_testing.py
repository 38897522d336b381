"""The public check accepts what is flow equivariant, and nothing else."""

import pytest
import torch

import fernn
from fernn.testing import assert_flow_equivariant

FLOW = fernn.Translation(fernn.square(1), size=7)


class Moved(fernn.FlowEquivariantCell):
    """A cell of one's own, whose slots are moved in a way."""

    def __init__(self, flow, moved):
        super().__init__(flow, hidden=3)
        self.moved_by = moved

    def forward(self, lifted, state):
        if state is None:
            return torch.relu(self.for_each_slot(lifted))
        hidden = torch.stack([self.conv_h(slot) for slot in state.unbind(1)], dim=1)
        return torch.relu(self.moved_by(self, hidden) + lifted)


def test_cells_of_the_library_pass():
    for kind in (fernn.FlowEquivariantCell, fernn.FusedCell):
        assert_flow_equivariant(kind(FLOW, hidden=3), FLOW)
    wide = fernn.Translation(fernn.square(1), size=(5, 8))
    assert_flow_equivariant(fernn.FlowEquivariantCell(wide, hidden=2), wide)


@pytest.mark.parametrize(
    ("moved", "right"),
    [
        (lambda cell, state: cell.move(state), True),
        (lambda cell, state: state, False),
        (lambda cell, state: cell.move(cell.move(state)), False),
        (lambda cell, state: cell.move(state.flip(1)), False),
        (lambda cell, state: cell.move(state) * torch.arange(7), False),
    ],
    ids=["by its velocity", "not", "twice", "to another slot", "by place"],
)
def test_a_cell_of_ones_own_is_judged_by_how_its_slots_move(moved, right):
    torch.manual_seed(0)
    cell = Moved(FLOW, moved)
    if right:
        assert_flow_equivariant(cell, FLOW)
        return
    with pytest.raises(AssertionError, match=r"not flow equivariant: .* of a flow of"):
        assert_flow_equivariant(cell, FLOW)


def test_states_may_come_from_any_function():
    model = fernn.Forecaster(fernn.FusedCell(FLOW, hidden=2)).double()
    assert_flow_equivariant(model.encode, FLOW)
    with pytest.raises(AssertionError, match="relative error"):
        assert_flow_equivariant(lambda v: (s.flip(-1) for s in model.encode(v)), FLOW)


def test_what_compares_nothing_does_not_pass():
    rest = fernn.Translation([(0, 0)], size=7)
    with pytest.raises(AssertionError, match="moves one of its slots"):
        assert_flow_equivariant(fernn.FlowEquivariantCell(rest, hidden=2), rest)
    cell = fernn.FlowEquivariantCell(FLOW, hidden=2)
    torch.nn.init.zeros_(cell.conv_u.weight)
    torch.nn.init.zeros_(cell.conv_h.weight)
    with pytest.raises(AssertionError, match="is zero after frame 1"):
        assert_flow_equivariant(cell, FLOW)


def test_the_module_is_left_as_it_was():
    cell = fernn.FlowEquivariantCell(FLOW, hidden=2)
    before = {name: value.clone() for name, value in cell.state_dict().items()}
    assert_flow_equivariant(cell, FLOW)
    for name, value in cell.state_dict().items():
        assert value.dtype == torch.float32 and torch.equal(value, before[name])
