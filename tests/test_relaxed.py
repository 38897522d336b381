"""Relaxed cells: strict at one end, free at the other, counted in between."""

import json
from typing import Any

import pytest
import torch

from fernn import cells, flows, models
from fernn.config.operations import Step, count
from fernn.config.options import check
from fernn.estimate import flop
from fernn.estimate.work import Network, Work
from fernn.models._relaxed import relaxations_of, strict
from labrun.errors import UserError

ALL = ["kernel", "mixing", "shift", "leak", "lift", "place", "readout"]
V1 = {"kind": "translation", "max_speed": 1}
TORUS = {"kind": "translation", "closed": True}


def video(frames=4, size=7, seed=1):
    generator = torch.Generator().manual_seed(seed)
    shape = (2, frames, 1, size, size)
    return torch.rand(shape, dtype=torch.float64, generator=generator)


def parts(model) -> dict[str, Any]:
    return {**relaxations_of(model)}


@torch.no_grad()
def at(model, gamma):
    """The model with all γ at a value, and its gains of pixels drawn."""
    generator = torch.Generator().manual_seed(2)
    for part in parts(model).values():
        part.gamma.fill_(gamma)
        if hasattr(part, "gain"):
            part.gain.copy_(torch.randn(part.gain.shape, generator=generator))
    return model


@pytest.mark.parametrize("rollout", ["free", "advect", "repeat", "shifted", "warped"])
@pytest.mark.parametrize("names", [[name] for name in ALL] + [ALL], ids=str)
def test_without_its_free_part_it_is_the_strict_model(forecaster, names, rollout):
    """Bit for bit; its strict weights are those of the same seed."""
    plain = forecaster(execution="plain", rollout=rollout)
    relaxed = at(forecaster(relaxations=names, rollout=rollout), 0.0)
    assert torch.equal(relaxed(video(), 3), plain(video(), 3))
    assert not torch.equal(at(relaxed, 0.1)(video(), 3), plain(video(), 3))
    spec, weights = strict({"relaxations": names, "hidden": 3}, relaxed.state_dict())
    own = plain.state_dict()
    assert spec == {"hidden": 3} and weights.keys() == own.keys()
    assert all(torch.equal(weights[name], own[name]) for name in own)


@pytest.mark.law("cells/learned_shifts")
def test_free_shifts_are_those_of_the_cell_with_learned_shifts(forecaster):
    learned = forecaster(cell={"kind": "learned_shifts", "activation": "relu"})
    relaxed = forecaster(relaxations=["shift"])
    names = {"cell.shift.weight": "cell.relaxed.shift.conv.weight"}
    weights = {names.get(k, k): each for k, each in learned.state_dict().items()}
    relaxed.load_state_dict(relaxed.state_dict() | weights)
    expected = learned(video(), 3)
    torch.testing.assert_close(relaxed(video(), 3), expected, rtol=0, atol=1e-14)
    half = at(relaxed, 0.5)(video(), 3)
    plain = at(relaxed, 0.0)(video(), 3)
    for other in (plain, expected):
        assert (half - other).abs().max() > 1e-3


def test_a_gain_of_one_pixel_worked_by_hand(forecaster):
    """γ = 0.5, P = atanh(0.4) at one pixel: the frame is 1.2 times as bright there."""
    model = forecaster(relaxations=["readout"])
    without = model(video(), 2).detach()
    part = parts(model)["readout"]
    with torch.no_grad():
        part.gamma.fill_(0.5)
        part.gain[0, 3, 4] = torch.tensor(0.4).atanh()
    with_gain = without.clone()
    with_gain[..., 3, 4] *= 1.2
    torch.testing.assert_close(model(video(), 2), with_gain, rtol=1e-6, atol=0)


def slot_error(cell, size, nu=(1, -1), frames=4):
    """The largest of h_t[ψ(ν̂) f](ν) - ψ_{t-1}(ν̂) h_t[f](ν - ν̂), relative."""
    flow, still = cell.flow, video(frames, size)
    moving = [flow.act(frame, nu, t) for t, frame in enumerate(still.unbind(1))]
    states = []
    for seen in (still, torch.stack(moving, 1)):
        state = None
        for lifted in cell.lift(seen):
            state = cell(lifted, state)
        states.append(state)
    rest, moved = states
    errors = []
    for slot, velocity in enumerate(flow.velocities):
        expected = flow.act(rest[:, flow.difference(velocity, nu)], nu, frames - 1)
        errors.append((moved[:, slot] - expected).norm() / expected.norm())
    return max(errors).item()


