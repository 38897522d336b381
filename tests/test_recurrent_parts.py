"""What single models add to the recurrent loop: memories, derivatives, attention."""

import math

import pytest
import torch

from fernn import models
from fernn.models import phydnet
from fernn.models.predrnn import cosine


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


@pytest.mark.law("models/predrnn")
def test_a_layer_with_two_memories_by_hand():
    """One pixel and one channel; biases and the weights of the outputs alone."""
    layer = models.build({"kind": "predrnn", "hidden": 1, "kernel": 1}, 1).layers[0]
    with torch.no_grad():
        for weight in layer.parameters():
            weight.zero_()
        # i, f, g of the cell and of the memory, and o
        layer.of_input.bias[:] = torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])
        layer.of_state.bias[:] = torch.tensor([1.0, 2.0, 3.0, 4.0])
        layer.of_memory.bias[:] = torch.tensor([-1.0, -2.0, -3.0])
        layer.of_both.weight.fill_(0.5)
        layer.mix.weight[0, :, 0, 0] = torch.tensor([1.0, -2.0])
    x, h, c, m = (torch.full((1, 1, 1, 1), value) for value in (9.0, 8.0, 0.5, -0.25))
    c_new = sigmoid(0.1 + 1) * math.tanh(0.3 + 3)
    m_new = sigmoid(0.4 - 1) * math.tanh(0.6 - 3)
    after = sigmoid(0.2 + 2 + 1) * 0.5 + c_new
    shared = sigmoid(0.5 - 2 + 1) * -0.25 + m_new
    opened = sigmoid(0.7 + 4 + 0.5 * (after + shared))
    expected = [opened * math.tanh(after - 2 * shared), after, shared, c_new, m_new]
    h, c, m, added = layer(x, h, c, m)
    found = [each.item() for each in (h, c, m, *added)]
    assert found == pytest.approx(expected, rel=1e-6)


def test_the_memory_of_the_last_layer_enters_the_first_at_the_next_step():
    torch.manual_seed(0)
    model = models.build({"kind": "predrnn", "hidden": 2, "layers": 3}, 4)
    entered, state = [], None
    for layer in model.layers:
        layer.register_forward_hook(
            lambda module, given, out: entered.append((given[3], out[2]))
        )
    for frame in torch.rand(2, 1, 1, 4, 4):
        state = model.step(frame, state)
    given, left = zip(*entered, strict=True)
    assert given[0].abs().max() == 0
    assert all(torch.equal(left[i], given[i + 1]) for i in range(5))
    assert not torch.equal(left[2], left[0])


def test_the_decoupling_loss_is_a_mean_cosine_of_every_layer_and_step():
    one = torch.tensor([[2.0, 2.0], [0.0, 0.0]]).expand(3, 1, 2, 2)
    other = torch.tensor([[-3.0, 0.0], [0.0, 3.0]]).expand(3, 1, 2, 2)
    assert cosine(one, other).item() == pytest.approx(6 / (8 * 18) ** 0.5)
    torch.manual_seed(0)
    model = models.build({"kind": "predrnn", "hidden": 2, "layers": 3}, 4)
    video = torch.rand(2, 3, 1, 4, 4)
    model(video, 2)
    assert model._cosines == []  # nothing is kept unasked
    model.collects = True
    added = []
    for layer in model.layers:
        layer.register_forward_hook(lambda module, given, out: added.append(out[3]))
    model(video, 2)
    loss = model.extra_loss()
    pairs = [(model.adapter(c), model.adapter(m)) for c, m in added]
    assert len(pairs) == 3 * (3 + 2 - 1)
    mean = torch.stack([cosine(*pair) for pair in pairs]).mean()
    torch.testing.assert_close(loss, mean)
    loss.backward()
    assert model.adapter.weight.grad.abs().max() > 0


def test_the_matrix_of_moments_by_hand():
    found = phydnet.powers(3)
    expected = torch.tensor([[1, 1, 1], [-1, 0, 1], [0.5, 0, 0.5]]).double()
    assert torch.equal(found, expected)
    second = torch.tensor([[0, 0, 0], [1, -2, 1], [0, 0, 0]]).double()
    wanted = torch.zeros(3, 3).double()
    wanted[0, 2] = 1  # the second derivative along columns
    assert torch.equal(phydnet.moments(second, found), wanted)


def filters(kernel):
    """The filter of each pair of orders that has no other moment."""
    inverse = torch.linalg.inv(phydnet.powers(kernel))
    ones = torch.eye(kernel**2).double().view(-1, kernel, kernel)
    return inverse @ ones @ inverse.mT


