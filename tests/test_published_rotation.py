"""The published rotation network: equal to its equations; options that are its own."""

import numpy as np
import pytest
import torch

import published_rotation as theirs
from fernn import models
from fernn.flows._basis import harmonics
from fernn.flows._regular import Lifting, RegularConvolution
from labrun.errors import UserError
from turning import error, signal

PUBLISHED = {
    "flow": {"basis": "rings", "interpolation": "bilinear", "initial_weights": "he"},
    "order": "move_first",
    "execution": "plain",
    "decoder": "ordinary",
    "rollout": "repeat",
}
# Of the predicted frames of `mapped`: the centre and a corner, from the equations. The
# paper's code, with escnn 1.0.11 and these filters, gives the same (docs/rotation.md).
CENTRES = [0.03987123305591253, 0.058056064732729444]
CORNERS = [-0.1699204579077286, -0.19749851137888644]


def mapped(**options):
    """The network with the numbers of `published_rotation`."""
    flow = {"kind": "rotation", "orientations": 8, "velocities": [-45, 0, 45]}
    spec = {"kind": "forecaster", "hidden": 1, "decoder_layers": 0, **PUBLISHED}
    spec |= {
        **options,
        "flow": {**flow, **PUBLISHED["flow"], **options.get("flow", {})},
    }
    model = models.build(spec, theirs.SIZE).double()
    lift, between, decoder = (each.weight for each in parts(model))
    with torch.no_grad():
        for function, turn in np.ndindex(6, 8):
            lift[function] = theirs.weight(function, 0, 2)
            between[function, turn] = theirs.weight(function, turn)
        for orientation, pixel in np.ndindex(8, 9):
            found = theirs.weight(orientation, pixel, 1)
            decoder[0, orientation, pixel // 3, pixel % 3] = found
    return model


def parts(model):
    return model.cell.conv_u, model.cell.conv_h, model.decoder[-1]


def test_the_published_network_is_that_of_its_equations():
    video = theirs.frames(3)
    expected = torch.from_numpy(theirs.predicted(video, 2))
    frames = torch.from_numpy(video)[None, :, None]
    found = mapped()(frames, 2)[0, :, 0]
    assert error(found, expected) < 1e-13
    np.testing.assert_allclose(found[:, 2, 2].tolist(), CENTRES, rtol=1e-12)
    np.testing.assert_allclose(found[:, 0, 0].tolist(), CORNERS, rtol=1e-12)
    other = {"interpolation": "bicubic"}
    for options in ({"order": "convolve_first"}, {"flow": other}, {"rollout": "free"}):
        assert error(mapped(**options)(frames, 2)[0, :, 0], expected) > 0.01


def test_the_inmost_published_ring_is_the_centre_pixel():
    """The next has 1 at the edges and exp(-(√2 - 1)² / 0.32) = 0.585 at the corners."""
    orders, real, _ = harmonics("rings", 3)
    assert orders.tolist() == [0, 0, 1, 2]
    centre = torch.zeros(3, 3, dtype=torch.float64)
    centre[1, 1] = 1
    assert error(real[0], centre) == 0 and real[1][1, 1] == 0
    assert real[1][0, 0] / real[1][0, 1] == pytest.approx(0.585, abs=5e-4)
    assert harmonics("gauss", 3)[1][0][0, 1] != 0  # the converse


@pytest.mark.parametrize("orientations", [5, 8])
def test_he_weights_keep_the_variance_of_every_frequency(orientations):
    """And each representation of the input brings the same share of it.

    By orders up to 2 the frequencies 0 … 4 of C_8 are reached from 0 to 2, from 0 to 3,
    from all, from 1 to 4 and from 2 to 4; those of C_5, 0 to 2, from all.
    """
    torch.manual_seed(0)
    part = RegularConvolution(48, 96, 3, orientations, "rings", initial="he")
    power = share(part.double().bank(part.weight), orientations)
    heard = {8: [3, 4, 5, 4, 3], 5: [3, 3, 3]}[orientations]
    for frequency, count in enumerate(heard):
        found = power[frequency][power[frequency] > 1e-9]
        assert len(found) == count
        torch.testing.assert_close(found, 1 / count * torch.ones(count), **CLOSE)
    usual = RegularConvolution(48, 96, 3, orientations, "rings")
    assert share(usual.double().bank(usual.weight), orientations).sum(1).max() < 0.5


def test_he_weights_of_frames_reach_as_far_as_the_highest_order():
    torch.manual_seed(0)
    lift = Lifting(48, 96, 3, 8, "rings", initial="he").double()
    bank = torch.fft.fft(lift.expand().view(8, 96, -1), dim=0, norm="ortho")
    found = bank.abs().square().sum(2).mean(1)
    expected = torch.tensor([1, 1, 1, 0, 0, 0, 1, 1]).double()
    torch.testing.assert_close(found, expected, **CLOSE)


CLOSE = {"rtol": 0.05, "atol": 1e-9, "check_dtype": False}


def share(bank, count):
    """The variance of white inputs in each output frequency, by input frequency."""
    kernels = bank.view(count, 96, count, 48, 9)
    spectrum = torch.fft.ifft(torch.fft.fft(kernels, dim=0, norm="ortho"), dim=2)
    power = count * spectrum.abs().square().sum((3, 4)).mean(1)
    half = count // 2 + 1
    folded = power[:half, :half].clone()  # frequencies l and -l of the input are one
    for frequency in range(1, (count + 1) // 2):
        folded[:, frequency] += power[:half, count - frequency]
    return folded


def test_the_order_of_a_step_matters_where_the_action_interpolates():
    """By 45 degrees, not by a quarter turn, not for a shift of whole pixels."""
    state = signal(1, 2, 16, 9, 9)
    turning = {"kind": "rotation", "orientations": 8}
    found = {}
    for name, flow in (
        ("45", {**turning, "velocities": [0, 45]}),
        ("90", {**turning, "velocities": [0, 90]}),
        ("shift", {"kind": "translation", "velocities": [[0, 0], [0, 1]]}),
    ):
        steps = []
        for order in ("convolve_first", "move_first"):
            torch.manual_seed(0)
            spec = {"kind": "forecaster", "flow": flow, "order": order}
            hidden = 16 if name == "shift" else 2
            model = models.build({**spec, "hidden": hidden, "execution": "plain"}, 9)
            steps.append(model.double().cell(None, state))
        found[name] = error(*steps)
    assert found["45"] > 0.01 and max(found["90"], found["shift"]) < 1e-13


@pytest.mark.parametrize("execution", ["comoving", "fused", "triton"])
def test_executions_that_convolve_first_refuse_the_other_order(execution, capfd):
    flow = {"kind": "translation", "max_speed": 1}
    spec = {"kind": "forecaster", "flow": flow, "hidden": 2, "order": "move_first"}
    with pytest.raises(UserError, match="convolves first, got order 'move_first'"):
        models.build({**spec, "execution": execution}, 9)
    assert type(models.build(spec, 9).cell).__name__ == "FlowEquivariantCell"
