"""SASRec: order is known by positions alone, answers are by the items' own vectors."""

import pytest
import torch
import torch.nn.functional as F

from fernn import models
from fernn.models.sasrec import Attention
from labrun.errors import UserError

EXACT = 1e-12
ITEMS = 8


def attention(blocks=1, position="none"):
    torch.manual_seed(0)
    return Attention(ITEMS, 6, blocks, 2, 5, position).double()


def shares(items=5):
    torch.manual_seed(1)
    return torch.rand(2, items, ITEMS, dtype=torch.float64)


def apart(left, right):
    return (left - right).abs().max().item()


@torch.no_grad()
@pytest.mark.parametrize("position", ["none", "learned"])
@pytest.mark.law("models/sasrec")
def test_no_item_knows_a_later_one(position):
    model, other = attention(2, position), shares()
    other[:, 3:] = 0
    change = (model(shares()) - model(other)).abs().amax((0, 2))
    assert change[:3].max() == 0 and change[3:].min() > 1e-6


@torch.no_grad()
@pytest.mark.parametrize(
    ("blocks", "position", "kept"),
    [(1, "none", True), (1, "learned", False), (2, "none", False)],
)
def test_the_order_of_the_past_counts_by_positions_or_a_second_block(
    blocks, position, kept
):
    """In a second block each of the past items has heard of those before it."""
    model = attention(blocks, position)
    error = apart(model(shares()[:, [2, 0, 3, 1, 4]])[:, -1], model(shares())[:, -1])
    assert (error < EXACT) if kept else (error > 1e-6)


@torch.no_grad()
def test_an_answer_is_by_the_vectors_of_the_items_and_ages_count_from_the_newest():
    model = attention(1, "learned")
    logits = model(shares())
    names = [name for name, _ in model.named_parameters() if "blocks" not in name]
    assert sorted(names) == ["ages", "norm.bias", "norm.weight", "vectors"]
    model.ages[0] += torch.arange(6).double()  # of the newest item alone
    change = (model(shares()) - logits).abs().amax((0, 2))
    assert change[:-1].max() == 0 < change[-1]
    model.vectors[3] = 0
    assert model(shares())[..., 3].abs().max() == 0 < logits[..., 3].abs().min()


@torch.no_grad()
def test_a_frame_is_its_nearest_code_and_a_prediction_a_mean_of_codes():
    torch.manual_seed(0)
    model = models.build({"kind": "sasrec", "codes": 5, "sharpness": 1e4}, 4).double()
    frames = model.centres[[3, 1]].unflatten(1, (1, 4, 4))
    state = model.step(frames, None)
    assert apart(state, F.one_hot(torch.tensor([[3], [1]]), 5).double()) < EXACT
    likely = model.attend(state)[:, -1].softmax(-1)
    expected = torch.einsum("bk,kp->bp", likely, model.centres)
    assert apart(model.read(state).flatten(1), expected) < EXACT


@torch.no_grad()
def test_frames_before_the_window_are_forgotten():
    torch.manual_seed(0)
    model = models.build({"kind": "sasrec", "window": 3, "codes": 9}, 4).double()
    video = torch.rand(2, 5, 1, 4, 4).double()
    assert apart(model(video, 2), model(video[:, 2:], 2)) < EXACT
    assert apart(model(video, 2), model(video[:, 3:], 2)) > 1e-6


def test_sizes():
    assert models.parameters(models.build({"kind": "sasrec"}, 28)) == 240_504


def test_impossible_sizes_are_refused():
    with pytest.raises(UserError, match="heads must divide the width 50, got 3"):
        models.build({"kind": "sasrec", "heads": 3}, 4)


def symbols(follows, count, length):
    """Each a function of the last two; one in twenty is drawn."""
    drawn = torch.randint(ITEMS, (count, length))
    noisy = torch.rand(count, length) < 0.05
    series = drawn.clone()
    for time in range(2, length):
        known = follows[series[:, time - 2], series[:, time - 1]]
        series[:, time] = torch.where(noisy[:, time], drawn[:, time], known)
    return series


@pytest.mark.minutes
def test_what_the_last_two_items_tell_is_learnt():
    """At most about 0.956 can be; the last item alone tells less than 0.6."""
    torch.manual_seed(0)
    follows = torch.randint(ITEMS, (ITEMS, ITEMS))
    model = Attention(ITEMS, 50, 2, 1, 16, "learned")
    optimiser = torch.optim.Adam(model.parameters(), 1e-3, (0.9, 0.98))
    for _ in range(1500):
        series = symbols(follows, 64, 17)
        logits = model(F.one_hot(series[:, :-1], ITEMS).float())
        loss = F.cross_entropy(logits[:, 1:].flatten(0, 1), series[:, 2:].flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        series = symbols(follows, 1000, 17)
        logits = model(F.one_hot(series[:, :-1], ITEMS).float())
        found = (logits[:, -1].argmax(-1) == series[:, -1]).float().mean().item()
    print(found)
    assert found > 0.85, found
