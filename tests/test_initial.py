"""A slot's velocity is its own and the kernel's; a symmetric one adds nothing to it."""

import pytest
import torch

from fernn.cells import FusedCell, flow_equivariant
from fernn.flows.rotation import Rotation
from fernn.flows.translation import Translation, square
from labrun.errors import UserError

FLOWS = [Translation(square(1), 7), Rotation([(-90,), (0,), (90,)], 4)]
MIXINGS = ("none", "lattice", "full")


@pytest.mark.parametrize("shift", [(0, 1), (-1, 1)])
def test_a_moved_kernel_with_renamed_slots_is_the_same_network(shift):
    names = square(1)
    renamed = [tuple(v - s for v, s in zip(nu, shift, strict=True)) for nu in names]
    torch.manual_seed(0)
    cell, other, unnamed = (
        FusedCell(Translation(v, 9), hidden=3, kernel=5).double()
        for v in (names, renamed, names)
    )
    with torch.no_grad():
        cell.conv_h.weight[..., [0, 4], :] = 0
        cell.conv_h.weight[..., [0, 4]] = 0
    moved = cell.conv_h.weight.roll([-s for s in shift], (-2, -1))
    for each in (other, unnamed):
        each.load_state_dict({**cell.state_dict(), "conv_h.weight": moved})
    video = torch.rand(2, 4, 1, 9, 9, dtype=torch.float64)
    states = []
    for each in (cell, other, unnamed):
        state = None
        for lifted in each.lift(video):
            state = each(lifted, state)
        states.append(state)
    torch.testing.assert_close(states[1], states[0])
    assert not torch.allclose(states[2], states[0], rtol=1e-2)


@pytest.mark.parametrize("mixing", ["none", "lattice", "full"])
def test_a_symmetric_kernel_moves_nothing_by_itself(mixing):
    """What it makes of the mirror image is the mirror image, and as large as before."""
    mirrored, drawn = both(Translation(square(1), 7), mixing)
    state = torch.randn(2, 9, 16, 7, 7)
    kept, changed = (
        [cell.convolve(state), cell.convolve(state.flip(-2, -1)).flip(-2, -1)]
        for cell in (mirrored, drawn)
    )
    torch.testing.assert_close(*kept)
    assert not torch.allclose(*changed, atol=0.1)
    assert kept[0].std().item() == pytest.approx(changed[0].std().item(), rel=0.1)


def both(flow, mixing="none"):
    """A cell with a symmetric kernel and one with a random kernel."""
    for initial in ("symmetric", "random"):
        torch.manual_seed(0)
        yield flow_equivariant.build(
            flow, execution="auto", hidden=16, mixing=mixing, initial=initial
        )


def test_one_that_turns_no_image_stays_as_drawn():
    one, other = both(Rotation([(-90,), (0,), (90,)], 4))
    assert torch.equal(one.conv_h.weight, other.conv_h.weight)
    one, other = both(Translation(square(1), 7))
    assert not torch.equal(one.conv_h.weight, other.conv_h.weight)


@pytest.mark.usefixtures("unchecked")
def test_other_beginnings_are_refused():
    with pytest.raises(
        UserError, match="no initial 'symetric'; did you mean 'symmetric"
    ):
        FusedCell(Translation([(0, 0)], 7), initial="symetric")
