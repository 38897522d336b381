"""The models of Moving KTH as published: strides, learned kernels, parameters."""

import copy

import pytest
import torch
import torch.nn.functional as F

from fernn import models
from fernn.config.operations import Step, count

SQUARE = {"kind": "translation", "max_speed": 2}
STAGES = [(16, 8, 32), (32, 8, 16), (32, 8, 16), (64, 8, 8), (64, 8, 8)]
PASSES = [2, 3, 3, 3, 3]  # forward, and backward to the weights and to the input


def conv3d(**changes):
    return models.build({"kind": "conv3d", **changes}, 32)


@pytest.mark.parametrize("boundary", ["zero", "circular"])
def test_stages_stride_once_in_time_and_twice_in_space(boundary):
    model, seen = conv3d(boundary=boundary), []
    for stage in model.stages:
        stage.register_forward_hook(lambda *told: seen.append(told[-1].shape[1:]))
    model(torch.rand(2, 16, 1, 32, 32))
    assert [tuple(shape) for shape in seen] == [(c, t, s, s) for c, t, s in STAGES]
    assert models.parameters(model) == 208_598


@pytest.mark.parametrize(
    ("size", "frames", "fewer", "sides"),
    [(32, 16, 8, (32, 16, 16, 8, 8)), (5, 3, 2, (5, 3, 3, 2, 2))],
)
def test_operations_of_the_stages_by_hand(size, frames, fewer, sides):
    inputs, outputs = (1, 16, 32, 32, 64), (16, 32, 32, 64, 64)
    stages = zip(PASSES, inputs, outputs, sides, strict=True)
    by_hand = sum(p * 27 * i * o * fewer * side**2 for p, i, o, side in stages)
    found = count({"kind": "conv3d", "hidden": 128}, Step(size, frames))
    assert found == pytest.approx(by_hand, rel=1e-12)
    if size == 32:  # 0.17 G forward; the first stage lacks one pass
        assert by_hand == 3 * 173_408_256 - 27 * 16 * 8 * 32**2


def test_each_learned_kernel_is_drawn_by_itself():
    """25 weights of a standard deviation of 1/5: the norm of a shift, 1, on average."""
    torch.manual_seed(0)
    spec = {"kind": "classifier", "flow": SQUARE, "shifts": "learned", "hidden": 8}
    kernels = [models.build(spec, 32).cell.shift.weight.detach() for _ in range(20)]
    assert kernels[0].shape == (25, 1, 5, 5)
    weights = torch.stack(kernels).flatten(2)  # 500 kernels
    assert weights.std().item() == pytest.approx(0.2, rel=0.03)
    assert weights.square().sum(-1).mean().item() == pytest.approx(1, rel=0.05)
    together = (2 / 625) ** 0.5  # all as one kernel, with the gain of a ReLU
    assert together == pytest.approx(0.057, abs=1e-3)  # so L2 0.28, not 1
    line = {**spec, "flow": {"kind": "pan", "max_speed": 1}}
    three = torch.stack([models.build(line, 32).cell.shift.weight for _ in range(200)])
    assert three.std().item() == pytest.approx(1 / 3, rel=0.05)


def normalized(seen, norm, running):
    """One frame's batch normalisation by its equations; the running averages move."""
    mean, square = seen.mean((0, 2, 3)), (seen**2).mean((0, 2, 3))
    spread = square - mean**2
    count = seen.numel() / seen.shape[1]
    running["mean"] = 0.9 * running["mean"] + 0.1 * mean
    running["var"] = 0.9 * running["var"] + 0.1 * spread * count / (count - 1)
    scaled = (seen - mean[:, None, None]) / (spread + 1e-5).sqrt()[:, None, None]
    return scaled * norm.weight[:, None, None] + norm.bias[:, None, None]


def by_equations(model, video):
    """Logits and running averages of the published classifier: frame after frame."""
    encoder, state = model.cell.conv_u, 0.0
    running = [{"mean": 0.0, "var": 1.0} for _ in range(3)]
    for frame in video.unbind(1):
        for layer in range(3):
            convolve, norm = encoder[3 * layer], encoder[3 * layer + 1]
            frame = F.conv2d(frame, convolve.weight, padding=convolve.padding)
            frame = normalized(frame, norm, running[layer]).relu()
        slots = [frame] * 9
        if isinstance(state, list):
            moves = zip(state, model.cell.flow.velocities, strict=True)
            moved = [torch.roll(slot, velocity, (-2, -1)) for slot, velocity in moves]
            padded = [F.pad(slot, (1, 1, 1, 1), mode="circular") for slot in moved]
            slots = [frame + F.conv2d(h, model.cell.conv_h.weight) for h in padded]
        state = [slot.tanh() for slot in slots]
    return model.linear(torch.stack(state).amax(0).mean((2, 3))), running


def trained(statistics, shifts="flow"):
    """A classifier of 9 slots in training, and what it says to noise of 4 frames."""
    torch.manual_seed(0)
    spec = {"kind": "classifier", "flow": {**SQUARE, "max_speed": 1}, "hidden": 8}
    spec |= {"batch_statistics": statistics, "shifts": shifts}
    model = models.build(spec, 6).double().train()
    light = torch.tensor([1.0, 2, 0.5, 3])[:, None, None, None]  # frames differ
    video = light * torch.rand(3, 4, 1, 6, 6, dtype=torch.float64)
    return model, video


def test_batch_statistics_of_each_frame_follow_the_equations():
    model, video = trained("frame")
    before = copy.deepcopy(model)
    logits = model(video)
    expected, running = by_equations(before, video)
    torch.testing.assert_close(logits, expected, rtol=1e-10, atol=1e-12)
    for layer, averages in enumerate(running):
        norm = model.cell.conv_u[3 * layer + 1]
        assert norm.num_batches_tracked == 4  # one update a frame
        torch.testing.assert_close(norm.running_mean, averages["mean"])
        torch.testing.assert_close(norm.running_var, averages["var"])
    logits.square().sum().backward()
    expected.square().sum().backward()
    pairs = zip(model.parameters(), before.parameters(), strict=True)
    assert all(torch.allclose(one.grad, two.grad, rtol=1e-8) for one, two in pairs)


@pytest.mark.parametrize("shifts", ["flow", "learned"])
def test_batch_statistics_of_the_clip_are_others_in_training_alone(shifts):
    (frames, video), (clip, _) = (trained(way, shifts) for way in ("frame", "clip"))
    with torch.no_grad():
        one, other = frames(video), clip(video)
        assert (one - other).abs().max() > 0.01 * one.std()
        assert clip.cell.conv_u[1].num_batches_tracked == 1
        clip.load_state_dict(frames.state_dict())
        still, moved = frames.eval()(video), clip.eval()(video)
    assert torch.equal(still, moved)
    assert frames.cell.conv_u[1].num_batches_tracked == 4  # evaluation moves none
