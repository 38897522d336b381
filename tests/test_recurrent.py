"""The loop of recurrent models without a flow; shifts and flows: test_every_model."""

import itertools

import pytest
import torch
from torch import nn

from fernn import models
from fernn.models import _recurrent
from labrun.errors import UserError

SMALL = {
    "convlstm": {"hidden": 4, "layers": 2, "decoder_layers": 1},
    "convgru": {"hidden": 4, "decoder_layers": 1},
    "predrnn": {"hidden": 3, "layers": 2},
    "phydnet": {"hidden": 4, "kernel": 3, "decoder_layers": 1},
    "pvrnn": {"hidden": 4, "decoder_layers": 1},
    "transformer": {"hidden": 8, "patch": 2, "layers": 2, "heads": 2, "window": 4},
    "sasrec": {"hidden": 8, "codes": 12, "heads": 2},
}
SIZE = 8
every = pytest.mark.parametrize("kind", SMALL)
IMAGINES = ("pvrnn",)  # what it predicts, by its prior, and is not fed it
fed_its_own = pytest.mark.parametrize("kind", [k for k in SMALL if k not in IMAGINES])


def made(kind, **changes):
    torch.manual_seed(0)
    return models.build({"kind": kind, **SMALL[kind], **changes}, SIZE).double()


@pytest.fixture
def video():
    torch.manual_seed(1)
    return torch.rand(2, 6, 1, SIZE, SIZE).double()


@fed_its_own
def test_a_prediction_knows_no_later_frame(kind, video):
    model, given = made(kind), torch.ones(2, 5, dtype=torch.bool)
    changed = video.clone()
    changed[:, 3:] = 1 - changed[:, 3:]
    one, other = model(video, 1, given), model(changed, 1, given)
    assert torch.equal(one[:, :3], other[:, :3])
    assert (one[:, 3:] - other[:, 3:]).abs().amax((0, 2, 3, 4)).min() > 1e-6


@fed_its_own
def test_own_frames_are_fed_clamped_and_given_ones_are_not_replaced(kind, video):
    model = made(kind)
    read = model.read
    model.read = lambda state: 50 * read(state)  # beyond what a frame can be
    own = torch.tensor([True] * 3 + [False] * 2).expand(2, 5)
    rolled = model(video[:, :3], 3)
    assert rolled.amin() < 0 or rolled.amax() > 1
    torch.testing.assert_close(model(video, 3, own)[:, 2:], rolled, rtol=0, atol=1e-10)
    true = torch.ones_like(own)
    assert (model(video, 3, true)[:, 3:] - rolled[:, 1:]).abs().max() > 1e-4
    fed = rolled[:, :1].clamp(0, 1)
    again = model(torch.cat([video[:, :3], fed], dim=1), 2)
    torch.testing.assert_close(again, rolled[:, 1:], rtol=0, atol=1e-10)
    mixed = torch.stack([own[0], true[0]])  # of each sequence its own
    one, other = model(video, 3, own)[0], model(video, 3, true)[1]
    both = torch.stack([one, other])
    torch.testing.assert_close(model(video, 3, mixed), both, rtol=0, atol=1e-10)


@fed_its_own
def test_gradients_go_through_fed_frames(kind, video):
    model, fed = made(kind), []
    step = model.step
    model.step = lambda frame, state: step(fed.append(frame) or frame, state)
    last = model(video[:, :2], 3)[:, -1].sum()
    assert torch.autograd.grad(last, fed[-1])[0].abs().max() > 0


@pytest.mark.parametrize(
    ("spec", "count"),
    [
        ({"kind": "convlstm", "hidden": 101}, 739_826),
        ({"kind": "convgru", "hidden": 108}, 739_477),
        ({"kind": "predrnn", "hidden": 56}, 727_105),
        ({"kind": "phydnet", "hidden": 67}, 731_855),
        ({"kind": "pvrnn", "hidden": 116}, 739_853),
        ({"kind": "transformer", "hidden": 108}, 763_792),
    ],
)
def test_the_widths_that_match_739584_parameters(spec, count):
    with torch.device("meta"):
        assert models.parameters(models.build(spec, 28)) == count
    assert abs(count / 739_584 - 1) < 0.035


PATCHED = {"hidden": 128, "layers": 4, "kernel": 5, "patch": 4, "decoder_layers": 0}
PATCHED |= {"decoder_kernel": 1, "bias": False, "boundary": "zero"}
PUBLISHED = {  # of OpenSTL for Moving MNIST; weights that it has and never uses
    "convlstm": (PATCHED, 11_675_648, 4 * (256 * 128 * 25 + 256 * 128), 15.0),
    "predrnn": (PATCHED, 23_855_104, 0, 23.8),
    "phydnet": ({"image": "strided", "boundary": "zero"}, 3_091_732, 0, 3.0),
}


