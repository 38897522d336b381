"""A classifier with a closed V does not see the flow; others do. Published sizes."""

import pytest
import torch

from fernn import models
from fernn.cells.learned_shifts import LearnedShiftCell
from labrun.errors import UserError

PAN = {"kind": "pan", "closed": True}
TRUNCATED = {"kind": "pan", "max_speed": 1}
SQUARE = {"kind": "translation", "max_speed": 2}


def build(size=6, **changes):
    torch.manual_seed(0)
    spec = {"kind": "classifier", "flow": PAN, "hidden": 4, "boundary": "circular"}
    model = models.build({**spec, **changes}, size).double()
    for weight in model.cell.parameters():  # out of the linear range, where all means
        weight.data *= 3  # over the frame are equal
    return model


def logits(model, velocity):
    """Of a noise film, at rest and carried by a flow."""
    torch.manual_seed(1)
    video = torch.rand(2, 5, 1, 6, 6, dtype=torch.float64)
    steps = [tuple(t * part for part in velocity) for t in range(5)]
    flowed = [torch.roll(video[:, t], steps[t], (-2, -1)) for t in range(5)]
    model.eval()
    with torch.no_grad():
        return model(video), model(torch.stack(flowed, 1))


@pytest.mark.parametrize("last", [1, 3])
@pytest.mark.parametrize("columns", [1, 2, 5])
@pytest.mark.law("models/classifier", "evaluation/classification")
def test_a_flow_of_a_closed_v_changes_nothing(columns, last):
    still, moved = logits(build(last=last), (0, columns))
    assert (still - moved).abs().max() < 1e-12 < still.std()


@pytest.mark.parametrize(
    ("change", "velocity"),
    [
        ({"flow": TRUNCATED}, (0, 1)),
        ({"flow": {"kind": "pan", "max_speed": 0}}, (0, 1)),
        ({"boundary": "zero"}, (0, 1)),
        ({}, (1, 0)),  # not of this V
    ],
)
def test_other_flows_and_truncations_do(change, velocity):
    still, moved = logits(build(**change), velocity)
    assert (still - moved).abs().max() > 1e-4 * still.std()


@pytest.mark.law("models/conv3d")
def test_a_convolution_over_time_sees_every_flow():
    torch.manual_seed(0)
    model = models.build({"kind": "conv3d", "width": 4, "boundary": "circular"}, 6)
    still, moved = logits(model.double(), (0, 1))
    assert (still - moved).abs().max() > 1e-4 * still.std()
    still, shifted = logits(model, (0, 0))
    assert torch.equal(still, shifted)


def test_published_sizes():
    def count(**spec):
        return models.parameters(models.build(spec, 32))

    for speed in (0, 1, 2):
        flow = {"kind": "translation", "max_speed": speed}
        assert count(kind="classifier", flow=flow) == 241_638
    assert count(kind="conv3d") == 208_598
    learned = count(kind="classifier", flow=SQUARE, shifts="learned")
    assert learned == 241_638 + 25 * 25


def test_learned_shifts_can_be_the_flow():
    """One-hot kernels shift; so the G-RNN+ holds the FERNN, and need not be it."""
    flow = {"kind": "translation", "max_speed": 1}
    fixed, free = (build(flow=flow, shifts=s) for s in ("flow", "learned"))
    assert isinstance(free.cell, LearnedShiftCell)
    free.load_state_dict(fixed.state_dict(), strict=False)
    random = logits(free, (0, 0))[0]
    with torch.no_grad():
        free.cell.shift.weight.zero_()
        for slot, (rows, columns) in enumerate(free.cell.flow.velocities):
            free.cell.shift.weight[slot, 0, 1 - rows, 1 - columns] = 1
    expected = logits(fixed, (0, 0))[0]
    assert torch.allclose(logits(free, (0, 0))[0], expected, atol=1e-12)
    assert not torch.allclose(random, expected, atol=1e-3)


def test_the_fused_execution_gives_the_same_logits():
    plain, fused = (build(execution=name) for name in ("plain", "fused"))
    torch.testing.assert_close(logits(plain, (0, 0)), logits(fused, (0, 0)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shifts": "learnt"}, "no shifts 'learnt'; did you mean 'learned'"),
        ({"boundary": "zeros"}, "no boundary 'zeros'"),
        ({"pooling": "mx"}, "no pooling 'mx'"),
        ({"batch_statistics": "fram"}, "no batch_statistics 'fram'; did you mean"),
        ({"last": 0}, "at least one last frame"),
        ({"flow": {"kind": "pan"}}, "one of max_speed and closed, got none"),
        ({"flow": {**PAN, "max_speed": 1}}, "closed, got both"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_wrong_options_are_refused(change, message):
    with pytest.raises(UserError, match=message):
        build(**change)