@pytest.mark.law("models/phydnet")
def test_a_filter_of_one_moment_differentiates_polynomials_exactly():
    """Along rows y, the first derivative of y³x is 3y²x, where filters do not wrap."""
    y = torch.arange(9).double()[:, None] - 4
    x = torch.arange(9).double()[None, :] - 4
    signal = (y**3 * x)[None, None]
    along_rows, along_columns = filters(7)[7], filters(7)[1]
    inside = (slice(None), slice(None), slice(3, -3), slice(3, -3))
    true = (3 * y**2 * x)[None, None][inside]
    found = torch.nn.functional.conv2d(signal, along_rows[None, None])
    torch.testing.assert_close(found, true, rtol=0, atol=1e-8)
    other = torch.nn.functional.conv2d(signal, along_columns[None, None])
    assert (other - true).abs().max() > 1


def test_the_moment_loss_is_zero_for_derivatives_alone():
    cell = models.build({"kind": "phydnet", "hidden": 2, "kernel": 3}, 4).double()
    weight = cell.physical.derivatives.weight
    with torch.no_grad():
        weight.copy_(filters(3)[:, None])
    assert cell.extra_loss().item() == pytest.approx(0, abs=1e-20)
    with torch.no_grad():
        weight[4, 1] = 0  # the moment 1 of one of 9 filters, of one channel of two
    assert cell.extra_loss().item() == pytest.approx(1 / 81)


def test_a_gain_of_one_sees_and_a_gain_of_zero_predicts():
    torch.manual_seed(0)
    cell = models.build({"kind": "phydnet", "hidden": 2, "kernel": 3}, 4).physical
    seen, p = torch.rand(2, 1, 2, 4, 4)
    change = cell.combine(cell.normalize(cell.derivatives(p)))
    for bias, expected in ((1e4, seen), (-1e4, p + change)):
        with torch.no_grad():
            cell.gate.bias.fill_(bias)
        torch.testing.assert_close(cell(seen, p), expected)


UNIVERSAL = {"tied": True, "halting": "act", "halting_bias": -3.0}


@pytest.fixture(params=[{}, UNIVERSAL], ids=["own", "tied"])
def transformer(request):
    torch.manual_seed(0)
    spec = {"kind": "transformer", "hidden": 8, "layers": 3, "heads": 2, "window": 3}
    return models.build({**spec, "patch": 2, **request.param}, (4, 6)).double()


def test_kept_keys_and_values_give_what_is_computed_anew(transformer):
    video = torch.rand(2, 9, 1, 4, 6).double()
    anew, _ = transformer.advance(video)
    state = None
    for time, frame in enumerate(video.unbind(1)):
        state = transformer.step(frame, state)
        torch.testing.assert_close(state.tokens, anew[:, time], rtol=0, atol=1e-12)
    assert {cache.shape[3] for cache in state.caches} == {2}  # the window but for one
    pieces = transformer.advance(video[:, 4:], transformer.advance(video[:, :4])[1])[0]
    torch.testing.assert_close(pieces, anew[:, 4:], rtol=0, atol=1e-12)
    shorter = [cache[:, :, :, 1:] for cache in state.caches]
    frame = video[:, :1]
    one, other = (transformer.advance(frame, c)[0] for c in (state.caches, shorter))
    assert (one - other).abs().max() > 1e-3


@pytest.mark.law("models/transformer")
def test_attention_reaches_as_far_as_its_window_in_each_block(transformer):
    """Three blocks of two frames back reach six frames, and none of them seven."""
    video = torch.rand(1, 9, 1, 4, 6).double()
    last = transformer.advance(video)[0][:, -1]
    for back, reached in ((6, True), (7, False)):
        changed = video.clone()
        changed[:, 8 - back] += 1
        moved = transformer.advance(changed)[0][:, -1] - last
        assert bool(moved.abs().max() > 1e-9) == reached


def test_the_bias_of_two_heads_by_hand(transformer):
    """Slopes 2⁻⁴ and 2⁻⁸; two frames after one in the cache; a window of three."""
    off = -math.inf
    back = torch.tensor([[1, 0, off], [2, 1, 0]])
    expected = torch.stack([-back * 2.0**-4, -back * 2.0**-8])
    expected[:, back.isinf()] = off
    found = transformer.blocks[0]._bias(past=1, time=2)
    torch.testing.assert_close(found, expected.to(found.dtype))