@pytest.mark.parametrize("name", [name for name in ALL if name != "readout"])
def test_equivariance_breaks_with_gamma_and_at_first_linearly(name):
    flow = flows.build(TORUS, 3)
    torch.manual_seed(0)
    cell = cells.RelaxedCell(flow, hidden=2, relaxations=[name]).double()
    errors = {g: slot_error(at(cell, g), 3) for g in (0.0, 1e-4, 1e-3, 1.0)}
    assert errors[0.0] < 1e-13 and errors[1.0] > 0.05
    assert errors[1e-3] / errors[1e-4] == pytest.approx(10, rel=0.05)


def test_the_part_that_is_free_is_that_of_the_newest_training_step(forecaster):
    model = forecaster(relaxations=["leak"]).train()
    part = parts(model)["leak"]
    with torch.no_grad():
        part.gamma.fill_(-0.5)
    strict, free = torch.tensor([3.0, 4.0]), torch.tensor([3.0, 14.0])
    part.between(strict, free)
    assert part.part() == 1.0  # 0.5 · 10 / 5
    with torch.no_grad():
        part.between(free, free)  # as in validation
    assert part.part() == 1.0
    part.between(free, free)
    assert part.part() == 0.0


def counted(names, rollout, trains):
    """Multiplications for a sequence: ours of a training step, torch's of a pass."""
    spec = {"kind": "forecaster", "hidden": 2, "decoder_layers": 0, "flow": V1}
    spec |= {"relaxations": names, "rollout": rollout}
    work = Work(Network(json.dumps(spec), 5), 1, 3, 4, 1, trains)
    return count(spec, Step(5, 3, 4)), flop.count(work).flop / 2


@pytest.mark.parametrize("rollout", ["free", "advect", "repeat", "shifted"])
def test_operations_are_those_that_torch_counts(rollout):
    """Forward: backward, its counter takes groups of channels for one."""
    without = counted(["leak"], rollout, trains=False)
    for name in ("kernel", "mixing", "shift", "lift", "place"):
        ours, torchs = counted([name], rollout, trains=False)
        passes = 2 if name == "lift" else 3
        assert ours - without[0] == passes * (torchs - without[1]), name
    ours, torchs = counted(["leak"], rollout, trains=True)
    given = 4 * 9 * 2 * 25  # gradients of fed predictions, not counted here
    assert ours <= torchs <= ours + given * (rollout == "shifted")


def test_a_free_kernel_and_shift_cost_what_a_hand_counts():
    """2 frames seen, 2 predicted, 4 pixels, V of 9: 2 steps, and 2 decoded moves."""
    spec = {"kind": "forecaster", "hidden": 2, "decoder_layers": 0, "flow": V1}
    both = count({**spec, "relaxations": ["kernel", "shift"]}, Step(2, 2, 2))
    one = count({**spec, "relaxations": ["leak"]}, Step(2, 2, 2))
    assert both - one == 4 * (3 * 2 * 9 * 9 * 2 * 2 + 3 * (2 + 2) * 9 * 2 * 9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"relaxations": ["shft"]}, "no relaxation 'shft'; did you mean 'shift'"),
        ({"relaxations": ["leak", "leak"]}, "relaxation 'leak' is given twice"),
        (
            {"relaxations": ["leak"], "execution": "fused"},
            "'fused' is not relaxed .*; use plain",
        ),
        (
            {"relaxations": ["leak"], "mixing": "lattice"},
            "mixed slots .* are not relaxed",
        ),
        (
            {
                "relaxations": ["leak"],
                "flow": {
                    "kind": "rotation",
                    "orientations": 4,
                    "step": 90,
                    "max_speed": 1,
                },
            },
            "shifts by whole pixels, got a Rotation",
        ),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_relaxed_is_refused(forecaster, options, message):
    with pytest.raises(UserError, match=message):
        forecaster(**options)


def test_a_configuration_names_relaxations():
    spec = {"kind": "forecaster", "flow": V1, "relaxations": ["shift", "leak"]}
    assert [*check("models", spec, (), ["size"])] == []
    wrong = [*check("models", {**spec, "relaxations": ["shft"]}, (), ["size"])]
    assert len(wrong) == 1 and "shift" in wrong[0].message


def test_a_cell_of_a_classifier_is_relaxed():
    spec = {"kind": "classifier", "flow": V1, "hidden": 4, "classes": 3}
    spec |= {"cell": {"kind": "flow_equivariant", "relaxations": ["shift"]}}
    model = models.build(spec, 7)
    assert [*relaxations_of(model)] == ["shift"]
    kept = strict(spec, model.state_dict())
    models.build(kept[0], 7).load_state_dict(kept[1])