@pytest.mark.parametrize("kind", PUBLISHED)
def test_published_sizes_have_the_published_parameters_and_train(kind):
    options, count, unused, millions = PUBLISHED[kind]
    torch.manual_seed(0)
    model = models.build({"kind": kind, **options}, 16)
    assert models.parameters(model) == count
    assert millions <= (count + unused) / 1e6 < millions + 0.1
    video = torch.rand(1, 3, 1, 16, 16)
    losses = descend(model, video[:, :2], video[:, 2:], steps=2, rate=1e-4)
    assert torch.tensor(losses).isfinite().all()


def descend(model, video, target, steps, rate):
    """The losses of Adam on one batch."""
    optimiser, losses = torch.optim.Adam(model.parameters(), rate), []
    for _ in range(steps):
        loss = (model(video, target.shape[1]) - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


@every
def test_thirty_steps_lower_the_loss(kind):
    """A dot that moves by one pixel a frame, on a smaller torus."""
    video = torch.zeros(4, 6, 1, SIZE, SIZE)
    for sample, time in itertools.product(range(4), range(6)):
        video[sample, time, 0, sample, (sample + time) % SIZE] = 1
    losses = descend(made(kind).float(), video[:, :4], video[:, 4:], 30, 0.01)
    assert losses[-1] < 0.8 * losses[0], losses


@pytest.mark.law("models/convlstm")
def test_a_cell_of_one_pixel_is_that_of_torch():
    torch.manual_seed(0)
    layer = models.build({"kind": "convlstm", "hidden": 5, "kernel": 1}, 1).layers[0]
    cell = nn.LSTMCell(1, 5)
    order = [0, 1, 3, 2]  # (i, f, o, g) here, (i, f, g, o) there

    def mapped(weight):
        return torch.cat([weight.chunk(4)[gate] for gate in order])

    with torch.no_grad():
        weight = mapped(layer.gates.weight[..., 0, 0])
        cell.weight_ih.copy_(weight[:, :1])
        cell.weight_hh.copy_(weight[:, 1:])
        cell.bias_ih.copy_(mapped(layer.gates.bias))
        cell.bias_hh.zero_()
    here = there = None
    for frame in torch.rand(6, 3, 1):
        here = layer(frame[..., None, None], here)
        there = cell(frame, there)
    for one, other in zip(here, there, strict=True):
        torch.testing.assert_close(one[..., 0, 0], other)


@pytest.mark.parametrize(("hidden", "equal"), [(1, True), (2, False)])
@pytest.mark.law("models/convgru")
def test_a_gated_unit_is_that_of_torch_where_the_reset_commutes(hidden, equal):
    """Torch resets the product of the state, this unit the state that is multiplied."""
    torch.manual_seed(0)
    model = models.build({"kind": "convgru", "hidden": hidden, "kernel": 1}, 1)
    cell = nn.GRUCell(1, hidden)
    with torch.no_grad():
        z, r = model.gates.weight[..., 0, 0].chunk(2)
        weight = torch.cat([r, z, model.candidate.weight[..., 0, 0]])
        cell.weight_ih.copy_(weight[:, :1])
        cell.weight_hh.copy_(weight[:, 1:])
        z, r = model.gates.bias.chunk(2)
        cell.bias_ih.copy_(torch.cat([r, z, model.candidate.bias]))
        cell.bias_hh.zero_()
    here = there = None
    for frame in torch.rand(6, 3, 1):
        here = model.step(frame[..., None, None], here)
        there = cell(frame, there)
    assert torch.allclose(here[..., 0, 0], there, atol=1e-6) == equal


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"kind": "convlstm", "patch": 3}, "patches of 3 pixels do not divide .* 8×8"),
        ({"kind": "convlstm", "kernel": 4}, "a kernel must be odd, got 4"),
        ({"kind": "predrnn", "layers": 0}, "layers must be positive"),
        ({"kind": "convgru", "hidden": 0}, "hidden must be positive"),
        ({"kind": "phydnet", "image": "strided"}, "needs boundary 'zero'"),
        ({"kind": "transformer", "window": 0}, "window must be positive"),
    ],
)
def test_impossible_models_are_refused(spec, message):
    with pytest.raises(UserError, match=message):
        models.build(spec, SIZE)


@fed_its_own
def test_impossible_calls_are_refused(kind, video, unchecked):
    model = made(kind)
    with pytest.raises(UserError, match="at least one whole frame"):
        model(video, 0)
    with pytest.raises(UserError, match=r"channel"):
        model(video.expand(-1, -1, 2, -1, -1), 2)
    with pytest.raises(UserError, match=r"must have the shape \(2, 5\), got \(2, 4\)"):
        model(video, 2, torch.ones(2, 4, dtype=torch.bool))


def test_a_model_keeps_one_state():
    """Each step gets the state of the one before, and no list of states grows."""

    class Counting(_recurrent.Recurrent):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(()))

        def step(self, frame, state):
            return (state or 0) + 1

        def read(self, state):
            return torch.full((1, 1, 2, 2), float(state))

    frames = Counting().predict(torch.zeros(1, 3, 1, 2, 2), 4)
    assert [frame.mean().item() for frame in frames] == [3, 4, 5, 6]
