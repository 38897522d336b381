"""FlashRNN's cells are torch's with one head, and blocks of a dense one with more."""

import sys
from types import ModuleType

import pytest
import torch

from fernn import flows
from fernn.models import temporal
from fernn.models.temporal import _flashrnn
from labrun.errors import UserError

EXACT = 1e-12
HIDDEN, INPUTS = 4, 3


def build(rule, heads=1):
    torch.manual_seed(0)
    space = temporal.Space(flows.build({"kind": "translation", "max_speed": 0}, 1))
    spec = {"kind": "flash_rnn", "rule": rule, "heads": heads}
    return temporal.layer(spec, space, INPUTS, HIDDEN).double()


def series(times=7):
    torch.manual_seed(1)
    return torch.randn(2, times, INPUTS, 1, 1, dtype=torch.float64)


def apart(left, right):
    return (left - right).abs().max().item()


@pytest.mark.parametrize(
    ("rule", "layer"),
    [("elman", torch.nn.RNN), ("gru", torch.nn.GRU), ("lstm", torch.nn.LSTM)],
)
@torch.no_grad()
def test_with_one_head_they_are_those_of_torch(rule, layer):
    cell, own = build(rule), layer(INPUTS, HIDDEN, batch_first=True).double()
    own.weight_ih_l0.copy_(cell.drive.weight.sum((-2, -1)))
    own.bias_ih_l0.copy_(cell.drive.bias)
    own.weight_hh_l0.copy_(cell.recurrent.flatten(0, 2))
    own.bias_hh_l0.zero_()
    if rule == "gru":
        cell.inner_bias += 1
        own.bias_hh_l0[-HIDDEN:] = 1
    expected, _ = own(series()[..., 0, 0])
    assert apart(cell(series(), None)[0][..., 0, 0], expected) < EXACT


@pytest.mark.parametrize("rule", ["lstm", "gru", "elman", "slstm"])
@torch.no_grad()
@pytest.mark.law("models/temporal/flash_rnn")
def test_heads_are_blocks_of_a_dense_cell(rule):
    dense, blocks = build(rule), build(rule, heads=2)
    dense.drive.load_state_dict(blocks.drive.state_dict())
    pairs = zip(dense.recurrent, blocks.recurrent, strict=True)
    for gate, heads in pairs:
        gate[0] = torch.block_diag(*heads)
    assert apart(dense(series(), None)[0], blocks(series(), None)[0]) < EXACT
    dense.recurrent[:, 0, 0, -1] = 1  # what one head would hear of the other
    assert apart(dense(series(), None)[0], blocks(series(), None)[0]) > 1e-3


@torch.no_grad()
def plain(cell, signal):
    """The sLSTM's outputs by its equations, without an exponent that is kept apart."""
    drives = temporal.per_frame(cell.drive, signal)[..., 0, 0]
    h = c = n = torch.zeros(len(signal), HIDDEN, dtype=torch.float64)
    outputs = []
    for drive in drives.unbind(1):
        gates = drive.unflatten(1, (4, HIDDEN)).unbind(1)
        i, f, z, o = (
            g + h @ r[0].T for g, r in zip(gates, cell.recurrent, strict=True)
        )
        c = f.sigmoid() * c + i.exp() * z.tanh()
        n = f.sigmoid() * n + i.exp()
        h = o.sigmoid() * c / n
        outputs.append(h)
    return torch.stack(outputs, 1)


@torch.no_grad()
def test_the_slstm_is_its_equations_where_these_do_not_overflow():
    cell = build("slstm")
    output = cell(series(), None)[0][..., 0, 0]
    assert apart(output, plain(cell, series())) < EXACT
    cell.drive.bias[:HIDDEN] += 800  # one factor more in c and n: the same h
    large = cell(series(), None)[0][..., 0, 0]
    assert large.isfinite().all() and not plain(cell, series()).isfinite().any()
    assert apart(large[:, 0], output[:, 0]) < EXACT  # with no past it cancels


@pytest.mark.usefixtures("unchecked")
def test_wrong_options_are_refused():
    with pytest.raises(UserError, match="no rule 'lstmm'; did you mean 'lstm'"):
        build("lstmm")
    with pytest.raises(UserError, match="heads must divide the 4 channels, got 3"):
        build("gru", heads=3)


def gru_of_the_package(inputs, weights, bias, states, function, backend, dtype):
    """The GRU as the package documents it: gates g, r, z of R; r, z, n of W; all of b.

    Axes are those of `flashrnn.flashrnn`: batch time gate head channel.
    """
    assert (function, backend, dtype) == ("gru", "cuda", "float64")
    shape = 1, len(inputs), 1, *inputs.shape[3:]
    h = (torch.zeros(shape).double() if states is None else states)[0, :, 0]
    series = []
    for x in inputs.unbind(1):
        g, r, z = torch.einsum("gndp,bnp->gbnd", weights, h) + bias[:3, None]
        r, z = (r + x[:, 0]).sigmoid(), (z + x[:, 1]).sigmoid()
        h = z * h + (1 - z) * (x[:, 2] + bias[3] + r * g).tanh()
        series.append(h)
    return torch.stack(series, 1)[None], h[None, :, None]


@torch.no_grad()
def test_the_package_is_given_its_own_order_of_gates(monkeypatch):
    """In two parts, the second from the states that the first left."""
    package = ModuleType("flashrnn")
    package.flashrnn = gru_of_the_package
    monkeypatch.setitem(sys.modules, "flashrnn", package)
    cell = build("gru", heads=2)
    cell.inner_bias += torch.rand(2, 2)
    drives = torch.randn(7, 3, 5, 2, 2).double()  # time gate pixel head channel
    expected, last = cell._series(drives, None)
    weights = cell.recurrent, cell.inner_bias
    first, state = _flashrnn.series("gru", drives[:4], *weights, None)
    second, state = _flashrnn.series("gru", drives[4:], *weights, state)
    assert apart(torch.cat([first, second]), expected) < EXACT
    assert apart(state[0], last[0]) < EXACT
    swapped = _flashrnn.series("gru", drives.flip(1), *weights, None)[0]
    assert apart(swapped, expected) > 1e-3


def test_a_processor_has_torch_and_a_gpu_needs_the_package_and_a_capability(
    monkeypatch,
):
    space = temporal.Space(flows.build({"kind": "translation", "max_speed": 0}, 1))
    spec = {"kind": "flash_rnn", "execution": "flashrnn", "rule": "gru"}
    torch.manual_seed(0)
    cell = temporal.layer(spec, space, INPUTS, HIDDEN).double()
    assert torch.equal(cell(series(), None)[0], build("gru")(series(), None)[0])
    found = None
    monkeypatch.setattr(_flashrnn, "find_spec", lambda name: found)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    with pytest.raises(UserError, match="package flashrnn, which is not installed"):
        _flashrnn.require(torch.device("cuda"))
    found = "found"
    with pytest.raises(UserError, match=r"capability 8\.0, this one has 7\.5"):
        _flashrnn.require(torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))
    _flashrnn.require(torch.device("cuda"))
