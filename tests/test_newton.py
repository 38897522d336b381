"""Newton's method gives the states of the loop, or notices that it does not."""

import itertools

import pytest
import torch

from fernn.models.temporal import gru, lstm
from fernn.models.temporal._newton import Blocks, Newton
from fernn.models.temporal.gru import slope, step

both = pytest.mark.parametrize("cell", [gru, lstm], ids=["gru", "lstm"])


def solver(cell, **options):
    form = {"form": Blocks} if cell is lstm else {}
    return Newton(cell.step, cell.slope, **form, **options)


def problem(times, scale, channels=32, cell=gru):
    """Drives, a state and recurrent weights a ~ scale · N(0, 1) of a cell."""
    torch.manual_seed(0)
    state = (1, channels, 1, 1) if cell is gru else (2, 1, channels, 1, 1)
    own = 3 if cell is gru else 5
    shapes = (times, 1, 3 * channels, 1, 1), state, (own, channels, 1, 1)
    drives, state, own = (torch.randn(shape, dtype=torch.float64) for shape in shapes)
    return drives, state.tanh(), scale * own


def apart(left, right):
    return (left - right).abs().max().item()


@both
def test_it_finds_the_states_of_the_loop(cell):
    newton, given = solver(cell), problem(64, 0.3, cell=cell)
    assert apart(newton(*given), newton.loop(*given)) < 1e-12
    assert 2 <= newton.used <= 6 and newton.fallbacks == 0
    wrong = solver(cell)
    wrong.slope = lambda *_: 1 + cell.slope(*_)
    assert apart(wrong(*given), newton.loop(*given)) == 0
    assert wrong.fallbacks == 1


@both
@pytest.mark.parametrize("iterations", [0, 1, 2, 5])
def test_k_iterations_make_k_and_one_states_exact(iterations, cell):
    given, newton = problem(40, 4.0, cell=cell), solver(cell)
    states, _ = next(itertools.islice(newton.iterates(*given), iterations, None))
    errors = (states - newton.loop(*given)).abs().flatten(1).amax(1)
    assert errors[: iterations + 1].max() < 1e-12 < 1e-8 < errors[iterations + 1]


def test_where_it_diverges_the_loop_runs():
    given = problem(128, 2.0)
    newton = Newton(step, slope, iterations=3)
    states, _ = next(itertools.islice(newton.iterates(*given), 3, None))
    assert apart(states, newton.loop(*given)) > 1
    assert apart(newton(*given), newton.loop(*given)) == 0
    assert newton.fallbacks == 1


@both
def test_gradients_are_those_through_time(cell):
    found = []
    for solve in (solver(cell, iterations=40), solver(cell).loop):
        given = [each.requires_grad_() for each in problem(20, 1.0, cell=cell)]
        states = solve(*given)
        (
            states * torch.linspace(-1, 1, states.numel()).view_as(states)
        ).sum().backward()
        found.append([each.grad for each in given])
    for own, other in zip(*found, strict=True):
        assert apart(own, other) < 1e-10 < other.abs().max()


def test_the_slope_of_a_block_is_the_derivative():
    drives, state, own = problem(1, 1.5, channels=1, cell=lstm)
    jacobian = torch.autograd.functional.jacobian(
        lambda both: lstm.step(both, drives[0], own).flatten(), state
    ).view(2, 2)
    assert apart(jacobian, lstm.slope(state, drives[0], own).view(2, 2)) < 1e-14


def test_the_slope_is_the_derivative():
    drives, state, own = problem(1, 1.5, channels=4)
    jacobian = torch.autograd.functional.jacobian(
        lambda h: step(h, drives[0], own).flatten(), state
    ).view(4, 4)
    assert apart(jacobian, torch.diag(slope(state, drives[0], own).flatten())) < 1e-14
