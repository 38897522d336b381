"""Rotations act as a group, and a convolution commutes with them."""

import itertools

import pytest
import torch

from fernn import models
from fernn.flows._regular import RegularConvolution
from fernn.models import rollouts
from fernn_bench.interpolation import slots
from labrun.errors import UserError
from turning import EXACT, QUARTERS, blob, error, rotation, signal

TURNING = [kind for kind in rollouts.kinds() if kind != "masked"]  # which refuses them


@pytest.mark.parametrize("size", [8, 9, 30])
def test_quarter_turns_are_a_group(size):
    flow, state = rotation(), signal(2, 16, size, size)
    for act in (flow.act, flow.act_on_state):
        assert torch.equal(act(state, (90,), 0), state)
        assert torch.equal(act(state, (90,), 4), state)
        assert torch.equal(act(act(state, (90,), 3), (90,), 2), act(state, (90,), 5))
        assert torch.equal(act(act(state, (90,)), (90,), -1), state)
        assert not torch.equal(act(state, (90,)), state)


def test_other_angles_are_nearly_a_group_on_what_is_smooth():
    flow = rotation(velocities=[10])
    frame = blob()
    round_trip = flow.act(flow.act(frame, (10,), 3), (10,), -3)
    assert 1e-3 < error(round_trip, frame) < 0.03
    sum_of_both = flow.act(flow.act(frame, (10,), 3), (25,), 2)
    assert error(sum_of_both, flow.act(frame, (80,))) < 0.03
    assert error(flow.act(frame, (10,), -3), flow.act(frame, (10,), 3)) > 0.1
    rough = rotation(velocities=[10], interpolation="bilinear")
    apart = error(rough.act(rough.act(frame, (10,), 3), (10,), -3), frame)
    assert apart > 1.5 * error(round_trip, frame)


def test_small_and_large_frames_turn_alike():
    """The matrix of small frames, against sampling: the middle of a large one."""
    flow, frame = rotation(), blob(21)
    framed = torch.nn.functional.pad(frame, (4, 4, 4, 4))
    turned = flow.act(framed, (37,))[..., 4:-4, 4:-4]
    assert error(flow.act(frame, (37,)), turned) < 1e-4


def test_positive_is_counter_clockwise():
    spot = torch.zeros(9, 9)
    spot[4, 8] = 1  # to the right
    assert rotation().act(spot, (90,))[0, 4] == 1  # then above
    assert rotation().act(spot, (45,)).argmax() in (1 * 9 + 7, 2 * 9 + 7, 1 * 9 + 6)


@pytest.mark.parametrize("orientations", [8, 7])
def test_orientations_move_by_fractions(orientations):
    """Two half steps are one, on what is no Nyquist wave; a whole one is a roll."""
    flow = rotation(orientations)
    wave = torch.arange(orientations) * 2 * torch.pi / orientations
    state = (1 + torch.cos(wave)).double()[:, None, None].expand(-1, 4, 4)
    half = torch.cos(wave - torch.pi / 6).double() + 1
    moved = flow.act_on_state(state, (30,))[:, 2, 2]
    inner = rotation(orientations).act(torch.ones(4, 4).double(), (30,))[2, 2]
    assert error(moved, half * inner) < 1e-6
    assert error(moved, state[:, 2, 2] * inner) > 0.1


@pytest.mark.parametrize("rollout", TURNING)
def test_both_frames_are_one_network_and_flow_exactly(rollout):
    """On the closed set of quarter turns: lab = co-moving, and the theorem for both."""
    video = signal(2, 4, 1, 7, 7).abs()
    outputs = []
    for execution in ("plain", "comoving"):
        model = forecaster(execution, rollout)
        flow = model.cell.flow
        moving = [flow.act(f, (90,), t) for t, f in enumerate(video.unbind(1))]
        moved = torch.stack(moving, 1)
        outputs.append(model(video, 3))
        flowed = [
            flow.act(f, (90,), 4 + t) for t, f in enumerate(outputs[-1].unbind(1))
        ]
        found = error(model(moved, 3), torch.stack(flowed, 1))
        assert (found < EXACT) == (rollout != "repeat")
        states = list(zip(model.encode(video), model.encode(moved), strict=True))
        for time, (still, other) in enumerate(states):
            expected = [
                flow.act_on_state(still[:, s - 1], (90,), time) for s in range(4)
            ]
            assert error(other, torch.stack(expected, 1)) < EXACT
    assert error(outputs[1], outputs[0]) < EXACT


