"""A window over the inputs of linear cells: what it forgets, exactly."""

import pytest
import torch

import continued
from fernn import models, treatments
from labrun.errors import UserError

RING = {"kind": "pan", "closed": True}
MODEL = {"kind": "comoving", "flow": RING, "hidden": 4, "decoder_layers": 0}
MODEL |= {"cell": {"kind": "s5"}, "layers": 1}


def made(**changes):
    torch.manual_seed(0)
    return models.build(MODEL | changes, size=5).double()


def video(frames):
    draw = torch.Generator().manual_seed(1)
    return torch.rand(2, frames, 1, 5, 5, dtype=torch.float64, generator=draw)


def windowed(model, length):
    return treatments.treat(model, {"kind": "window", "length": length})


@pytest.mark.law("treatments/window")
def test_a_window_is_a_model_that_reads_its_frames_alone():
    model, seen = made(), video(9)
    found = windowed(model, 4)(seen, 3)
    torch.testing.assert_close(found, model(seen[:, -4:], 3))
    assert not torch.allclose(found, model(seen, 3), rtol=1e-2)


def test_it_goes_on_where_it_fed_its_forecasts():
    """In the roll-out one frame after the other comes, each with the last states."""
    model, seen = windowed(made(rollout="shifted"), 3), video(6)
    plain = made(rollout="shifted")
    rolled = model(seen, 2)
    last = torch.cat([seen, rolled[:, :1].clamp(0, 1)], dim=1)[:, -3:]
    torch.testing.assert_close(rolled[:, 1], plain(last, 1)[:, 0])


def test_no_window_and_one_that_is_long_enough_change_nothing():
    model, seen = made(layers=2), video(6)
    assert torch.equal(windowed(model, None)(seen, 3), model(seen, 3))
    torch.testing.assert_close(windowed(model, 6)(seen, 3), model(seen, 3))


def test_forecasts_flow_on_a_closed_v():
    model, seen = windowed(made(layers=2), 3), video(6)
    flow = model.cell.flow

    def moved(frames, first):
        each = enumerate(frames.unbind(1), start=first)
        return torch.stack([flow.act(f, (0, 2), t) for t, f in each], dim=1)

    torch.testing.assert_close(model(moved(seen, 0), 3), moved(model(seen, 3), 6))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({**MODEL, "cell": {"kind": "gru"}}, r"linear cells \(s5\), got a Gru"),
        (continued.MODEL, "for a comoving model, got a forecaster"),
    ],
)
def test_cells_with_a_nonlinearity_are_refused(model, message):
    with pytest.raises(UserError, match=message):
        windowed(models.build(model, size=5), 3)


def test_a_window_of_no_frame_is_refused():
    with pytest.raises(UserError, match="positive whole number, got 0"):
        windowed(made(), 0)
