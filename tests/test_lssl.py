"""A linear state space is a recurrence and a convolution; HiPPO's remembers."""

import math

import pytest
import torch

from fernn import flows
from fernn.models import temporal
from fernn.models.temporal.lssl import bilinear, legs, lin

EXACT = 1e-11


def build(**options):
    torch.manual_seed(0)
    space = temporal.Space(flows.build({"kind": "translation", "max_speed": 0}, 1))
    spec = {"kind": "lssl", "states": 5, **options}
    return temporal.layer(spec, space, 3, 3).double()


def series(times):
    torch.manual_seed(times)
    return torch.randn(2, times, 3, 1, 1, dtype=torch.float64)


@pytest.mark.parametrize("initial", ["legs", "lin"])
@torch.no_grad()
@pytest.mark.law("models/temporal/lssl")
def test_the_convolution_is_the_recurrence(initial):
    one = build(initial=initial, form="recurrence")
    other = build(initial=initial, form="convolution")
    before = one.mix(series(3), None)[1]
    for state in (None, before):
        found, expected = other.mix(series(9), state), one.mix(series(9), state)
        for own, theirs in zip(found, expected, strict=True):
            assert (own - theirs).abs().max() < EXACT
    other.log_step += 0.1
    assert (other.mix(series(9), None)[0] - expected[0]).abs().max() > 1e-3


def test_matrices_by_hand():
    """LegS of three states, and S4D-Lin's eigenvalues."""
    root3, root5 = math.sqrt(3), math.sqrt(5)
    matrix, vector = legs(3)
    expected = [[-1, 0, 0], [-root3, -2, 0], [-root5, -math.sqrt(15), -3]]
    assert torch.allclose(matrix, torch.tensor(expected))
    assert torch.allclose(vector, torch.tensor([1, root3, root5]))
    values = torch.linalg.eigvals(lin(6)[0])
    turns = sorted(round(part / math.pi, 4) for part in values.imag.tolist())
    assert torch.allclose(values.real, torch.tensor(-0.5))
    assert turns == [-2, -1, 0, 0, 1, 2]


def test_a_step_of_one_number_by_hand():
    """a = -2, b = 3, Δ = 1/2: ā = (1 - 1/2) / (1 + 1/2), b̄ = (3/2) / (3/2)."""
    matrix, one = torch.tensor([[-2.0]]), torch.tensor([[3.0]])
    factor, write = bilinear(matrix, one, torch.tensor([0.5]))
    assert abs(factor.item() - 1 / 3) < 1e-6 and abs(write.item() - 1) < 1e-6


def remembered(matrix, write, ago):
    """R² of the input so long ago, read linearly from the state; smoothed noise."""
    generator = torch.Generator().manual_seed(0)
    fade, state = math.exp(-1 / 8), torch.zeros(len(matrix), dtype=torch.float64)
    value, states, values = 0.0, [], []
    for noise in torch.randn(3000, generator=generator, dtype=torch.float64):
        value = fade * value + float(noise)
        state = matrix @ state + write * value
        states.append(state)
        values.append(value)
    seen, wanted = torch.stack(states)[ago:], torch.tensor(values[: -ago or None])
    seen, wanted = seen[500:], wanted[500:].to(seen)
    half = len(seen) // 2
    weights = torch.linalg.lstsq(seen[:half], wanted[:half, None]).solution
    wrong = wanted[half:] - (seen[half:] @ weights)[:, 0]
    return 1 - (wrong.square().mean() / wanted[half:].var()).item()


def test_legs_remembers_what_a_random_state_forgets():
    """The input of 50 steps ago, from 32 numbers."""
    matrix, write = (each.double() for each in legs(32))
    step = torch.tensor([1 / 100], dtype=torch.float64)
    factor, written = bilinear(matrix, write[None], step)
    torch.manual_seed(0)
    other = torch.randn(32, 32, dtype=torch.float64)
    other *= 0.95 / torch.linalg.eigvals(other).abs().max()
    drawn = torch.randn(32, dtype=torch.float64)
    assert remembered(factor[0], written[0], 50) > 0.7
    assert remembered(other, drawn, 50) < 0.3
