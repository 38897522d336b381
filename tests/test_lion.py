"""Windows and groups of LION: an inverse, who hears whom, which shifts it follows."""

import pytest
import torch

from fernn import models
from fernn.models.lion import ORDERS, Layer, Recurrence, grouped, ungrouped
from labrun.errors import UserError

EXACT = 1e-12
SIZE = 8


def build(**changes):
    torch.manual_seed(0)
    spec = {"kind": "lion", "context": 3, "hidden": 4, "window": 4, **changes}
    return models.build(spec, SIZE).double()


def video(seed=1):
    torch.manual_seed(seed)
    return torch.rand(2, 3, 1, SIZE, SIZE, dtype=torch.float64)


def apart(left, right):
    return (left - right).abs().max().item()


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shift", [0, 2])
def test_groups_are_put_back_and_in_the_other_order_are_not(order, shift):
    volume = torch.randn(2, 3, SIZE, 12, 4)
    groups = grouped(volume, 4, 12, shift, order)
    assert groups.shape == (2 * 2 * 3 * 4, 12, 4)
    assert torch.equal(ungrouped(groups, volume.shape, 4, shift, order), volume)
    (other,) = {*ORDERS} - {order}
    assert not torch.equal(ungrouped(groups, volume.shape, 4, shift, other), volume)
    if order == "rows" and not shift:  # three frames of a pixel, then the next column
        assert torch.equal(groups[0, :3], volume[0, :, 0, 0])
        assert torch.equal(groups[0, 3:6], volume[0, :, 0, 1])


@torch.no_grad()
@pytest.mark.law("models/lion")
def test_a_recurrence_is_its_equation_in_both_directions():
    torch.manual_seed(0)
    layer, groups = Recurrence(4).double(), torch.randn(2, 5, 4).double()
    gate, *parts = layer.drive(layer.norm(groups)).chunk(5, dim=-1)

    def scanned(keep, value, steps):
        h, states = torch.zeros(2, 4).double(), {}
        for step in steps:
            a = keep[:, step].sigmoid()
            h = states[step] = a * h + (1 - a) * value[:, step]
        return torch.stack([states[step] for step in range(5)], 1)

    both = scanned(*parts[:2], range(5)) + scanned(*parts[2:], reversed(range(5)))
    expected = layer.out(torch.nn.functional.silu(gate) * both)
    assert apart(layer(groups), expected) < EXACT


def heard(layers, group, at=(1, 1)):
    """Which pixels of the first frame one token hears, without the descriptor."""
    torch.manual_seed(0)
    made = [Layer(4, 4, group, 2 * (index % 2)).double() for index in range(layers)]
    volume = torch.randn(1, 3, SIZE, SIZE, 4, dtype=torch.float64, requires_grad=True)
    output = volume
    for layer in made:
        layer.describe.weight.data.zero_()
        output = layer(output)
    output[0, 2, *at].sum().backward()
    return volume.grad[0, 0].abs().sum(-1) > 0


def test_a_token_hears_its_window_and_after_a_shifted_layer_all():
    window = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    window[:4, :4] = True
    assert torch.equal(heard(1, 48), window)
    assert heard(2, 48).all()
    few = heard(1, 6)  # groups of two pixels in three frames
    assert few.sum() < 16 and not few[~window].any()


@torch.no_grad()
def test_the_forecast_moves_with_whole_windows_and_with_no_other_shift_or_flow():
    model, frames = build(), video()
    for shift, kept in ((4, True), (1, False), (2, False)):
        moved = model(frames.roll((shift, -shift), (-2, -1)), 4)
        error = apart(moved, model(frames, 4).roll((shift, -shift), (-2, -1)))
        assert (error < EXACT) if kept else (error > 1e-4)
    flowed = torch.stack([frames[:, t].roll(t, -1) for t in range(3)], 1)
    here = model(frames, 3).unbind(1)
    here = torch.stack([f.roll(3 + t, -1) for t, f in enumerate(here)], 1)
    scale = (here - here.mean((-2, -1), keepdim=True)).norm()
    assert (model(flowed, 3) - here).norm() / scale > 0.05


def test_a_longer_forecast_begins_with_the_shorter_one():
    model = build()
    assert torch.equal(model(video(), 7)[:, :2], model(video(), 2))
    again = model(model(video(), 3), 3)
    assert apart(model(video(), 6)[:, 3:], again) < EXACT


@torch.no_grad()
def test_all_frames_of_a_block_know_its_last_frame():
    """Windows are over time, too, and read in both directions: no causal model."""
    model, other = build(), video()
    other[:, -1] = 1 - other[:, -1]
    change = (model(other, 3) - model(video(), 3)).abs().amax((0, 2, 3, 4))
    assert change.min() > 1e-4


def test_sizes_and_thirty_steps_lower_the_loss():
    assert models.parameters(models.build({"kind": "lion"}, 28)) == 90_017
    model = build().float()
    dots = torch.zeros(4, 6, 1, SIZE, SIZE)
    for time in range(6):
        dots[range(4), time, 0, range(4), [(s + time) % SIZE for s in range(4)]] = 1
    optimiser, losses = torch.optim.Adam(model.parameters(), 0.01), []
    for _ in range(30):
        loss = (model(dots[:, :3], 3) - dots[:, 3:]).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


def recalled(ask, steps=200):
    """The last error of the pixel `ask`, which is to show what pixel (2, 2) shows.

    Convolutions alone carry it as far as (4, 4).
    """
    torch.manual_seed(0)
    spec = {"kind": "lion", "context": 1, "hidden": 8, "window": 6, "layers": 1}
    model = models.build(spec, 12)
    optimiser = torch.optim.Adam(model.parameters(), 0.01)
    loss = torch.tensor(torch.nan)
    for _ in range(steps):
        frames = torch.zeros(16, 1, 1, 12, 12)
        shown = torch.randint(0, 2, (16,)).float()
        frames[:, 0, 0, 2, 2] = shown
        loss = (model(frames, 1)[:, 0, 0, *ask] - shown).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return loss.item()


@pytest.mark.minutes
def test_a_layer_learns_to_recall_within_a_window_and_not_beyond():
    assert recalled((5, 5)) < 1e-3
    assert recalled((8, 8)) > 0.2  # of a variance of a quarter


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 3}, "windows of 3 pixels do not divide frames of 8×8"),
        ({"group": 7}, "a group must divide the 48 tokens of a window, got 7"),
    ],
)
def test_impossible_windows_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        build(**options)
