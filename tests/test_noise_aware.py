"""Training as a crossbar runs: noise of a step, and levels, by hand."""

import pytest
import torch

import continued
from fernn.training.strategies.noise_aware import straight_through
from labrun.errors import UserError

NOISY = {"kind": "noise_aware", "weight_noise": 0.1}


@pytest.fixture
def splits(sequences):
    return [sequences(split=name, pool=name) for name in ("train", "val")]


def test_without_noise_and_levels_it_is_plain_training(splits):
    _, plain = continued.run(None, splits)
    none = {**NOISY, "weight_noise": 0.0}
    _, found = continued.run(none, splits)
    assert all(torch.equal(found[name], plain[name]) for name in plain)
    for other in (NOISY, {**none, "bits": 2}):
        _, found = continued.run(other, splits)
        assert not torch.equal(found["cell.conv_h.weight"], plain["cell.conv_h.weight"])


@pytest.mark.law("training/strategies/noise_aware")
def test_clean_weights_make_the_step_of_the_noisy_ones():
    """Noise of a tenth of the largest weight is there in the step, and gone after."""
    model, _, way = continued.made(NOISY)
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    way.before_step({"step": 0}, None)
    weight = model.cell.conv_h.weight
    apart = weight - before["cell.conv_h.weight"]
    scale = 0.1 * before["cell.conv_h.weight"].abs().max()
    assert apart.std().item() == pytest.approx(scale.item(), rel=0.25)
    with torch.no_grad():
        weight += 1
    way.after_step({"step": 0})
    torch.testing.assert_close(weight, before["cell.conv_h.weight"] + 1)
    untouched = model.cell.conv_u.weight
    assert torch.equal(untouched, before["cell.conv_u.weight"])
    way.before_step({"step": 1}, None)
    again = weight - before["cell.conv_h.weight"] - 1
    assert not torch.allclose(again, apart, atol=1e-3)  # each step has its own


def test_levels_are_read_and_gradients_pass_them():
    state = torch.tensor([0.0, 0.2, 0.4, 1.0]).view(1, 1, 1, 1, 4).requires_grad_()
    read = straight_through(state, 1, signed=False)
    assert read.flatten().tolist() == [0, 0, 0, 1]
    read.sum().backward()
    assert state.grad is not None and (state.grad == 1).all()


@pytest.mark.parametrize("strategy", [NOISY, {**NOISY, "bits": 4}], ids=str)
def test_a_stopped_training_continues(splits, tmp_path, strategy):
    continued.require_same_bits(strategy, splits, tmp_path, (1, 6))


def test_what_it_cannot_do_is_refused():
    with pytest.raises(UserError, match="noise_aware: a noise must not be negative"):
        continued.made({**NOISY, "weight_noise": -1.0})
    model = {"kind": "persistence", "motion": "still"}
    with pytest.raises(UserError, match="noise_aware: a Persistence has no cell"):
        continued.made(NOISY, model=model)
