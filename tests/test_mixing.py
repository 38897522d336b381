"""Slots that are mixed: the theorem on a closed V, and what breaks it."""

from pathlib import Path

import pytest
import torch

from fernn import cells, flows, models, testing
from fernn.cells import FlowEquivariantCell, flow_equivariant
from fernn.cells.flow_equivariant._mixing import offsets
from labrun.errors import UserError

EXACT = 1e-10  # in double precision
TORUS = {"kind": "translation", "closed": True}
RING = {"kind": "pan", "closed": True}
TRUNCATED = {"kind": "translation", "max_speed": 1}
QUARTERS = {"kind": "rotation", "orientations": 4, "step": 90, "max_speed": 2}
SINGLE = {"kind": "translation", "max_speed": 0}


def video(frames, size):
    generator = torch.Generator().manual_seed(1)
    shape = (2, frames, 1, size, size)
    return torch.rand(shape, dtype=torch.float64, generator=generator)


def flowed(flow, frames, nu):
    moved = [flow.act(frame, nu, t) for t, frame in enumerate(frames.unbind(1))]
    return torch.stack(moved, dim=1)


def slot_error(model, size, nu, frames=5):
    """The largest of h_t[ψ(ν̂) f](ν) - ψ_{t-1}(ν̂) h_t[f](ν - ν̂), relative."""
    flow, seen = model.cell.flow, video(frames, size)
    still, moving = model.encode(seen), model.encode(flowed(flow, seen, nu))
    errors = []
    for time, (rest, moved) in enumerate(zip(still, moving, strict=True)):
        for slot, velocity in enumerate(flow.velocities):
            source = flow.difference(velocity, nu)
            if source is not None:
                expected = flow.act_on_state(rest[:, source], nu, time)
                errors.append((moved[:, slot] - expected).norm() / expected.norm())
    return max(errors).item()


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize(
    ("flow", "radius", "nu"),
    [
        (RING, 1, (0, 1)),
        (RING, 2, (0, -2)),
        (TORUS, 1, (1, -2)),
        (TORUS, 1, (0, 1)),
        (QUARTERS, 1, (90,)),
    ],
)
def test_a_shared_kernel_on_a_closed_v_is_equivariant(
    forecaster, flow, radius, nu, activation
):
    options = {"activation": activation, "mixing_radius": radius}
    model = forecaster(flow=flow, size=5, mixing="lattice", **options)
    assert slot_error(model, 5, nu) < EXACT


@pytest.mark.parametrize(("flow", "nu"), [(RING, (0, 1)), (QUARTERS, (90,))])
def test_a_kernel_for_each_pair_is_not(forecaster, flow, nu):
    model = forecaster(flow=flow, size=5, mixing="full")
    assert slot_error(model, 5, nu) > 0.05


def test_a_truncated_v_is_not(forecaster):
    """Its border slots hear less, so even inner slots differ after two steps."""
    model = forecaster(flow=TRUNCATED, mixing="lattice")
    assert slot_error(model, 7, (0, 1), frames=2) > 1e-3
    assert slot_error(forecaster(flow=TRUNCATED), 7, (0, 1)) < EXACT


@pytest.mark.parametrize("rollout", ["warped", "shifted", "free"])
def test_roll_outs_flow_with_mixed_slots(forecaster, rollout):
    model = forecaster(flow=RING, size=5, mixing="lattice", rollout=rollout)
    flow, frames, nu = model.cell.flow, video(4, 5), (0, 2)
    expected = [
        flow.act(frame, nu, 4 + ahead)
        for ahead, frame in enumerate(model(frames, 3).unbind(1))
    ]
    expected = torch.stack(expected, dim=1)
    found = model(flowed(flow, frames, nu), 3)
    assert (found - expected).norm() < EXACT * expected.norm()
    assert (model(frames, 3) - expected).norm() > 1e-3 * expected.norm()


@pytest.mark.parametrize("flow", [TRUNCATED, RING])
def test_a_kernel_at_zero_alone_mixes_nothing(forecaster, flow):
    plain = forecaster(flow=flow, execution="plain")
    mixed = forecaster(flow=flow, mixing="lattice")
    heard = mixed.cell.conv_h.weight
    apart = offsets(mixed.cell.flow, 1)
    state = plain.state_dict()
    delta = torch.zeros_like(heard).unflatten(0, (len(apart), -1))
    delta[apart.index((0, 0))] = state["cell.conv_h.weight"]
    mixed.load_state_dict({**state, "cell.conv_h.weight": delta.flatten(0, 1)})
    frames = video(4, 7)
    torch.testing.assert_close(mixed(frames, 2), plain(frames, 2), rtol=0, atol=1e-13)
    delta[apart.index((0, 1))] = state["cell.conv_h.weight"]
    mixed.load_state_dict({**state, "cell.conv_h.weight": delta.flatten(0, 1)})
    assert (mixed(frames, 2) - plain(frames, 2)).abs().max() > 1e-3


