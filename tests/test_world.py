"""World models: a map that moves as the world does, whatever the agent does."""

import itertools

import pytest
import torch
from torch.nn import functional as F

from fernn import models, testing
from fernn.cells import gated
from fernn.flows import build as flow
from fernn.models._window import Window, corners_of
from fernn.models.persistence import roll
from labrun.errors import UserError

SIZE, TORUS, FRAMES, AHEAD = 3, 5, 4, 3
CLOSED = {"kind": "translation", "closed": True}


def world(seed=0, size=SIZE, flow=CLOSED, **options):
    """A small world model in double precision."""
    torch.manual_seed(seed)
    spec = {"kind": "world", "flow": flow, "world": TORUS, "hidden": 3, **options}
    return models.build(spec, size).double()


def steps(seed=0, frames=FRAMES + AHEAD, most=TORUS):
    """Random steps of an agent, of two sequences."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-most, most + 1, (2, frames - 1, 2), generator=generator)


def scene(seed=0, frames=FRAMES, velocity=(0, 0), size=TORUS):
    """A world of noise that moves by one velocity."""
    generator = torch.Generator().manual_seed(seed)
    first = torch.rand(2, 1, size, size, generator=generator, dtype=torch.double)
    rows, columns = velocity
    moved = [first.roll((t * rows, t * columns), (-2, -1)) for t in range(frames)]
    return torch.stack(moved, dim=1)


def seen(worlds, actions, size=SIZE):
    """What a window shows of worlds, by definition: f_t(x) = w_t(x + p_t)."""
    corners = corners_of(actions)
    shown = torch.empty(*worlds.shape[:3], size, size, dtype=worlds.dtype)
    for place in itertools.product(*map(range, shown.shape)):
        sample, time, channel, *x = place
        row, column = (torch.tensor(x) + corners[sample, time]) % TORUS
        shown[place] = worlds[sample, time, channel, row, column]
    return shown


def test_the_map_is_that_of_the_recurrence_in_the_frame_of_the_window():
    """Equation 8 as it is written: the map moves by ν - a, the window stays."""
    model, actions, video = world(), steps(), seen(scene(), steps()[:, : FRAMES - 1])
    cell, state = model.cell, None
    for time, frame in enumerate(video.unbind(1)):
        padded = F.pad(frame, 2 * (0, TORUS - SIZE))
        mask = F.pad(torch.ones_like(frame), 2 * (0, TORUS - SIZE))
        drive = cell.conv_u(padded) + mask * model.sight[:, None, None]
        slots = []
        for slot, nu in enumerate(cell.flow.velocities):
            before = 0
            if state is not None:
                shift = torch.tensor(nu) - actions[:, time - 1]
                before = roll(cell.conv_h(state[slot]), shift)
            slots.append(torch.relu(before + drive))
        state = slots
    *_, found = model.states(video, model.corners(actions))
    corner = corners_of(actions)[:, FRAMES - 1]
    for slot, expected in enumerate(state):
        assert torch.allclose(found[:, slot], roll(expected, corner), atol=1e-12)


@pytest.mark.parametrize("options", [{}, {"cell": {"kind": "gated"}}])
@pytest.mark.law("models/world")
def test_the_map_moves_as_the_world_does_for_any_actions(options):
    """All of the world is seen; a flow of it moves the map, slot by slot."""
    model, nu = world(size=TORUS, **options), (1, -2)
    states = []
    for actions, velocity in ((steps(0), (0, 0)), (steps(1), nu)):
        worlds = scene(velocity=velocity)
        video = seen(worlds, actions[:, : FRAMES - 1], TORUS)
        *_, state = model.states(video, model.corners(actions))
        states.append(state)
    still, moved = states
    known = model.cell.flow
    for slot, velocity in enumerate(known.velocities):
        source = known.difference(velocity, nu)
        expected = known.act(still[:, source], nu, FRAMES - 1)
        assert torch.allclose(moved[:, slot], expected, atol=1e-12)
    assert not torch.allclose(moved, still, atol=1e-2)


@pytest.mark.parametrize("kind", ["advect", "free", "shifted"])
def test_who_follows_a_moving_world_sees_a_world_at_rest(kind):
    """Equal frames, an agent and a world that are faster by one velocity of V."""
    model, nu = world(rollout=kind), torch.tensor([2, -1])
    video = torch.rand(2, FRAMES, 1, SIZE, SIZE, dtype=torch.double)
    slow, fast = (model(video, AHEAD, steps() + more) for more in (0, nu))
    assert torch.allclose(slow, fast, atol=1e-12)
    truncated = world(flow={"kind": "translation", "max_speed": 1}, rollout=kind)
    slow, fast = (truncated(video, AHEAD, steps() + more) for more in (0, nu))
    assert not torch.allclose(slow, fast, atol=1e-3)


def memory(velocities=((0, 0),), **options):
    """A gated world model by hand: it takes in what it sees, and nothing else.

    Channel 0 is the ink, channel 1 tells that a pixel is seen; the gate is open there.
    """
    flow = {"kind": "translation", "velocities": [list(nu) for nu in velocities]}
    spec = {"flow": flow, "hidden": 2, "decoder_layers": 0, "cell": {"kind": "gated"}}
    model = world(**spec, **options)
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
        model.cell.conv_u.weight[0, 0, 1, 1] = 1
        model.sight[1] = 1
        model.map.decoder[0].weight[0, 0, 1, 1] = 1
        gate = model.cell.gate
        gate.convolution.weight[:, 3, 1, 1] = 1600
        gate.bias[:] = -800
    return model


@pytest.mark.parametrize("velocity", [(0, 0), (1, 2)])
def test_what_was_seen_is_remembered_exactly(velocity):
    """A world that moves by a velocity of V, any walk; nothing else is exact."""
    actions = steps(3)
    worlds = scene(frames=FRAMES + AHEAD, velocity=velocity)
    video = seen(worlds, actions)
    known = torch.zeros_like(worlds[:, 0], dtype=torch.bool)
    view = Window.of(SIZE, TORUS)
    for time, corner in enumerate(corners_of(actions)[:, :FRAMES].unbind(1)):
        there = torch.ones(2, 1, 1, SIZE, SIZE, dtype=torch.double)
        there = view.write(there, corner[:, None])[:, 0] > 0
        shift = [(FRAMES - 1 - time) * part for part in velocity]
        known |= there.roll(shift, (-2, -1))
    assert known.any()
    assert not known.all()  # else nothing would be left to remember wrongly

    def errors(model, given=actions):
        """The largest in what was seen, and the ink where nothing was."""
        found, ink = 0.0, 0.0
        forecast = model.beliefs(video[:, :FRAMES], AHEAD, given)
        for ahead, believed in enumerate(forecast, start=1):
            there = known.roll([ahead * part for part in velocity], (-2, -1))
            apart = (believed - worlds[:, FRAMES + ahead - 1]).abs()
            found = max(found, apart[there].max().item())
            ink = max(ink, believed[~there].abs().max().item())
        return found, ink

    assert errors(memory([velocity])) == (0, 0)
    assert errors(memory([velocity]), -actions)[0] > 0.1
    assert errors(memory([velocity], self_motion="ignored"))[0] > 0.1
    if any(velocity):
        assert errors(memory([(0, 0)]))[0] > 0.1


def test_a_plain_delta_kernel_remembers_what_was_seen_once():
    """W and U are deltas: the state is the sum of what was seen, here one frame."""
    still = {"kind": "translation", "max_speed": 0}
    model = world(flow=still, hidden=1, decoder_layers=0)
    with torch.no_grad():
        for conv in (model.cell.conv_u, model.cell.conv_h, model.map.decoder[0]):
            conv.weight.zero_()[0, 0, 1, 1] = 1
    actions, worlds = steps(), scene(frames=1 + AHEAD)
    actions = actions[:, :AHEAD]
    video = seen(worlds, actions)
    forecast = model(video[:, :1], AHEAD, actions)
    shown = torch.zeros(2, 1, TORUS, TORUS)
    shown[..., :SIZE, :SIZE] = 1
    mask = seen(shown[:, None].expand_as(worlds), actions)[:, 1:].bool()
    assert torch.equal(forecast, video[:, 1:] * mask)
    assert mask.any()
    wrong = model(video[:, :1], AHEAD, -actions)
    assert not torch.equal(wrong, video[:, 1:] * mask)


def test_a_window_as_large_as_the_world_feeds_all_of_it():
    video = torch.rand(2, FRAMES, 1, TORUS, TORUS, dtype=torch.double)
    options = {"size": TORUS, "rollout": "shifted", "sight": False}
    window, whole = (world(fed=fed, **options) for fed in ("window", "world"))
    apart = window(video, AHEAD, steps()) - whole(video, AHEAD, steps())
    assert apart.abs().max() < 1e-12
    part, all_of_it = (world(rollout="shifted", fed=f) for f in ("window", "world"))
    video = video[..., :SIZE, :SIZE]
    one, other = (model(video, AHEAD, steps()) for model in (part, all_of_it))
    assert (one - other).norm() > 1e-3 * one.norm()


@pytest.mark.parametrize("rollout", ["shifted", "repeat"])
def test_gradients_go_through_a_fed_window_if_they_are_to(rollout):
    video = torch.rand(2, FRAMES, 1, SIZE, SIZE, dtype=torch.double)
    found = []
    for gradient in (True, False):
        options = {"fed": "window", "gradient": gradient, "decoder_layers": 0}
        model = world(rollout=rollout, **options)
        with torch.no_grad():  # predictions within [0, 1], where a cut is no constant
            for weight in model.parameters():
                weight.abs_().mul_(0.2)
        output = model(video, AHEAD, steps())
        output[:, -1].square().mean().backward()
        found.append((output.detach(), model.map.decoder[-1].weight.grad))
    (one, through), (other, cut) = found
    assert torch.equal(one, other)
    assert (through - cut).norm() > 1e-6 * through.norm()


def test_the_authors_rollout_feeds_the_last_frame_twice():
    """The first prediction is that of a state which has taken it in once more."""
    model = world(rollout="repeat", fed="window", sight=False)
    video, actions = torch.rand(2, FRAMES, 1, SIZE, SIZE).double(), steps()
    again = torch.cat([video, video[:, -1:]], dim=1)
    *_, state = model.states(again, model.corners(actions))
    first = model.view.look(model.map.decode(state), model.corners(actions)[:, FRAMES])
    assert torch.allclose(model(video, AHEAD, actions)[:, 0], first, atol=1e-12)


@pytest.mark.law("cells/gated")
def test_a_gate_keeps_or_takes():
    """A state is between what it was and what is proposed; a gated cell is a cell."""
    cell = gated.build(flow(CLOSED, 5), 2).double()
    testing.assert_flow_equivariant(cell, cell.flow)
    kept, proposal = torch.rand(2, 1, 25, 2, 5, 5).double()
    with torch.no_grad():
        cell.gate.bias.fill_(1000)
        assert torch.equal(cell.gate(kept, proposal), proposal)
        cell.gate.bias.fill_(-1000)
        assert torch.equal(cell.gate(kept, proposal), kept)
        cell.gate.bias.zero_()
        for weight in cell.gate.convolution.parameters():
            weight.zero_()
    assert torch.allclose(cell.gate(kept, proposal), (kept + proposal) / 2)
    with pytest.raises(UserError, match="a gated cell has no orientations"):
        gated.build(flow({"kind": "rotation", "orientations": 4, "max_speed": 1}, 5), 2)


@pytest.mark.parametrize("motion", ["still", "estimated"])
@pytest.mark.law("models/recall")
def test_recall_is_exact_where_something_was_seen(motion):
    """It pastes what it sees; a map that is moved wrongly is not exact."""
    velocity = (0, 1) if motion == "estimated" else (0, 0)
    quiet = torch.tensor([[[0, 1], [0, 1], [0, 1], [0, 0], [0, 0], [1, 0]]] * 2)
    worlds = scene(frames=FRAMES + AHEAD, velocity=velocity)
    video = seen(worlds, quiet, TORUS)
    model = models.build({"kind": "recall", "world": TORUS, "motion": motion}, TORUS)
    found = torch.stack([*model.predict(video[:, :FRAMES], AHEAD, quiet)], dim=1)
    assert torch.equal(found, video[:, FRAMES:])
    wrong = torch.stack([*model.predict(video[:, :FRAMES], AHEAD, -quiet)], dim=1)
    assert not torch.allclose(wrong, video[:, FRAMES:])


def test_mistakes_are_told_in_one_line(unchecked):
    video, model = torch.rand(2, FRAMES, 1, SIZE, SIZE).double(), world()
    with pytest.raises(UserError, match=r"7 frames need actions of \(2, 6, 2\), got"):
        model(video, AHEAD, steps()[:, 1:])
    with pytest.raises(UserError, match="actions are whole pixels, got float32"):
        model(video, AHEAD, steps().float())
    with pytest.raises(UserError, match="frames are 2×3 pixels, the window 3×3"):
        model(video[..., 1:, :], AHEAD, steps())
    with pytest.raises(UserError, match="a window of 6×6 pixels is larger than its"):
        world(size=6)
    with pytest.raises(UserError, match="fed 'window' needs a roll-out that feeds"):
        world(fed="window")
    with pytest.raises(UserError, match="a world is a torus"):
        world(flow={"kind": "rotation", "orientations": 8, "max_speed": 1})
    with pytest.raises(UserError, match="two observed frames"):
        recall = models.build({"kind": "recall", "world": 5, "motion": "estimated"}, 3)
        recall.predict(video[:, :1], AHEAD, steps()[:, :AHEAD])
