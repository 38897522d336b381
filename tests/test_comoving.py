"""The co-moving model: any cell follows a flow in its frame, and none without it."""

import pytest
import torch
from torch.utils._pytree import tree_leaves

from fernn import models
from fernn.flows import push_forward
from fernn.models import temporal
from labrun.errors import UserError

EXACT = 1e-13  # in double precision; numbers are about one
SIZE, SEEN = 5, 4
RING = {"kind": "pan", "closed": True}
PLANE = {"kind": "translation", "closed": True}
TRUNCATED = {"kind": "translation", "max_speed": 1}
STILL = {"kind": "translation", "max_speed": 0}
NU = (0, -2)
MIXED = {"kind": "conv_gru", "mixing": "lattice"}
CELLS = [
    *({"kind": kind} for kind in temporal.kinds()),
    MIXED,
    {"kind": "conv_lstm", "mixing": "lattice"},
    {"kind": "miras", "rule": "moneta"},
    {"kind": "miras", "rule": "memora"},
    {"kind": "flash_rnn", "rule": "lstm"},
    {"kind": "flash_rnn", "rule": "gru"},
    {"kind": "flash_rnn", "rule": "elman"},
    {"kind": "lssl", "initial": "lin"},
]


def name(cell):
    return "-".join(cell.values())


def build(cell, flow=RING, **changes):
    torch.manual_seed(0)
    sizes = {"hidden": 3, "layers": 2, "decoder_layers": 1}
    spec = {"kind": "comoving", "cell": cell, "flow": flow, **sizes, **changes}
    return models.build(spec, SIZE).double()


def film():
    torch.manual_seed(1)
    return torch.randn(2, SEEN, 1, SIZE, SIZE, dtype=torch.float64)


def carried(frames, nu, first=0):
    """Frame t, of the time first + t, moved by so many steps of a flow."""
    moved = [
        torch.roll(frame, ((first + t) * nu[0], (first + t) * nu[1]), (-2, -1))
        for t, frame in enumerate(frames.unbind(1))
    ]
    return torch.stack(moved, 1)


def outputs(model, video):
    """Of all slots in their own frames, for each time."""
    return model.cell(video, [None] * len(model.cell.layers))[0]


@pytest.mark.parametrize(
    ("cell", "plane"), [*((cell, False) for cell in CELLS), (MIXED, True)], ids=str
)
@torch.no_grad()
@pytest.mark.law("models/comoving")
def test_a_flow_permutes_the_slots_and_nothing_else(cell, plane):
    model, video = build(cell, PLANE if plane else RING), film()
    flow, velocity = model.cell.flow, (1, -2) if plane else NU
    sources = [flow.difference(nu, velocity) for nu in flow.velocities]
    still, moved = outputs(model, video), outputs(model, carried(video, velocity))
    assert (moved - still[:, sources]).abs().max() < EXACT
    assert (moved - still).abs().max() > 1e-3  # and not each slot with itself


@pytest.mark.parametrize("rollout", ["advect", "shifted"])
@pytest.mark.parametrize("cell", CELLS, ids=name)
@torch.no_grad()
def test_forecasts_move_with_the_flow_and_with_a_shift(cell, rollout):
    model, video, horizon = build(cell, rollout=rollout), film(), 4
    still = model(video, horizon)
    moved = model(carried(video, NU), horizon)
    assert (moved - carried(still, NU, first=SEEN)).abs().max() < EXACT
    shifted = model(torch.roll(video, (1, 2), (-2, -1)), horizon)
    assert (shifted - torch.roll(still, (1, 2), (-2, -1))).abs().max() < EXACT
    assert (model(video, 2) - still[:, :2]).abs().max() < EXACT


@pytest.mark.parametrize("cell", CELLS, ids=name)
@torch.no_grad()
def test_without_the_frame_no_cell_follows(cell):
    """The error, relative to what the past adds to the newest frame's own output."""
    model, video = build(cell, flow=STILL), film()

    def last(frames, steps=0):
        *_, output = model.encode(frames)
        return torch.roll(output, [steps * part for part in NU], (-2, -1))

    still = last(video, SEEN - 1)
    past = still - last(video[:, -1:], SEEN - 1)
    error = (last(carried(video, NU)) - still).norm() / past.norm()
    assert error > 0.3


@pytest.mark.parametrize("cell", CELLS, ids=name)
@torch.no_grad()
def test_frames_one_by_one_give_what_all_at_once_give(cell):
    model, video = build(cell), film()
    whole, states, parts = outputs(model, video), [None, None], []
    for time, frame in enumerate(video.split(1, dim=1)):
        output, states = model.cell(frame, states, time)
        parts.append(output)
    assert (torch.cat(parts, 2) - whole).abs().max() < EXACT
    video[:, -1] += 1
    changed = outputs(model, video)
    assert (changed[:, :, :-1] - whole[:, :, :-1]).abs().max() < EXACT
    assert (changed - whole).abs().max() > 1e-4


@pytest.mark.parametrize("cell", CELLS, ids=name)
@torch.no_grad()
def test_a_state_does_not_grow_with_the_past_but_that_of_attention(cell):
    model, sizes = build(cell, layers=1), []
    for frames in (2, 8):
        states = model.cell(film().repeat(1, 2, 1, 1, 1)[:, :frames], [None])[1]
        kept = [each for each in tree_leaves(states) if torch.is_tensor(each)]
        sizes.append(sum(each.numel() for each in kept))
    assert (sizes[0] < sizes[1]) == (cell["kind"] == "attention")
    assert 0 < sizes[0] <= sizes[1]


