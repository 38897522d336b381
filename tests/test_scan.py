"""The forms of a linear recurrence are one; a tree of swapped steps is another."""

import pytest
import torch

from fernn.models.temporal import _scan
from fernn.models.temporal._scan import linear_scan
from labrun.errors import UserError

FORMS = ("loop", "tree")


def numbers(steps, dtype=torch.float64, shape=(2, 3), factors=None):
    torch.manual_seed(steps)
    a = torch.rand(factors or (steps, *shape), dtype=dtype)
    b, first = torch.randn(steps, *shape, dtype=dtype), torch.randn(shape, dtype=dtype)
    if dtype.is_complex:  # inside the unit circle
        a = a / (1 + a.abs())
    return a, b, first


def apart(left, right):
    return (left - right).abs().max().item()


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize("steps", [1, 2, 3, 7, 8, 100])
def test_the_forms_are_one(steps, dtype):
    a, b, first = numbers(steps, dtype)
    state, expected = first, []
    for factor, added in zip(a, b, strict=True):
        state = factor * state + added
        expected.append(state)
    for form in FORMS:
        assert apart(linear_scan(a, b, first, form), torch.stack(expected)) < 1e-12
        if steps > 2:  # from a state is as after one more step
            rest = linear_scan(a[1:], b[1:], expected[0], form)
            assert apart(rest, torch.stack(expected[1:])) < 1e-12


def test_by_hand():
    """h = 1, then 1/2 · 1 + 2, then 1/2 · 2.5 + 4."""
    a, b = torch.tensor([[0.5]]), torch.tensor([[1.0], [2.0], [4.0]])
    for form in FORMS:
        assert linear_scan(a, b, form=form).flatten().tolist() == [1, 2.5, 5.25]


@pytest.mark.parametrize("swapped", [False, True])
def test_swapped_steps_are_another_recurrence(monkeypatch, swapped):
    a, b, first = numbers(9)
    combine = _scan.combine
    if swapped:
        monkeypatch.setattr(
            _scan, "combine", lambda one, two, by: combine(two, one, by)
        )
    difference = apart(
        linear_scan(a, b, first, "tree"), linear_scan(a, b, first, "loop")
    )
    assert (difference > 0.1) if swapped else (difference < 1e-12)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("dtype", "factors"),
    [
        (torch.float64, None),
        (torch.float64, (1, 1, 3)),  # the same at all times and in a row
        (torch.complex128, None),
        (torch.complex128, (1, 2, 1)),
    ],
)
def test_gradients(form, dtype, factors):
    a, b, first = (each.requires_grad_() for each in numbers(5, dtype, factors=factors))
    assert torch.autograd.gradcheck(
        lambda *given: linear_scan(*given, form=form), (a, b, first)
    )


def test_single_precision_over_many_steps():
    a, b, _ = numbers(1024, torch.float32)
    exact = linear_scan(a.double(), b.double(), form="loop")
    for form in FORMS:
        assert apart(linear_scan(a, b, form=form), exact) < 1e-5 * exact.abs().max()


def test_the_choice_is_one_of_the_forms(unchecked):
    for shape, steps, form in (((4, 4), 200, "tree"), ((4, 4), 8, "loop")):
        assert _scan.chosen(numbers(steps, shape=shape)[1]) == form
    assert _scan.chosen(numbers(200, shape=(20, 20))[1]) == "loop"
    with pytest.raises(UserError, match="no form 'treee'"):
        linear_scan(*numbers(3), form="treee")
