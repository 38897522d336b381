"""Kernels are compared with torch before they are used; here pretended ones."""

import math
from types import ModuleType

import pytest
import torch

from fernn.cells.flow_equivariant import _trust
from fernn.cells.flow_equivariant.comoving import ComovingCell
from fernn.cells.flow_equivariant.fused import FusedCell
from fernn.cells.flow_equivariant.plain import FlowEquivariantCell
from fernn.devices import allow_rounding
from fernn.flows import _harmonic
from fernn.flows.rotation import Rotation
from fernn.flows.translation import Translation, square


class Halved(torch.autograd.Function):
    """The right numbers with half of their gradient."""

    @staticmethod
    def forward(ctx, maximum):
        return maximum.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient / 2


def fails(maximum):
    raise RuntimeError("no kernel image is available\nfor this device")


CELL = FusedCell(Translation(square(1), 5), hidden=2)
AHEAD = [1, 2, 3]
WRONG = {
    "results differ by": lambda maximum: -maximum,
    "gradients differ by 0.5": Halved.apply,
    "results differ by nan": lambda maximum: maximum * float("nan"),
    "they fail (no kernel image is available)": fails,
}


@pytest.fixture
def used(monkeypatch):
    """Let the processor stand for a card; the kernels' calls with a batch of two."""
    calls = []

    def pretend(change):
        def moved_maxima(state, flow, ahead):
            calls.append(len(state))
            moved = FlowEquivariantCell.moved_maxima(CELL, state, 0, ahead)
            return [change(maximum) for maximum in moved]

        kernels = ModuleType("kernels")
        monkeypatch.setattr(kernels, "moved_maxima", moved_maxima, raising=False)
        monkeypatch.setattr(_trust, "_kernels", lambda: kernels)
        return calls

    monkeypatch.setattr(_trust, "ACCELERATOR", "cpu")
    monkeypatch.setattr(_trust, "_VERDICTS", {})
    return pretend


def torch_maxima(dtype):
    """`maxima` where no card is pretended."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_trust, "ACCELERATOR", "cuda")
        return maxima(dtype)


def maxima(dtype=torch.float32):
    """Those of a state, and the state's gradient."""
    draws = torch.Generator().manual_seed(3)
    state = torch.randn(2, 9, 2, 5, 5, generator=draws).to(dtype).requires_grad_()
    found = torch.stack(CELL.moved_maxima(state, 0, AHEAD))
    return found, *torch.autograd.grad(found.sum(), state)


@pytest.mark.parametrize("reason", WRONG)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_wrong_kernels_are_refused_and_torch_computes(used, capsys, reason, dtype):
    expected = torch_maxima(dtype)
    calls = used(WRONG[reason])
    for _ in range(2):
        assert all(map(torch.equal, maxima(dtype), expected))
    assert calls == [1]  # the sample of the comparison, once
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("kernels not used for maxima over V: ") and reason in line
    assert line.endswith(f"torch's own operations are (cpu, {str(dtype)[6:]})")


def test_right_kernels_are_used_once_compared(used, capsys):
    calls = used(lambda maximum: maximum)
    for _ in range(2):
        maxima()
    with torch.inference_mode():
        CELL.moved_maxima(torch.rand(3, 9, 2, 5, 5), 0, AHEAD)
    assert calls == [1, 2, 2, 3]
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        "kernels used for maxima over V: they give what torch gives (cpu, float32)"
    )
    before = torch.get_rng_state()
    maxima(torch.float64)  # of another precision they are compared anew
    assert calls[-2:] == [1, 2] and "float64" in capsys.readouterr().err
    assert torch.equal(torch.get_rng_state(), before)  # the run draws what it drew


def test_rounding_is_allowed_by_precision(used, capsys):
    """A part in ten thousand is rounding in bfloat16 and none in single precision."""
    calls = used(lambda maximum: maximum * (1 + 1e-4))
    maxima(torch.float32)
    assert calls == [1] and "differ by 0.0001" in capsys.readouterr().err
    maxima(torch.bfloat16)
    assert calls == [1, 1, 2]


@pytest.fixture
def turned(monkeypatch):
    """A harmonic convolution of orientations, and whether a processor is its card."""
    torch.manual_seed(0)
    flow = Rotation(orientations=4, velocities=[(90,)], basis="rings")
    part = ComovingCell(flow, hidden=2, kernel=3).conv_h
    part.form = "harmonic"
    signal = torch.randn(2, 8, 5, 5).requires_grad_()
    monkeypatch.setattr(_trust, "_VERDICTS", {})

    def convolved(accelerator, kernels=None):
        monkeypatch.setattr(_trust, "ACCELERATOR", accelerator)
        if kernels:
            monkeypatch.setattr(_trust, "_kernels", lambda: kernels)
        found = part(signal)
        return found, *torch.autograd.grad(found.square().sum(), (signal, part.weight))

    return convolved


def test_right_kernels_convolve_orientations(turned, capsys):
    """Those of Triton, run as Python."""
    expected = turned("cuda")
    assert not capsys.readouterr().err
    for one, other in zip(expected, turned("cpu"), strict=True):
        torch.testing.assert_close(other, one, rtol=1e-4, atol=1e-5)
        assert not torch.equal(other, one)
    assert capsys.readouterr().err == (
        "kernels used for convolutions of orientations: they give what torch gives"
        " (cpu, float32)\n"
    )


@pytest.mark.parametrize(
    ("reason", "halve_signal", "halve_mixing"),
    [("gradients differ by 0.5", 1, 0), ("gradients of weights differ by 0.5", 0, 1)],
)
def test_each_gradient_of_a_convolution_is_compared(
    turned, capsys, reason, halve_signal, halve_mixing
):
    def convolve(signal, mixing, tables):
        signal = Halved.apply(signal) if halve_signal else signal
        mixing = Halved.apply(mixing) if halve_mixing else mixing
        return _harmonic.convolve(signal, mixing, tables)

    kernels = ModuleType("kernels")
    kernels.harmonic_convolution = convolve
    expected = turned("cuda")
    assert all(map(torch.equal, turned("cpu", kernels), expected))
    line = capsys.readouterr().err
    assert line.startswith("kernels not used for convolutions of orientations: their ")
    assert reason in line


@pytest.fixture
def tf32():
    """Let products round their factors, or not."""
    yield allow_rounding
    allow_rounding(False)


def test_factors_in_tf32_are_allowed_its_rounding_and_maxima_are_not(tf32):
    tf32(True)
    state = torch.ones(1, 3)
    rough = 1 + 2**-10

    def same(*factors):
        return math.prod(factors)

    def rounded(*factors):
        return rough * math.prod(factors)

    assert _trust.trusted("a", rounded, same, state, weights=[torch.ones(3)])
    assert not _trust.trusted("b", rounded, same, state)
    tf32(False)
    assert not _trust.trusted("a", rounded, same, state, weights=[torch.ones(3)])
