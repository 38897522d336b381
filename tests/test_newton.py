"""Newton's method gives the states of the loop, or notices that it does not."""

import itertools

import pytest
import torch

from fernn.models.temporal._newton import Newton
from fernn.models.temporal.gru import slope, step


def problem(times, scale, channels=32):
    """Drives, a state and recurrent weights a ~ scale · N(0, 1) of a ParaGRU."""
    torch.manual_seed(0)
    shapes = (times, 1, 3 * channels, 1, 1), (1, channels, 1, 1), (3, channels, 1, 1)
    drives, state, own = (torch.randn(shape, dtype=torch.float64) for shape in shapes)
    return drives, state.tanh(), scale * own


def apart(left, right):
    return (left - right).abs().max().item()


def test_it_finds_the_states_of_the_loop():
    newton, given = Newton(step, slope), problem(64, 0.3)
    assert apart(newton(*given), newton.loop(*given)) < 1e-12
    assert 2 <= newton.used <= 6 and newton.fallbacks == 0
    wrong = Newton(step, lambda *_: 1 + slope(*_))
    assert apart(wrong(*given), newton.loop(*given)) == 0
    assert wrong.fallbacks == 1


@pytest.mark.parametrize("iterations", [0, 1, 2, 5])
def test_k_iterations_make_k_and_one_states_exact(iterations):
    given, newton = problem(40, 4.0), Newton(step, slope)
    states, _ = next(itertools.islice(newton.iterates(*given), iterations, None))
    errors = (states - newton.loop(*given)).abs().flatten(1).amax(1)
    assert errors[: iterations + 1].max() < 1e-12 < 1e-3 < errors[iterations + 1]


def test_where_it_diverges_the_loop_runs():
    given = problem(128, 2.0)
    newton = Newton(step, slope, iterations=3)
    states, _ = next(itertools.islice(newton.iterates(*given), 3, None))
    assert apart(states, newton.loop(*given)) > 1
    assert apart(newton(*given), newton.loop(*given)) == 0
    assert newton.fallbacks == 1


def test_gradients_are_those_through_time():
    found = []
    for solve in (Newton(step, slope, 40), Newton(step, slope).loop):
        given = [each.requires_grad_() for each in problem(20, 1.0)]
        states = solve(*given)
        (states * torch.linspace(-1, 1, 20).view(-1, 1, 1, 1, 1)).sum().backward()
        found.append([each.grad for each in given])
    for own, other in zip(*found, strict=True):
        assert apart(own, other) < 1e-10 < other.abs().max()


def test_the_slope_is_the_derivative():
    drives, state, own = problem(1, 1.5, channels=4)
    jacobian = torch.autograd.functional.jacobian(
        lambda h: step(h, drives[0], own).flatten(), state
    ).view(4, 4)
    assert apart(jacobian, torch.diag(slope(state, drives[0], own).flatten())) < 1e-14
