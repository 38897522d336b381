"""The compiled step computes what the plain one does, in a known number of programs."""

import copy
import pickle

import pytest
import torch

from fernn import models
from fernn.cells import FlowEquivariantCell
from fernn.cells.flow_equivariant import executions
from fernn.cells.flow_equivariant._gather import opposite
from fernn.cells.flow_equivariant.compiled import CompiledCell
from fernn.flows.translation import Translation, square
from labrun.errors import UserError

# Its compiler imports parts of Torch that warn of each other.
pytestmark = pytest.mark.filterwarnings("ignore:.*script_method:DeprecationWarning")
UNEVEN = [(0, 0), (2, -1), (1, 3), (-9, 0)]


def with_gradients(model, video, horizon=5):
    """The predictions, and the gradient of each weight."""
    predicted = model(video, horizon)
    loss = predicted.square().sum()
    return [predicted.detach(), *torch.autograd.grad(loss, list(model.parameters()))]


@pytest.mark.parametrize("rollout", ["repeat", "warped", "free"])
def test_it_equals_the_plain_form(forecaster, rollout):
    """With an odd batch, without gradients, copied, and with checkpoints over time."""
    plain, fast, again = (
        forecaster(execution=name, rollout=rollout, checkpoint=checkpoint)
        for name, checkpoint in (
            ("plain", "none"),
            ("compiled", "none"),
            ("compiled", "segments"),
        )
    )
    assert isinstance(fast.cell, CompiledCell)
    assert fast.state_dict().keys() == plain.state_dict().keys()
    video = torch.rand(3, 4, 1, 7, 7, dtype=torch.float64)
    expected, found, kept = (with_gradients(m, video) for m in (plain, fast, again))
    for one, other in zip(expected, found, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-12, atol=1e-12)
        assert one.abs().max() > 0
    assert all(map(torch.equal, found, kept))
    for each in (fast, copy.deepcopy(fast), pickle.loads(pickle.dumps(fast))):
        with torch.no_grad():
            assert torch.equal(each(video, 5), found[0])
    slower = {"kind": "translation", "max_speed": 0}
    other = forecaster(execution="compiled", rollout=rollout, flow=slower)
    assert not torch.allclose(other(video, 5), found[0])


@pytest.mark.parametrize(
    ("velocities", "size", "kernel", "activation"),
    [([(0, 0)], 8, 3, "relu"), (UNEVEN, (7, 9), 5, "tanh"), (square(2), 5, 1, "selu")],
)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_step_for_every_v_and_kernel(velocities, size, kernel, activation, dtype):
    """In single precision with at most twice the plain form's own error."""
    torch.manual_seed(0)
    slots, options = len(velocities), {"hidden": 5, "kernel": kernel}
    reference = FlowEquivariantCell(
        Translation(velocities, size), activation=activation, **options
    ).double()
    state = torch.randn(3, slots, 5, *reference.flow.torus, dtype=torch.float64)
    drive = torch.randn_like(state[:, :1])
    exact = gradients(reference, drive, state)

    def errors(kind, velocities):
        cell = kind(Translation(velocities, size), activation=activation, **options)
        cell.load_state_dict(reference.state_dict())
        found = gradients(cell.to(dtype), drive.to(dtype), state.to(dtype))
        pairs = zip(found, exact, strict=True)
        return [((one - true).norm() / true.norm()).item() for one, true in pairs]

    found = errors(CompiledCell, velocities)
    if dtype == torch.float64:
        assert max(found) < 1e-12
        if slots > 1:  # the other way it is another step
            assert max(errors(CompiledCell, opposite(velocities))) > 0.1
    else:
        assert 0 < sum(found) < 2 * sum(errors(FlowEquivariantCell, velocities))


def gradients(cell, drive, state):
    """The next state, its maximum, and the gradients of both."""
    inputs = [tensor.clone().requires_grad_() for tensor in (drive, state)]
    stepped, maximum = cell.forward_with_maximum(*inputs, 1)
    loss = stepped.square().sum() + maximum.pow(3).sum()
    wanted = [*inputs, cell.conv_h.weight]
    return [stepped.detach(), maximum.detach(), *torch.autograd.grad(loss, wanted)]


def test_neither_frames_nor_lengths_make_another_program(forecaster):
    """Two ahead, two back, with the maximum and without; another batch has its own."""
    model = forecaster(execution="compiled", rollout="repeat", hidden=2)
    counters = torch._dynamo.utils.counters["stats"]
    before = counters["unique_graphs"]
    for context, horizon in [(3, 2), (6, 1), (4, 7)]:
        with_gradients(model, torch.rand(2, context, 1, 7, 7).double(), horizon)
        assert counters["unique_graphs"] - before == 4
    for batch, programs in [(2, 4), (1, 6), (1, 6)]:
        with torch.no_grad():
            list(model.predict(torch.rand(batch, 5, 1, 7, 7).double(), 3))
        assert counters["unique_graphs"] - before == programs


def test_mixed_precision_is_near_the_plain_form():
    """In bfloat16, with weights and their gradients in single precision."""
    torch.manual_seed(0)
    plain, fast = (
        kind(Translation(square(1), 7), hidden=8)
        for kind in (FlowEquivariantCell, CompiledCell)
    )
    fast.load_state_dict(plain.state_dict())
    inputs = torch.randn(2, 1, 8, 7, 7), torch.randn(2, 9, 8, 7, 7)
    exact = gradients(plain, *inputs)
    with torch.autocast("cpu", torch.bfloat16):
        found = gradients(fast, *inputs)
    assert found[0].dtype == torch.bfloat16 and found[-1].dtype == torch.float32
    for one, true in zip(found, exact, strict=True):
        assert 1e-5 < (one.float() - true).norm() / true.norm() < 0.1


def test_without_a_compiler_one_line_says_so(monkeypatch, tmp_path):
    """Nor is one needed to count weights, where nothing is computed."""
    from torch._inductor import config

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    flow = Translation(square(1), 6)
    cell, state = CompiledCell(flow, hidden=2), torch.rand(1, 9, 2, 6, 6)
    with config.patch({"cpp.cxx": (str(tmp_path / "g++"),)}):
        with pytest.raises(UserError, match=r"cannot compile: .*use execution 'fused'"):
            cell(None, state)
    assert cell.to("meta")(None, state.to("meta")).shape == state.shape


def test_what_it_does_not_run_is_refused():
    spec = {"kind": "forecaster", "hidden": 2, "execution": "compiled"}
    turning = {"kind": "rotation", "orientations": 4, "max_speed": 1}
    with pytest.raises(UserError, match=r"'compiled' shifts .* got Rotation; use"):
        models.build({**spec, "flow": turning}, 7)
    moving = {"kind": "translation", "max_speed": 1}
    with pytest.raises(UserError, match="'compiled' does not mix slots"):
        models.build({**spec, "flow": moving, "mixing": "lattice"}, 7)
    assert "compiled" in executions()
