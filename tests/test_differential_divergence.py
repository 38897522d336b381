"""TAU's second loss, by hand and by torch's distributions."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch.distributions import Categorical, kl_divergence

from fernn.training.strategies import differential_divergence
from labrun.errors import UserError


def strategy(**options):
    return differential_divergence.build(None, SimpleNamespace(), None, **options)


def penalty(output, target, **options):
    return float(strategy(**options).penalty(None, (), output, target))


@pytest.mark.law("training/strategies/differential_divergence")
def test_it_is_the_divergence_of_differences_over_all_numbers():
    torch.manual_seed(0)
    output, target = torch.rand(2, 2, 4, 1, 3, 5, dtype=torch.float64)
    p, q = (
        Categorical(logits=(v[:, 1:] - v[:, :-1]).flatten(2) / 0.1)
        for v in (output, target)
    )
    expected = 0.1 * kl_divergence(p, q).mean() / 15
    assert penalty(output, target) == pytest.approx(float(expected))
    assert penalty(target, output) != pytest.approx(float(expected), rel=0.01)
    assert penalty(output, target + 1) == pytest.approx(float(expected))
    assert penalty(output, output.clone()) == pytest.approx(0, abs=1e-15)


def test_two_pixels_by_hand_and_two_frames_have_none():
    """Differences of ln 3 and 0, by τ = 1: p is 3/4 and 1/4, q one half each."""
    output, target = torch.zeros(2, 1, 3, 1, 1, 2, dtype=torch.float64)
    output[0, :, 0, 0, 0] = math.log(3) * torch.arange(3)
    expected = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    found = penalty(output, target, weight=1.0, temperature=1.0)
    assert found == pytest.approx(expected / 2)
    assert penalty(output[:, :2], target[:, :2]) == 0


def test_a_temperature_must_be_positive():
    with pytest.raises(UserError, match="temperature must be positive, got 0"):
        strategy(temperature=0.0)
