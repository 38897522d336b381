"""Forecasters that learn with two readings, or with corrections by the surprise."""

import pytest
import torch

from fernn import treatments
from labrun.errors import UserError

CLOSED = {"kind": "translation", "closed": True}
OPTIONS = [
    {"readings": 2},
    {"recoding": "fixed", "recoding_step": 0.5},
    {"recoding": "learned", "recoding_step": 0.5},
    {"recoding": "predicted", "recoding_step": 0.5},
]
EXACT = 1e-10


@pytest.fixture
def build(forecaster):
    return lambda **changes: forecaster(
        **{"flow": CLOSED, "size": 5, "rollout": "shifted", **changes}
    )


def video(frames=4, batch=2):
    generator = torch.Generator().manual_seed(1)
    return torch.rand(batch, frames, 1, 5, 5, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("options", OPTIONS)
def test_it_is_the_treatment_of_the_same_weights(build, options):
    """A step that is predicted is at first the same for all sequences."""
    model, plain = build(**options), build()
    plain.load_state_dict(model.state_dict(), strict=False)
    kind = "read_twice" if "readings" in options else "recode"
    own = {"readings": 2} if "readings" in options else {"step": 0.5}
    treated = treatments.treat(plain, {"kind": kind, **own})
    assert (model(video(), 3) - treated(video(), 3)).abs().max() < EXACT
    assert torch.equal(model(video(), 3), torch.stack([*model.predict(video(), 3)], 1))
    assert (model(video(), 3) - plain(video(), 3)).abs().max() > 1e-3


@pytest.mark.parametrize("options", OPTIONS)
def test_a_flow_of_the_input_flows_the_forecast(build, options):
    model = build(**options)
    if options.get("recoding") == "predicted":
        model.recoding.weight.data.normal_()
    flow, nu, frames = model.cell.flow, (1, -2), video()

    def flowed(frames, first=0):
        moved = [flow.act(f, nu, first + t) for t, f in enumerate(frames.unbind(1))]
        return torch.stack(moved, dim=1)

    with torch.no_grad():
        still, moved = model(frames, 3), model(flowed(frames), 3)
    assert (moved - flowed(still, 4)).abs().max() < EXACT
    assert (moved - still).abs().max() > 1e-3


def test_steps_are_learnt_and_predicted_of_each_sequence(build):
    learned, predicted = build(**OPTIONS[2]), build(**OPTIONS[3])
    for model in (learned, predicted):
        model(video(), 3).square().mean().backward()
        assert model.recoding.bias.grad.abs().item() > 0
    assert predicted.recoding.weight.grad.abs().max() > 0
    predicted.recoding.weight.data.fill_(1.0)
    *_, state = predicted.encode(video())
    first, second = predicted.recoding.step(predicted, state, 4).flatten().tolist()
    assert first != second
    assert learned.recoding.step(learned, state, 4).item() == pytest.approx(0.5)
    assert not [*build(**OPTIONS[1]).recoding.parameters()]


def test_the_second_reading_has_a_gradient_through_the_first(build):
    once, twice = build(), build(readings=2)
    for model in (once, twice):
        model(video(), 3).square().mean().backward()
    gradients = [model.cell.conv_u.weight.grad for model in (once, twice)]
    assert (gradients[0] - gradients[1]).abs().max() > 1e-6


@torch.no_grad()
@pytest.mark.parametrize("options", OPTIONS)
def test_a_state_knows_no_later_frame(build, options):
    model, other = build(**options), video()
    other[:, 3:] = 0
    pairs = [*zip(model.states(video()), model.states(other), strict=True)]
    assert all(torch.equal(*pair) for pair in pairs[:3]) and len(pairs) == 4
    assert not torch.equal(*pairs[3])
    assert torch.equal(pairs[3][0], model.observed(video()))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"readings": 0}, "readings must be positive"),
        ({"recoding": "fixed", "recoding_step": 0.0}, "recoding_step must be positive"),
        ({"readings": 2, "checkpoint": "segments"}, "is for one reading and no"),
        ({"recoding": "learned", "checkpoint": "segments"}, "no recoding, got 1 and l"),
    ],
)
def test_others_are_refused(build, options, message):
    with pytest.raises(UserError, match=message):
        build(**options)
