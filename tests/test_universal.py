"""Tied depth is one block several times; what halts has weights that sum to one."""

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch.optim.lr_scheduler import OneCycleLR

from fernn import models
from fernn.models._halting import Halting, weights
from fernn.training.strategies import ponder
from labrun.errors import UserError

SIZE = 4
EXACT = 1e-12


def made(**changes):
    torch.manual_seed(0)
    spec = {"kind": "transformer", "hidden": 8, "layers": 3, "heads": 2, "patch": 2}
    return models.build({**spec, "window": 3, **changes}, SIZE).double()


def video():
    torch.manual_seed(1)
    return torch.rand(2, 4, 1, SIZE, SIZE, dtype=torch.float64)


@torch.no_grad()
def test_tied_layers_are_one_block_that_the_vectors_of_steps_tell_apart():
    tied, own = made(tied=True), made()
    tied.steps.zero_()
    own.load_state_dict(tied.state_dict(), strict=False)
    for block in own.blocks:
        block.load_state_dict(tied.blocks[0].state_dict())
    assert (tied(video(), 3) - own(video(), 3)).abs().max() < EXACT
    own.blocks[1].each[0].bias += 1  # another block
    assert (tied(video(), 3) - own(video(), 3)).abs().max() > 1e-3
    tied.steps[1] += torch.linspace(-1, 1, 8)
    own.blocks[1].load_state_dict(tied.blocks[0].state_dict())
    assert (tied(video(), 3) - own(video(), 3)).abs().max() > 1e-3


def test_sizes():
    """Of another depth, only the vectors of its steps are more."""
    size = {"kind": "transformer", "hidden": 212, "tied": True}
    deep, deeper = (models.build({**size, "layers": n}, 28) for n in (8, 9))
    assert models.parameters(deep) == 742_652
    assert models.parameters(deeper) - models.parameters(deep) == 212


def test_weights_by_hand():
    """Halting where a sum passes 0.99, and at the last step at the latest."""
    shares = [[0.5, 0.25, 0.5, 0.9], [0.995, 0.5, 0.5, 0.5], [0.125, 0.125, 0.25, 0.0]]
    expected = [[0.5, 0.25, 0.25, 0], [1, 0, 0, 0], [0.125, 0.125, 0.25, 0.5]]
    assert torch.equal(weights(torch.tensor(shares)), torch.tensor(expected))


def test_they_sum_to_one_and_low_shares_take_more_steps():
    torch.manual_seed(0)
    states = torch.randn(100, 6, 8, dtype=torch.float64)
    taken = []
    for bias in (9.0, 1.0, -1.0, -9.0):
        halting = Halting(8, bias).double()
        found = weights(torch.sigmoid(halting.ask(states)[..., 0]))
        assert (found.sum(-1) - 1).abs().max() < EXACT and found.min() >= 0
        output, pondered = halting(states)
        steps = (found > 0).sum(-1)
        assert ((pondered - steps) > 0).all() and (pondered - steps <= 1).all()
        assert (output - torch.einsum("ts,tsd->td", found, states)).abs().max() < EXACT
        taken.append(steps.double().mean().item())
    assert taken == sorted(taken) and taken[0] == 1 and taken[-1] == 6


@pytest.mark.law("training/strategies/ponder")
def test_pondering_begins_late_and_costs_more_and_more():
    model = made(tied=True, halting="act", halting_bias=-1.0)
    strategy = ponder.build(model, SimpleNamespace(steps=10), None, weight=0.1)
    for step, on, cost in ((0, False, 0), (5, False, 0), (6, True, 0), (8, True, 0.05)):
        strategy.before_step({"step": step}, None)
        assert model.halting.on == on and strategy.cost == pytest.approx(cost)
        output = model(video(), 2)
        model.zero_grad()
        penalty = strategy.penalty(model, (), output, output)
        assert (penalty > 0) == (cost > 0)
    penalty.backward()
    assert model.halting.ask.bias.grad < 0  # a higher share costs less
    strategy.before_step({"step": 0}, None)
    still = model(video(), 2)
    with strategy.as_used(model):
        assert (model(video(), 2) - still).abs().max() > 1e-4
    assert not model.halting.on