def test_a_slot_hears_those_that_are_an_offset_faster(forecaster):
    """A kernel at ν' - ν = (0, 1) moves what (0, 1) holds to (0, 0), and nothing else.

    What (0, -1) holds would go to (0, -2), which is not in V.
    """
    cell = forecaster(mixing="lattice", hidden=1, kernel=1).cell
    apart = offsets(cell.flow, 1)
    weight = torch.zeros(9, 1, 1, 1, dtype=torch.float64)
    weight[apart.index((0, 1))] = 2
    cell.load_state_dict({**cell.state_dict(), "conv_h.weight": weight})
    slot = cell.flow.velocities.index
    state = torch.zeros(1, 9, 1, 7, 7, dtype=torch.float64)
    state[:, slot((0, 1))] = 3
    heard = cell.convolve(state)
    assert (heard[:, slot((0, 0))] == 6).all() and heard.count_nonzero() == 49
    state = torch.zeros_like(state)
    state[:, slot((0, -1))] = 3
    assert cell.convolve(state).count_nonzero() == 0


def test_full_weights_that_are_tied_are_a_lattice(forecaster):
    lattice = forecaster(flow=RING, size=3, mixing="lattice")
    full = forecaster(flow=RING, size=3, mixing="full")
    kernel = lattice.cell.conv_h.weight.unflatten(0, (3, 3))  # all of Z_3: -1, 0, 1
    tied = torch.stack(
        [
            torch.cat([kernel[(other - slot + 1) % 3] for other in range(3)], 1)
            for slot in range(3)
        ]
    )
    state = lattice.state_dict() | {"cell.conv_h.weight": tied.flatten(0, 1)}
    full.load_state_dict(state)
    frames = video(4, 3)
    torch.testing.assert_close(full(frames, 2), lattice(frames, 2))


@pytest.mark.parametrize(
    ("mixing", "flow", "recurrent"),
    [
        ("none", TRUNCATED, 3 * 3 * 9),
        ("lattice", TRUNCATED, 9 * 3 * 3 * 9),  # 3 × 3 offsets
        ("lattice", RING, 3 * 3 * 3 * 9),  # along one axis
        ("lattice", SINGLE, 3 * 3 * 9),  # no neighbours
        ("full", TRUNCATED, 9 * 9 * 3 * 3 * 9),
        ("full", RING, 7 * 7 * 3 * 3 * 9),
    ],
)
def test_parameters(forecaster, mixing, flow, recurrent):
    model = forecaster(flow=flow, mixing=mixing)
    # 3×3 kernels: lift 1→3, decoder 3→3 and 3→1
    assert models.parameters(model) == recurrent + 27 + 81 + 27


def test_the_lattice_of_v_has_its_own_step():
    spec = {"kind": "translation", "velocities": [[0, -2], [0, 0], [0, 2]]}
    flow = flows.build(spec, 7)
    assert offsets(flow, 1) == [(0, -2), (0, 0), (0, 2)]


@pytest.mark.parametrize("execution", ["fused", "triton"])
def test_fast_executions_do_not_mix(forecaster, execution):
    with pytest.raises(UserError, match=f"'{execution}' does not mix slots"):
        forecaster(mixing="lattice", execution=execution)
    assert forecaster(mixing="none", execution=execution).cell


