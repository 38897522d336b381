"""The LRCN is torch's LSTM on frames' features, causal unless it reads backwards."""

import pytest
import torch

from fernn import models
from labrun.errors import UserError

EXACT = 1e-12


def build(size=8, **changes):
    torch.manual_seed(0)
    spec = {"kind": "lrcn", "hidden": 8, "boundary": "circular", "stride": 1}
    return models.build({**spec, **changes}, size).double().eval()


def clip(frames=5, size=8):
    torch.manual_seed(1)
    return torch.rand(2, frames, 1, size, size, dtype=torch.float64)


def apart(left, right):
    return (left - right).abs().max().item()


@torch.no_grad()
@pytest.mark.law("models/lrcn")
def test_it_is_its_equations():
    """Torch's gates are i, f, g, o; the answer is the mean over frames, or the last."""
    model, last = build(), build(of="last")
    features = model.features(clip().flatten(0, 1)).unflatten(0, (2, 5))
    lstm, h, c, answers = model.recur, torch.zeros(2, 8).double(), 0, []
    for x in features.unbind(1):
        drive = x @ lstm.weight_ih_l0.T + h @ lstm.weight_hh_l0.T
        i, f, g, o = (drive + lstm.bias_ih_l0 + lstm.bias_hh_l0).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        answers.append(model.linear(h))
    assert apart(model(clip()), torch.stack(answers).mean(0)) < EXACT
    assert apart(last(clip()), answers[-1]) < EXACT


@torch.no_grad()
@pytest.mark.parametrize("bidirectional", [False, True])
def test_answers_do_not_know_later_frames_unless_it_reads_backwards(bidirectional):
    model, other = build(bidirectional=bidirectional), clip()
    other[:, 3:] = 0
    change = apart(model.answers(clip())[:, :3], model.answers(other)[:, :3])
    assert (change > 1e-6) if bidirectional else (change == 0)


@torch.no_grad()
def test_a_clip_backwards_with_the_directions_exchanged_gives_answers_backwards():
    model, exchanged = build(bidirectional=True), build(bidirectional=True)
    for name, weight in model.recur.named_parameters():
        twin = name.removesuffix("_reverse") if "reverse" in name else f"{name}_reverse"
        getattr(exchanged.recur, twin).copy_(weight)
    exchanged.linear.weight.copy_(model.linear.weight.roll(8, 1))
    backwards = exchanged.answers(clip().flip(1)).flip(1)
    assert apart(backwards, model.answers(clip())) < EXACT
    assert apart(model.answers(clip().flip(1)).flip(1), model.answers(clip())) > 1e-6


@torch.no_grad()
@pytest.mark.parametrize(
    ("change", "shift", "kept"),
    [
        ({}, 1, True),
        ({"stride": 2}, 8, True),
        ({"stride": 2}, 1, False),
        ({"boundary": "zero"}, 1, False),
    ],
)
def test_static_shifts(change, shift, kept):
    model, video = build(16, **change), clip(size=16)
    moved = apart(model(video.roll(shift, -1)), model(video))
    assert (moved < EXACT) if kept else (moved > 1e-6)


@torch.no_grad()
def test_features_up_to_a_shift_do_not_see_a_flow_and_those_of_strides_do():
    model, video = build(), clip()
    flowed = torch.stack([video[:, t].roll(t, -1) for t in range(5)], 1)
    assert apart(model(flowed), model(video)) < EXACT
    assert apart(build(stride=2)(flowed), build(stride=2)(video)) > 1e-6


def test_sizes():
    assert models.parameters(models.build({"kind": "lrcn"}, 32)) == 225_766
    both = {"kind": "lrcn", "bidirectional": True}
    assert models.parameters(models.build(both, 32)) == 358_630


@pytest.mark.usefixtures("unchecked")
def test_wrong_options_are_refused():
    with pytest.raises(UserError, match="no of 'lst'; did you mean 'last'"):
        build(of="lst")
    with pytest.raises(UserError, match="stride must be positive"):
        build(stride=0)