def test_what_does_not_halt_is_refused():
    steps = SimpleNamespace(steps=10)
    with pytest.raises(UserError, match="tokens of a Transformer do not halt"):
        ponder.build(made(), steps, None)
    with pytest.raises(UserError, match="begin must be from 0 to 1, got 2"):
        ponder.build(made(halting="act"), steps, None, begin=2)


NODES, HOPS = 6, 4


def chains(count):
    """Rings of nodes, each a patch with its name and the next one's; who is asked for.

    The last patch has the node to begin at and the number of hops to make.
    """
    order = torch.rand(count, NODES).argsort(1)
    follows = torch.empty_like(order).scatter(1, order, order.roll(-1, 1))
    hops = torch.randint(1, HOPS + 1, (count,))
    start = answer = torch.randint(NODES, (count,))
    for hop in range(HOPS):
        after = follows.gather(1, answer[:, None])[:, 0]
        answer = torch.where(hop < hops, after, answer)
    patches = torch.zeros(count, NODES + 1, 16)
    patches[:, :NODES, :NODES] = torch.eye(NODES)
    nexts = torch.cat([follows, start[:, None]], dim=1)
    patches[:, :, NODES : 2 * NODES] = F.one_hot(nexts, NODES).float()
    patches[:, NODES, 2 * NODES :] = F.one_hot(hops - 1, HOPS).float()
    frames = F.pixel_shuffle(patches.mT.unflatten(2, (1, NODES + 1)), 4)
    return frames[:, None], answer, hops


def asked(model, frames):
    """The logits of the node that is asked for, and what its token pondered."""
    found = []
    hook = model.halting.register_forward_hook(lambda _, __, out: found.append(out[1]))
    logits = F.pixel_unshuffle(model(frames, 1)[:, 0], 4)[:, :NODES, 0, -1]
    hook.remove()
    return logits, found[0][:, 0, -1]


@torch.no_grad()
def measured(model, strategy):
    """The share of right answers, and the mean pondered by each number of hops."""
    frames, answer, hops = chains(3000)
    with strategy.as_used(model):
        logits, taken = asked(model, frames)
    right = (logits.argmax(1) == answer).float().mean().item()
    return right, [taken[hops == k].mean().item() for k in range(1, HOPS + 1)]


@pytest.mark.minutes
def test_tokens_that_are_asked_for_more_hops_ponder_more(steps=2500):
    """The control is the halting of random weights, when the depth is learnt."""
    torch.manual_seed(0)
    spec = {"kind": "transformer", "hidden": 32, "layers": 6, "heads": 4, "patch": 4}
    spec |= {"expansion": 2, "window": 1, "position": "none", "tied": True}
    spec |= {"halting": "act", "halting_bias": -2.0}
    model = models.build(spec, (4, 4 * (NODES + 1)))
    strategy = ponder.build(model, SimpleNamespace(steps=steps), None)
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    schedule = OneCycleLR(optimiser, 3e-3, steps, pct_start=0.1)
    for step in range(steps):
        if step == 0.6 * steps:
            _, random = measured(model, strategy)
        strategy.before_step({"step": step}, None)
        frames, answer, _ = chains(128)
        logits, _ = asked(model, frames)
        loss = F.cross_entropy(logits, answer)
        loss = loss + strategy.penalty(model, (), logits, answer)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    right, learnt = measured(model, strategy)
    print(right, random, learnt)
    assert right > 0.95
    assert learnt[-1] - learnt[0] > 1.2 * (random[-1] - random[0])
    assert learnt[-1] - learnt[0] > 0.8
