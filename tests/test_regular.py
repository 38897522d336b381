"""A convolution of the regular representation: equivariant, and one in both forms."""

import pytest
import torch

from fernn.flows import cached_kernels
from fernn.flows._regular import Lifting, Projection, RegularConvolution, faster
from turning import EXACT, blob, error, rotation, signal

KERNELS = [("gauss", 5), ("rings", 3), ("rings", 5)]


@pytest.mark.parametrize("orientations", [4, 8, 12])
@pytest.mark.parametrize(("basis", "kernel"), KERNELS)
@pytest.mark.parametrize("form", ["bank", "harmonic"])
def test_convolutions_commute_with_quarter_turns(orientations, basis, kernel, form):
    flow, options = rotation(orientations), (kernel, orientations, basis)
    lift = Lifting(2, 3, *options).double()
    between = RegularConvolution(3, 2, *options, form).double()
    project = Projection(3, 2, *options).double()
    frame, state = signal(2, 2, 9, 9), signal(2, 3 * orientations, 9, 9)
    turned, moved = flow.act(frame, (90,)), flow.act_on_state(state, (90,))
    assert error(lift(turned), flow.act_on_state(lift(frame), (90,))) < EXACT
    assert error(between(moved), flow.act_on_state(between(state), (90,))) < EXACT
    assert error(project(moved), flow.act(project(state), (90,))) < EXACT
    # The converse: neither with the roll reversed, nor with the frames alone.
    assert error(between(moved), flow.act_on_state(between(state), (-90,))) > 0.1
    alone = between(flow.act(state, (90,)))
    assert error(alone, flow.act(between(state), (90,))) > 0.1


def test_the_smooth_basis_is_the_more_equivariant():
    """At 45 degrees, on something smooth, without any interpolation of states."""
    flow = rotation(8)
    found = {}
    for basis, kernel in KERNELS[:2]:
        torch.manual_seed(0)
        lift = Lifting(1, 8, kernel, 8, basis).double()
        expected = flow.act_on_state(lift(blob()), (45,))
        found[basis] = error(lift(flow.act(blob(), (45,))), expected)
    assert found["gauss"] < found["rings"] < 0.2


@pytest.mark.parametrize("orientations", [4, 5, 8, 12, 36])
@pytest.mark.parametrize(("basis", "kernel"), KERNELS)
def test_harmonics_are_exact(orientations, basis, kernel):
    """The same output and gradients as the bank, on a frame that is no square."""
    pair = [
        RegularConvolution(3, 2, kernel, orientations, basis, form).double()
        for form in ("bank", "harmonic")
    ]
    pair[1].load_state_dict(pair[0].state_dict())
    state = signal(2, 3 * orientations, 6, 7).requires_grad_()
    outputs = [convolution(state) for convolution in pair]
    assert error(outputs[1], outputs[0]) < EXACT
    direction = signal(*outputs[0].shape, seed=1)
    gradients = [
        torch.autograd.grad(output, (state, convolution.weight), direction)
        for output, convolution in zip(outputs, pair, strict=True)
    ]
    for one, other in zip(*gradients, strict=True):
        assert error(other, one) < EXACT
    with torch.no_grad():
        pair[1].weight[-1] *= -1  # of the highest order: it would be noticed
    assert error(pair[1](state), outputs[0]) > 0.05


def test_small_convolutions_use_the_bank_and_large_ones_harmonics():
    assert faster(8, 2, 5, 6) == "bank"
    assert faster(36, 32, 3, 6) == faster(36, 32, 5, 6) == "harmonic"


def test_kernels_are_expanded_once_for_a_sequence():
    """And again after the weights have changed, or outside of a sequence."""
    part = RegularConvolution(2, 2, 5, 4)
    with cached_kernels(part), cached_kernels(part):
        kernels = part.kernels()
        assert part.kernels() is kernels
        with torch.no_grad():
            part.weight.mul_(2)
        torch.testing.assert_close(part.kernels(), 2 * kernels)
    assert part.kernels() is not part.kernels()
