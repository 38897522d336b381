"""SimVP and TAU: blocks of frames; shifts, prefixes, counts, and no flow."""

import pytest
import torch

from fernn import models
from fernn.models._translator import Temporal
from fernn.models.simvp import SimVP
from labrun.errors import UserError
from test_recurrent import descend

EXACT = 1e-10  # in double precision
SMALL = {"kernel": 5, "dilation": 2, "expansion": 2, "scale": 1.0}
TORUS = SMALL | {"stages": 2, "shrink": 1, "boundary": "circular"}


def simvp(size=8, **options):
    torch.manual_seed(0)
    spec = {"kind": "simvp", "context": 3, "hidden": 4, "blocks": 2, **options}
    return models.build(spec, size).double().eval()


def video(frames=3, size=8):
    generator = torch.Generator().manual_seed(1)
    shape = 2, frames, 1, size, size
    return torch.rand(shape, dtype=torch.float64, generator=generator)


def shift_error(model, shift):
    frames = video()
    moved = model(torch.roll(frames, shift, (-2, -1)), 4)
    return (moved - torch.roll(model(frames, 4), shift, (-2, -1))).abs().max()


@pytest.mark.parametrize("normalize", ["batch", "sample"])
@pytest.mark.parametrize("attention", ["gsta", "tau"])
@pytest.mark.law("models/simvp")
def test_a_static_shift_of_a_torus_shifts_the_forecast(attention, normalize):
    model = simvp(**TORUS, attention=attention, normalize=normalize)
    assert shift_error(model, (1, -3)) < EXACT


def test_a_boundary_or_a_stride_breaks_shifts():
    """The converse; a stride keeps those of its multiples."""
    assert shift_error(simvp(**TORUS | {"boundary": "zero"}), (1, 0)) > 1e-3
    strided = simvp(**TORUS | {"shrink": 2})
    assert shift_error(strided, (1, 0)) > 1e-3
    assert shift_error(strided, (2, -4)) < EXACT


@pytest.mark.parametrize("attention", ["gsta", "tau"])
def test_it_is_not_flow_equivariant(attention):
    model, frames = simvp(**TORUS, attention=attention), video()
    still = model(frames, 3)
    flows = [torch.roll(frame, t, -1) for t, frame in enumerate(frames.unbind(1))]
    expected = [torch.roll(f, 3 + t, -1) for t, f in enumerate(still.unbind(1))]
    moved, expected = model(torch.stack(flows, 1), 3), torch.stack(expected, 1)
    assert (moved - expected).norm() / expected.norm() > 0.05


def test_longer_forecasts_feed_blocks_and_shorter_ones_are_cut():
    model, frames = simvp(**TORUS), video()
    whole = model(frames, 7)
    assert torch.equal(model(frames, 2), whole[:, :2])
    assert torch.equal(whole[:, 3:6], model(whole[:, :3], 3))
    assert torch.equal(torch.stack([*model.predict(frames, 7)], 1), whole)


def test_all_frames_of_a_block_depend_on_the_last_observed_one():
    """A block is not causal within itself: no recurrence over its frames."""
    model, frames = simvp(**TORUS), video()
    other = frames.clone()
    other[:, -1] = 0
    apart = (model(frames, 3) - model(other, 3)).abs().amax((0, 2, 3, 4))
    assert (apart > 1e-3).all()


@pytest.mark.parametrize(
    ("attention", "count", "millions"),
    [("gsta", 46_769_665, 46.8), ("tau", 44_656_001, 44.7)],
)
def test_published_sizes_have_the_published_parameters_and_train(
    attention, count, millions
):
    """Moving MNIST: 10 frames, 64 channels, 512 inside, 8 blocks, 4 stages."""
    torch.manual_seed(0)
    model = SimVP(16, width=512, attention=attention)
    assert models.parameters(model) == count
    assert round(count / 1e6, 1) == millions
    frames = torch.rand(1, 20, 1, 16, 16)
    losses = descend(model, frames[:, :10], frames[:, 10:], steps=2, rate=1e-4)
    assert losses[1] < losses[0]


def test_a_small_count_by_hand():
    """Context 1, 2 channels, 2 blocks, kernels 3 and 1 that dilate by 2, M of 1."""
    found = models.parameters(
        SimVP(4, 1, 2, None, 2, 2, 1, kernel=3, dilation=2, expansion=1)
    )
    encoder = (9 * 2 + 2 + 4) + (9 * 4 + 2 + 4)  # weights, bias, normalisation
    attention = 2 * (4 + 2) + (9 * 2 + 2) + (2 + 2) + (2 * 4 + 4)
    mix = 2 * (4 + 2) + (9 * 2 + 2)
    block = attention + mix + 2 * 4 + 2 * 2  # two normalisations, two scales
    assert found == encoder + 2 * block + 2 * (9 * 4 + 2 + 4) + (2 + 1)


def test_the_attention_of_tau_by_hand():
    """One pixel, identities, no large kernel: x + SE(y) · y · y with y = GELU(x)."""
    conv = torch.nn.Conv2d
    part = Temporal(conv, 1, 3, 2).double()
    with torch.no_grad():
        for convolution in (part.before, part.after, part.large[2]):
            convolution.weight.fill_(1)
            convolution.bias.zero_()
        for depthwise in (part.large[0], part.large[1]):
            torch.nn.init.dirac_(depthwise.weight)
            depthwise.bias.zero_()
        for linear in (part.weigh[0], part.weigh[2]):
            linear.weight.fill_(1)
    signal = torch.full((1, 1, 1, 1), 2.0, dtype=torch.float64)
    inner = torch.nn.functional.gelu(signal)
    expected = signal + inner.sigmoid() * inner * inner
    assert part(signal).item() == pytest.approx(expected.item())


@pytest.mark.parametrize("attention", ["gsta", "tau"])
def test_two_steps_of_training_lower_the_error(attention):
    model = simvp(**TORUS, attention=attention).train()
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    frames, errors = video(8), []
    for _ in range(3):
        error = (model(frames[:, :3], 5) - frames[:, 3:]).square().mean()
        optimiser.zero_grad()
        error.backward()
        assert all(weights.grad is not None for weights in model.parameters())
        optimiser.step()
        errors.append(error.item())
    assert errors[2] < errors[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stages": 3}, "stages must be even, got 3"),
        ({"hidden": 5}, "hidden must be even, got 5"),
        ({"blocks": 1}, "blocks must be two or more, got 1"),
        ({"attention": "gst"}, "attention.*gsta"),
        ({"stages": 4, "size": 10}, "4 times smaller, which 10×10 .*shrink: 1"),
    ],
)
def test_impossible_sizes_are_refused(options, message, unchecked):
    with pytest.raises(UserError, match=message):
        simvp(**options)


def test_other_frames_than_it_was_built_for_are_refused():
    model = simvp(**TORUS)
    with pytest.raises(UserError, match="takes 3 frames, got 4"):
        model(video(4), 2)
    with pytest.raises(UserError, match="no multiple of 2"):
        simvp(**TORUS | {"shrink": 2})(video(3, size=7), 2)