@torch.no_grad()
def test_beyond_a_truncated_v_nothing_is_followed():
    model, video = build({"kind": "gru"}, TRUNCATED, rollout="shifted"), film()
    flow, inner, outer = model.cell.flow, (0, 1), (0, 2)
    still, moved = outputs(model, video), outputs(model, carried(video, inner))
    for slot, nu in enumerate(flow.velocities):
        source = flow.difference(nu, inner)
        if source is not None:
            assert (moved[:, slot] - still[:, source]).abs().max() < EXACT
    for velocity in (inner, outer):  # slots at the edge have lost their source
        forecast = model(carried(video, velocity), 2)
        expected = carried(model(video, 2), velocity, first=SEEN)
        assert (forecast - expected).abs().max() > 1e-4


@torch.no_grad()
def test_outputs_in_the_lab_are_those_of_the_frame_moved():
    model, video = build({"kind": "lstm"}), film()
    *_, last = model.encode(video)
    own = outputs(model, video)[:, :, -1]
    assert torch.equal(last, push_forward(model.cell.flow, own, SEEN - 1))
    assert not torch.equal(last, own)


@torch.no_grad()
def test_mixed_slots_are_those_of_the_lab_frame():
    """One ConvGRU layer in the lab: states move, neighbours stay where they are."""
    model, video = build(MIXED, PLANE, layers=1), film()
    flow, layer = model.cell.flow, model.cell.layers[0]

    def convolved(recurrent, state):
        sent = recurrent.weight(state.flatten(0, 1)).unflatten(0, state.shape[:2])
        sent = sent.unflatten(2, (len(recurrent.apart), -1))
        slots = [
            sum(
                sent[:, flow.difference(nu, (-rows, -columns)), place]
                for place, (rows, columns) in enumerate(recurrent.apart)
            )
            for nu in flow.velocities
        ]
        return push_forward(flow, torch.stack(slots, 1), 1)

    state = torch.zeros(2, len(flow.velocities), 3, SIZE, SIZE, dtype=torch.float64)
    for frame in video.unbind(1):
        drive = layer.drive(frame)[:, None]
        gates = torch.sigmoid(drive[:, :, :6] + convolved(layer.gates, state))
        z, r = gates.chunk(2, 2)
        reset = push_forward(flow, r, -1) * state  # gates are those of the next time
        new = torch.tanh(drive[:, :, 6:] + convolved(layer.candidate, reset))
        state = z * push_forward(flow, state, 1) + (1 - z) * new
    *_, encoded = model.encode(video)
    assert (encoded - state).abs().max() < EXACT


@pytest.mark.parametrize(
    ("cell", "hidden", "layers", "parameters"),
    [  # as the widths of the benchmark were computed, at 28 pixels
        ({"kind": "gru"}, 108, 2, 740_449),
        ({"kind": "lstm"}, 108, 2, 740_881),
        ({"kind": "s5"}, 101, 2, 734_066),
        ({"kind": "conv_gru"}, 108, 1, 739_477),
        ({"kind": "conv_lstm"}, 101, 1, 739_826),
        ({"kind": "aaren"}, 139, 2, 744_120),
        ({"kind": "attention"}, 135, 2, 737_316),
        ({"kind": "delta"}, 131, 2, 743_808),
        ({"kind": "flash_rnn"}, 96, 2, 742_753),
        ({"kind": "fsmn"}, 100, 2, 744_101),
        ({"kind": "lssl"}, 101, 2, 741_240),
        ({"kind": "mamba"}, 81, 2, 736_210),
        ({"kind": "miras"}, 135, 2, 744_612),
        ({"kind": "ssd"}, 135, 2, 742_184),
    ],
    ids=str,
)
def test_parameters(cell, hidden, layers, parameters):
    with torch.device("meta"):
        model = build(cell, hidden=hidden, layers=layers, decoder_layers=4)
    assert models.parameters(model) == parameters


@pytest.mark.parametrize("cell", CELLS, ids=name)
def test_every_weight_gets_a_gradient(cell):
    model = build(cell, TRUNCATED, rollout="shifted")
    model(film(), 2).square().sum().backward()
    without = [
        n for n, w in model.named_parameters() if w.grad is None or not w.grad.any()
    ]
    assert without == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cell": {"kind": "gur"}}, "no 'gur' in temporal; did you mean 'gru'?"),
        ({"cell": {"kind": "s5", "state": 2}}, "s5 has no option 'state'"),
        ({"cell": {"kind": "s5", "states": 0}}, "states must be positive, got 0"),
        ({"rollout": "free"}, "no rollout 'free'; known: advect, shifted"),
        (
            {"flow": {"kind": "rotation", "orientations": 4, "max_speed": 1}},
            "a comoving model has no orientations, the flow 4 of them",
        ),
    ],
)
def test_mistakes(unchecked, changes, message):
    with pytest.raises(UserError, match=message.replace("?", r"\?")):
        build(**{"cell": {"kind": "gru"}, **changes})


@torch.no_grad()
def test_with_one_slot_and_fed_frames_it_is_the_convgru():
    spec = {"kind": "convgru", "hidden": 3, "decoder_layers": 1}
    torch.manual_seed(2)
    plain = models.build(spec, SIZE).double()
    model = build({"kind": "conv_gru"}, STILL, layers=1, rollout="shifted")
    layer = model.cell.layers[0]
    both = torch.cat([plain.gates.weight, plain.candidate.weight])
    layer.drive.weight.copy_(both[:, :1])
    layer.drive.bias.copy_(torch.cat([plain.gates.bias, plain.candidate.bias]))
    layer.gates.weight.weight.copy_(plain.gates.weight[:, 1:])
    layer.candidate.weight.weight.copy_(plain.candidate.weight[:, 1:])
    for own, other in zip(
        model.decoder.parameters(), plain.decoder.parameters(), strict=True
    ):
        own.copy_(other)
    assert (model(film(), 3) - plain(film(), 3)).abs().max() < EXACT