def test_the_choice_says_why_it_is_plain(forecaster, capsys):
    flow_equivariant._say.cache_clear()
    model = forecaster(mixing="lattice")
    assert type(model.cell).__base__ is FlowEquivariantCell
    line = "execution plain: slots are mixed (lattice)\n"
    assert capsys.readouterr().err == line


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mixing": "latice"}, "no mixing 'latice'; did you mean 'lattice'"),
        ({"mixing": "lattice", "mixing_radius": 0}, "must be positive, got 0"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_wrong_values_are_refused(forecaster, options, message):
    with pytest.raises(UserError, match=message):
        forecaster(**options)


def gated(flow, mixing="lattice", seed=0):
    torch.manual_seed(seed)
    spec = {"kind": "gated", "kernel": 3}
    spec |= {} if mixing == "none" else {"mixing": mixing}
    return cells.build(spec, flows.build(flow, 5), 3).double()


@pytest.mark.parametrize("flow", [TORUS, TRUNCATED, RING, SINGLE])
@torch.no_grad()
def test_a_gated_cell_begins_without_mixing(flow):
    """The identity to the bit, and the cell to the rounding of another order."""
    mixed, plain = gated(flow), gated(flow, "none")
    torch.manual_seed(1)
    state = torch.randn(2, len(mixed.flow.velocities), 3, 5, 5).double()
    lifted = plain.lift(video(1, 5))[0]
    assert torch.equal(mixed.mixing(state), state)
    mixed.load_state_dict({**plain.state_dict(), **own_of(mixed)})
    assert (mixed(lifted, state) - plain(lifted, state)).abs().max() < 1e-13
    assert (mixed(None, state) - plain(None, state)).abs().max() < 1e-13
    assert torch.equal(mixed(lifted, None), plain(lifted, None))
    mixed.mixing.convolution.weight.add_(0.1)
    assert (mixed(lifted, state) - plain(lifted, state)).abs().max() > 1e-3


def own_of(cell):
    """The weights of the mixing alone."""
    return {k: v for k, v in cell.state_dict().items() if k.startswith("mixing.")}


def test_the_mixing_of_a_gated_cell_is_learnt_from_its_identity_on():
    """Kernels of neighbours, which are zero, have a gradient; so has the delta."""
    cell = gated(TRUNCATED)
    state = torch.rand(2, 9, 3, 5, 5).double()
    cell(None, state)[:, 4].square().sum().backward()
    slope = cell.mixing.convolution.weight.grad.unflatten(0, (3, 9))
    assert (slope.abs().amax((2, 3, 4)) > 1e-9).all()


@torch.no_grad()
def test_a_gated_cell_that_mixes_is_equivariant_where_kernels_are_shared():
    cell = gated(RING)
    torch.nn.init.normal_(cell.mixing.convolution.weight)
    testing.assert_flow_equivariant(cell, cell.flow)
    cell.mixing.sources.copy_(cell.mixing.sources.roll(3, 0)[torch.randperm(15)])
    with pytest.raises(AssertionError, match="not flow equivariant"):
        testing.assert_flow_equivariant(cell, cell.flow)


@torch.no_grad()
def test_a_feature_hears_the_same_feature_of_a_slot_that_has_moved():
    """From ν = (0, 1) to (0, 0): the pixel is one column further, in one feature."""
    cell = gated(TRUNCATED)
    slot, kernels = cell.flow.velocities.index, cell.mixing.convolution.weight
    place = offsets(cell.flow, 1).index((0, 1))
    kernels.zero_().unflatten(0, (3, 9))[1, place, 0, 1, 1] = 2
    state = torch.zeros(1, 9, 3, 5, 5).double()
    state[0, slot((0, 1)), :, 2, 2] = 3
    cell.gate.bias.fill_(-1000)  # what is proposed is not taken
    expected = torch.zeros_like(state)
    expected[0, slot((0, 0)), 1, 2, 3] = 6
    assert torch.equal(cell(None, state), expected)
    cell.gate.bias.fill_(1000)  # what is proposed is taken
    assert torch.equal(cell(None, state), cell.convolve(expected).relu())
    assert expected.count_nonzero() == 1 < cell(None, state).count_nonzero()


@pytest.mark.usefixtures("unchecked")
def test_a_gated_cell_has_no_kernel_for_each_pair():
    with pytest.raises(UserError, match="no mixing 'full'; known: lattice, none"):
        gated(TRUNCATED, "full")


def test_learned_shifts_are_not_mixed():
    spec = {"kind": "classifier", "flow": TRUNCATED, "mixing": "lattice", "hidden": 4}
    assert models.build(spec, 7).cell.conv_h.out_channels == 9 * 4
    with pytest.raises(UserError, match="learned shifts do not mix slots"):
        models.build({**spec, "shifts": "learned"}, 7)


def test_a_cell_of_another_kind_follows_the_flow(monkeypatch, forecaster):
    """The toy, found by its name; that its slots move is what makes it so."""
    toys = Path(__file__).parent / "toys/cells"
    monkeypatch.setattr(cells, "__path__", [*cells.__path__, str(toys)])
    model = forecaster(flow=TORUS, size=5, cell={"kind": "held", "kernel": 3})
    assert slot_error(model, 5, (1, -2)) < EXACT
    model(video(3, 5), 3).square().sum().backward()
    assert all(weight.grad.abs().max() > 0 for weight in model.parameters())
    model.cell.move = lambda state: state
    assert slot_error(model, 5, (1, -2)) > 0.01
    with pytest.raises(UserError, match="no 'hled' in cells; did you mean 'held'"):
        forecaster(flow=TORUS, size=5, cell={"kind": "hled"})