def test_the_co_moving_frame_interpolates_once():
    """At 45 degrees its error does not grow; that of the lab frame does."""
    lab, own = (slots(name, "bicubic", (2, 16)) for name in ("plain", "comoving"))
    assert own[2] < lab[2] / 2 and own[16] < lab[16] / 4
    assert own[16] < 1.5 * own[2] and lab[16] > 2 * lab[2]


@pytest.mark.parametrize("rollout", TURNING)
def test_checkpoints_give_the_same_gradients(rollout):
    """Kernels are worked out again with what is computed again."""
    video = signal(2, 4, 1, 7, 7).abs()
    found = []
    for checkpoint in ("none", "segments"):
        model = forecaster("comoving", rollout, checkpoint=checkpoint)
        assert isinstance(model.cell.conv_h, RegularConvolution)
        model.cell.conv_h.form = "harmonic"
        model(video, 5).square().sum().backward()
        found.append([weight.grad for weight in model.parameters()])
    for one, other in zip(*found, strict=True):
        assert error(other, one) < EXACT and one.abs().max() > 0


def forecaster(execution, rollout="free", **options):
    torch.manual_seed(0)
    flow = {"kind": "rotation", "orientations": 8, "velocities": QUARTERS}
    spec = {"kind": "forecaster", "hidden": 2, "decoder_layers": 1, "flow": flow}
    spec |= {"execution": execution, "rollout": rollout, **options}
    return models.build(spec, 7).double()


def test_an_ordinary_decoder_is_not_equivariant():
    video = signal(2, 4, 1, 7, 7).abs()
    turned = torch.rot90(video, 1, (-2, -1))
    for decoder, exact in (("equivariant", True), ("ordinary", False)):
        model = forecaster("comoving", decoder=decoder)
        found = error(model(turned, 2), torch.rot90(model(video, 2), 1, (-2, -1)))
        assert (found < EXACT) == exact


def test_the_co_moving_frame_admits_what_the_lab_frame_refuses():
    flow = {"kind": "rotation", "orientations": 8, "velocities": [0, 10]}
    with pytest.raises(UserError, match="10 degrees/frame must be a multiple of 360/8"):
        forecaster("plain", flow=flow)
    with pytest.raises(UserError, match="needs a translation flow, got Rotation"):
        forecaster("fused", flow=flow)
    model = forecaster("auto", flow=flow)
    assert model(signal(1, 3, 1, 7, 7), 2).isfinite().all()


def test_sizes_of_the_paper():
    """V4 on C_36; the published decoder is 4 × 1152² × 9 + 1152 × 9 weights."""
    flow = {"kind": "rotation", "orientations": 36, "max_speed": 4, "basis": "rings"}
    spec = {"kind": "forecaster", "flow": flow, "hidden": 32, "decoder_layers": 4}
    model = models.build({**spec, "decoder": "ordinary"}, 28)
    assert [nu[0] for nu in model.cell.flow.velocities] == [*range(-40, 41, 10)]
    assert models.parameters(model.decoder) == 4 * 1152**2 * 9 + 1152 * 9
    small = models.build({**spec, "decoder_hidden": 8}, 28)
    assert models.parameters(small.decoder) < 100_000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"velocities": []}, "V is empty"),
        ({"velocities": [0, 360]}, "equal modulo 360 degrees; V has 2, of which 1"),
        ({"max_speed": 2, "closed": True}, "got 2 of them"),
        ({"orientations": 7, "closed": True}, "360/7 degrees is no whole number"),
        ({"orientations": 0, "velocities": [0]}, "must be positive, got 0"),
        ({"velocities": [0], "basis": "gaus"}, "did you mean 'gauss'"),
        ({"velocities": [0], "interpolation": "cubic"}, "did you mean 'bicubic'"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_is_no_flow_is_refused(options, message):
    with pytest.raises(UserError, match=message):
        rotation(**{"orientations": 8, **options})


def test_velocities_subtract_modulo_a_turn():
    closed = rotation(closed=True)
    assert closed.velocities == tuple((45 * k,) for k in range(8))
    for (left, a), (right, b) in itertools.product(
        enumerate(closed.velocities), repeat=2
    ):
        assert closed.difference(a, b) == (left - right) % 8
    assert rotation(max_speed=1).difference((45,), (-45,)) is None
    four = rotation(max_speed=4)  # of eight: all of them
    assert {nu[0] % 360 for nu in four.velocities} == {*range(0, 360, 45)}
    assert len(four.velocities) == 8
