"""Masked inputs: the base stays as it is, and steps learn to go without frames."""

import pytest
import torch

from continued import MODEL, made, require_same_bits, run
from fernn import models
from fernn.models import rollouts
from fernn.models.rollouts.masked import step
from fernn.training.gradient import Objective
from labrun.errors import UserError

MASKED = {**MODEL, "rollout": {"kind": "masked", "rank": 2}}
TAUGHT = {"kind": "masked_frames", "base": "it", "consistency": 0.5}
CLOSED = {"kind": "translation", "max_speed": 2}  # all velocities of 5×5 pixels


@pytest.fixture
def splits(sequences):
    return [sequences(split=name, pool=name) for name in ("train", "val")]


@pytest.fixture
def base():
    torch.manual_seed(9)
    return models.build({**MODEL, "rollout": "free"}, size=7).eval()


def drawn(model):
    """The model with masked steps that are none of those of the start."""
    with torch.no_grad():
        model.rollout_weights.image.fill_(0.7)
        model.rollout_weights.outer.normal_()
    return model


@pytest.mark.law("training/strategies/masked_frames")
def test_a_base_predicts_the_same_bits_after_masked_steps_are_learnt(splits, base):
    """Its own roll-out is meant; without the strategy all weights move."""
    video = splits[1].video(0, 4, 5, 0)[:, :3]
    for strategy, kept in ((TAUGHT, True), (None, False)):
        _, weights = run(strategy, splits, model=MASKED, needs={"base": base})
        masked = models.build(MASKED, size=7)
        masked.load_state_dict(weights)
        assert masked.rollout_weights.outer.abs().max() > 0
        assert masked.rollout_weights.image.abs().max() > 0
        assert not torch.equal(masked(video, 3), base(video, 3))
        masked.rollout = rollouts.build("free")
        assert torch.equal(masked(video, 3), base(video, 3)) == kept


@pytest.mark.law("models/rollouts/masked")
def test_a_masked_step_is_a_step_with_a_constant_frame_and_a_changed_kernel():
    """The change has the rank that is asked for, and none acts on observed frames."""
    model = drawn(models.build(MASKED, size=7).double())
    mask, cell = model.rollout_weights, model.cell
    video = torch.rand(2, 4, 1, 7, 7, dtype=torch.float64)
    before, state = model.observed(video), model.observed(video)
    found = step(model, state, 4)
    change = mask.kernel(cell.conv_h.weight) - cell.conv_h.weight
    assert torch.linalg.matrix_rank(change.flatten(1)) == 2
    plain = cell(cell.lift(torch.full((2, 1, 1, 7, 7), 0.7).double())[0], state)
    assert (found - plain).abs().max() > 1e-3
    with torch.no_grad():
        cell.conv_h.weight += change
    expected = cell(cell.lift(torch.full((2, 1, 1, 7, 7), 0.7).double())[0], state)
    torch.testing.assert_close(found, expected)
    assert torch.equal(before, state)


def test_it_begins_with_the_observed_state_and_goes_on_alone():
    model = drawn(models.build(MASKED, size=7).double())
    video = torch.rand(2, 4, 1, 7, 7, dtype=torch.float64)
    state, frames = model.observed(video), model(video, 3)
    for time in range(4, 7):
        torch.testing.assert_close(frames[:, time - 4], model.decode_moved(state, time))
        state = step(model, state, time)


@pytest.mark.parametrize("execution", ["plain", "fused", "comoving"])
def test_masked_steps_flow_on_a_closed_set(execution):
    spec = {**MASKED, "flow": CLOSED, "execution": execution}
    model = drawn(models.build(spec, size=5).double())
    flow, nu = model.cell.flow, (1, -2)
    video = torch.rand(2, 4, 1, 5, 5, dtype=torch.float64)
    moving = torch.stack([flow.act(f, nu, t) for t, f in enumerate(video.unbind(1))], 1)
    expected = [flow.act(f, nu, 4 + t) for t, f in enumerate(model(video, 5).unbind(1))]
    torch.testing.assert_close(model(moving, 5), torch.stack(expected, 1))


def test_only_masked_steps_learn_and_consistency_is_of_states(splits, base):
    model, chosen, way = made(TAUGHT, MASKED, {"base": base})
    found = Objective(splits[0], chosen, way).loss(drawn(model), (0, 4), step=0)
    video = splits[0].video(0, 4, 5, 0)
    video, target = video[:, :3], video[:, 3:]
    own = (model(video, 2) - target).square().mean()
    true = model.observed(torch.cat([video, target[:, :1]], 1))
    gap = (step(model, model.observed(video), 3) - true).square().mean()
    torch.testing.assert_close(found, own + 0.5 * gap)
    found.backward()
    moved = {name for name, each in model.named_parameters() if each.grad is not None}
    names = {"image", "inner", "outer"}
    assert moved == {f"rollout_weights.{name}" for name in names}


def test_it_is_stopped_and_continued_also_beside_a_curriculum(splits, base, tmp_path):
    both = [TAUGHT, {"kind": "curriculum", "horizons": [1, 3]}]
    how = {"needs": {"base": base}, "model": MASKED}
    whole = require_same_bits(both, splits, tmp_path, (2, 6, 10), **how)
    for fewer in (TAUGHT, [{**TAUGHT, "consistency": 0.0}, both[1]]):
        records = run(fewer, splits, **how)[0]
        assert records[-1]["train_loss"] != whole[0][-1]["train_loss"]


TURN = {"kind": "rotation", "max_speed": 1, "orientations": 4, "step": 90}


@pytest.mark.parametrize(
    ("strategy", "model", "message"),
    [
        ({**TAUGHT, "consistency": -1.0}, MASKED, "must not be negative, got -1.0"),
        (TAUGHT, {**MODEL, "rollout": "free"}, "needs a model with `rollout: masked`"),
        (TAUGHT, {**MASKED, "hidden": 5}, "base 'it' and the model differ"),
        (TAUGHT, {**MASKED, "decoder_layers": 3}, "base 'it' and the model differ"),
        (None, {**MASKED, "rollout": {"kind": "masked", "rank": -1}}, "got -1"),
        (None, {**MASKED, "flow": TURN}, "one convolution `conv_h` of the state"),
    ],
)
def test_wrong_masks_are_refused(base, strategy, model, message):
    with pytest.raises(UserError, match=message):
        made(strategy, model, needs={"base": base})


def test_one_frame_needs_no_mask(base):
    with pytest.raises(UserError, match="a horizon of two frames"):
        made(TAUGHT, MASKED, needs={"base": base}, horizon=1)
