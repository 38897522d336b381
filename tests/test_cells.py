"""One step's derivative, the norm that is kept, and the sizes of the paper."""

import pytest
import torch

from fernn import models
from fernn.models.rollouts.free import norm
from labrun.errors import UserError

VELOCITIES = [[0, 0], [2, -1], [1, 3], [-3, 0]]


def pair(forecaster, execution="fused", **options):
    plain = forecaster(execution="plain", **options)
    other = forecaster(execution=execution, **options)
    other.load_state_dict(plain.state_dict())
    return plain, other


def test_the_fused_gradient_is_a_derivative(forecaster):
    """Against finite differences, for the state, the drive and the weight."""
    cell = forecaster(
        activation="tanh", flow={"kind": "translation", "velocities": VELOCITIES}
    ).cell
    state = torch.rand(1, 4, 3, 7, 7, dtype=torch.float64, requires_grad=True)
    drive = torch.rand(1, 1, 3, 7, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(cell, (drive, state), fast_mode=True)
    assert torch.autograd.gradcheck(lambda s: cell(None, s), (state,), fast_mode=True)


def test_shifting_by_the_wrong_velocity_would_be_noticed(forecaster):
    plain, fused = pair(forecaster, flow={"kind": "translation", "max_speed": 2})
    fused.cell.shift_pad = fused.cell.unshift_pad
    video = torch.rand(1, 4, 1, 7, 7, dtype=torch.float64)
    assert (plain(video, 2) - fused(video, 2)).abs().max() > 1e-3


@pytest.mark.law("models/rollouts/free")
def test_free_running_keeps_the_state_norm(forecaster):
    """Of a recurrence that by itself explodes: the converse is the bare cell."""
    model = forecaster(rollout="free")
    video = torch.rand(2, 4, 1, 7, 7, dtype=torch.float64)
    with torch.no_grad():
        model.cell.conv_h.weight.mul_(10)
        *_, state = model.encode(video)
        kept = norm(state)
        frames = torch.stack(list(model.predict(video, 100)))
        for _ in range(100):
            state = model.cell(None, state)
    assert (norm(state) > 1e6 * kept).all()
    largest = frames.abs().amax((0, 2, 3, 4))
    assert (largest < 10 * kept.flatten()).all() and (frames[-1].abs().amax() > 0)


@pytest.mark.parametrize("max_speed", [0, 1, 2])
def test_the_published_size_for_every_v(max_speed):
    # conv_u 1,152 + conv_h 147,456 + decoder 4 × 147,456 + 1,152
    flow = {"kind": "translation", "max_speed": max_speed}
    model = models.build({"kind": "forecaster", "flow": flow}, size=28)
    assert models.parameters(model) == 739_584
    assert set(dict(model.named_children())) == {"cell", "decoder"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rollout": "fre"}, "did you mean 'free'"),
        ({"pooling": "man"}, "no pooling 'man'"),
        ({"activation": "gelu"}, "no activation 'gelu'; did you mean 'selu'"),
        ({"kernel": 4}, "the kernel odd, got 1, 3 and 4"),
        ({"decoder_layers": -1}, "must not be negative, got -1"),
        ({"execution": "fast"}, "no execution 'fast'"),
        ({"hidden": 0}, "must be positive"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_wrong_values_are_refused_with_the_value(forecaster, options, message):
    with pytest.raises(UserError, match=message):
        forecaster(**options)
