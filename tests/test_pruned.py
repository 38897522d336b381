"""Weights that are zero in training and stay it; random graphs between channels."""

import pytest
import torch

import continued
from fernn import flows
from fernn.testing import assert_flow_equivariant
from fernn.training.strategies import _graphs
from fernn.training.strategies.pruned import largest
from labrun.errors import UserError

HALF = {"kind": "pruned", "share": 0.5, "begin": 0.5}
WIRED = {"kind": "pruned", "share": 0.0, "graph": "watts_strogatz", "degree": 2}
WIDE = {**continued.MODEL, "hidden": 6}


@pytest.fixture
def splits(sequences):
    return [sequences(split=name, pool=name) for name in ("train", "val")]


def zeros(weights):
    chosen = [weight for weight in weights.values() if weight.ndim > 1]
    return [round((weight == 0).float().mean().item(), 3) for weight in chosen]


def test_the_smallest_weights_go_by_hand():
    kept = largest(torch.tensor([[3.0, -1.0], [0.5, -2.0]]), 0.5)
    assert kept.tolist() == [[True, False], [False, True]]


@pytest.mark.law("training/strategies/pruned")
def test_no_share_is_plain_training_and_half_of_the_weights_stay_zero(splits):
    """Moments of earlier gradients would move them again."""
    _, plain = continued.run(None, splits)
    _, found = continued.run({**HALF, "share": 0.0}, splits)
    assert all(torch.equal(found[name], plain[name]) for name in plain)
    records, found = continued.run(HALF, splits, epochs=6)
    assert [each["zeros"] for each in records[:3]] == [0, 0, 0]
    told = [each["zeros"] for each in records[3:]]
    assert told == pytest.approx([0.5] * 3, abs=0.02)


@pytest.mark.parametrize("strategy", [HALF, {**WIRED, "share": 0.3}], ids=str)
def test_a_stopped_training_continues_before_and_after(splits, tmp_path, strategy):
    continued.require_same_bits(strategy, splits, tmp_path, (4, 6, 8), model=WIDE)


def test_a_graph_is_the_mask_of_all_slots(splits):
    records, weights = continued.run(WIRED, splits, model=WIDE)
    found = weights["cell.conv_h.weight"].ne(0).any((2, 3))
    assert torch.equal(found, found.T) and found.diagonal().all()
    assert found.sum() == 6 + 2 * 6  # itself and two neighbours on average
    assert records[0]["density"] == pytest.approx(2 * 6 / (6 * 5))
    model, _, way = continued.made(WIRED, model=WIDE)
    way.before_step({"step": 0}, None)
    flow = flows.build(continued.FLOW, 7)
    assert_flow_equivariant(model.cell, flow)


def test_graphs_by_hand():
    """A ring: clustering 0, paths 1, 1, 2, 2, 3. A wheel's hub hears all."""
    ring = _graphs.drawn("watts_strogatz", 6, 2, 0.0, 0)
    found = _graphs.properties(ring)
    assert found == pytest.approx({"density": 0.4, "clustering": 0, "path": 9 / 5})
    assert torch.equal(_graphs.mask(ring)[0].nonzero()[:, 0], torch.tensor([0, 1, 5]))
    tree = _graphs.drawn("barabasi_albert", 6, 2, 0.0, 0)
    assert tree.number_of_edges() == 5


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        ({**HALF, "share": 1.0}, "share and begin must be from 0 to below 1"),
        ({**WIRED, "degree": 3}, r"degree must be even.*\(6\), got 3"),
        ({**WIRED, "graph": "watts"}, "no graph 'watts'"),
    ],
)
def test_wrong_options_are_refused(strategy, message):
    with pytest.raises(UserError, match=message):
        continued.made(strategy, model=WIDE)


def test_a_model_without_a_recurrent_kernel_has_no_graph():
    model = {"kind": "persistence", "motion": "still"}
    with pytest.raises(UserError, match="joined by no kernel"):
        continued.made(WIRED, model=model)
