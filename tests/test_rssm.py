"""RSSM: the prior's roll-out, the bound, and what a step changes."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

from fernn import models
from fernn.training import strategies
from fernn.training.settings import settings
from fernn.training.tasks import act
from labrun.errors import UserError

SIZE, FRAMES, AHEAD = (5, 4), 3, 2
SMALL = {"hidden": 8, "latent": 3, "channels": 4, "layers": 2}
TRAINED = ["variational", {"kind": "extra_loss", "weight": 0.5}]
SPEC = {"batch": 2, "sequences": 2, "epochs": 1, "context": FRAMES, "horizon": AHEAD}


def build(size=SIZE, **changes):
    torch.manual_seed(0)
    return models.build({"kind": "rssm", **SMALL, **changes}, size).double()


def scene(frames=FRAMES):
    """Frames, and the steps between these and two more."""
    torch.manual_seed(1)
    video = torch.rand(2, frames, 1, *SIZE).double()
    return video, torch.randint(-2, 3, (2, frames + AHEAD - 1, 2))


def noise(frames=FRAMES):
    torch.manual_seed(2)
    return torch.randn(2, frames, 3).double()


def apart(left, right):
    return (left - right).abs().max().item()


def gaussian(numbers):
    mean, raw = numbers.chunk(2, 1)
    return Normal(mean, F.softplus(raw) + 0.1)


def unrolled(model, video, actions, frames, noise=None):
    """The equations as they are written: frames by q while there are, then by p."""
    cell, h, z = model.gru, torch.zeros(2, 8).double(), torch.zeros(2, 3).double()
    shares, shown, beliefs = actions / torch.tensor(SIZE).double(), [], []
    for time in range(frames):
        step = shares[:, time - 1] if time else 0 * shares[:, 0]
        told = model.embed(torch.cat([z, step], 1)).relu()
        r, u, n = (told @ cell.weight_ih.T + cell.bias_ih).chunk(3, 1)
        past = (h @ cell.weight_hh.T + cell.bias_hh).chunk(3, 1)
        r, u = (r + past[0]).sigmoid(), (u + past[1]).sigmoid()
        h = (1 - u) * (n + r * past[2]).tanh() + u * h
        p = q = gaussian(model.prior(h))
        if time < video.shape[1]:
            seen = model.encoder(video[:, time])
            q = gaussian(model.posterior(torch.cat([h, seen], 1)))
        z = q.mean if noise is None else q.mean + q.stddev * noise[:, time]
        shown.append(model.decoder(torch.cat([h, z], 1)))
        beliefs.append((q, p))
    return torch.stack(shown, 1), beliefs


@torch.no_grad()
@pytest.mark.law("models/rssm")
def test_a_forecast_is_its_equations_and_has_no_chance_in_it():
    model, (video, actions) = build(), scene()
    shown, beliefs = unrolled(model, video, actions, FRAMES + AHEAD)
    found = model(video, AHEAD, actions)
    assert apart(found, shown[:, FRAMES:]) < 1e-12
    assert apart(found[:, 0], found[:, 1]) > 1e-3
    torch.manual_seed(5)
    assert torch.equal(found, model(video, AHEAD, actions))
    states, divergence = model.follow(video, model.steps(actions)[:, :FRAMES])
    followed = torch.stack([model.decode(state) for state in states], 1)
    assert apart(followed, shown[:, :FRAMES]) < 1e-12
    expected = [kl_divergence(q, p).sum(1) for q, p in beliefs[:FRAMES]]
    assert apart(divergence, torch.stack(expected).mean(0)) < 1e-12
    assert divergence.min() > 1e-3
    drawn, _ = unrolled(model, video, actions, FRAMES, noise())
    found = model(video, AHEAD, actions[:, : FRAMES - 1], noise())
    assert apart(found, drawn) < 1e-12


@torch.no_grad()
def test_a_posterior_that_does_not_look_is_the_prior():
    """So following frames is imagining them, and nothing is learnt from a frame."""
    model, (video, actions) = build(), scene()
    looked = model(video, AHEAD, actions)
    first, last = model.posterior[0], model.posterior[2]
    first.weight.zero_()[:, :8] = model.prior[0].weight
    first.bias.copy_(model.prior[0].bias)
    last.load_state_dict(model.prior[2].state_dict())
    steps = model.steps(actions)
    states, divergence = model.follow(video, steps[:, :FRAMES])
    assert divergence.tolist() == [0, 0]
    imagined = [*model.imagine(model.start(2), steps)]
    followed = [model.decode(state) for state in states]
    assert apart(torch.stack(imagined[:FRAMES]), torch.stack(followed)) < 1e-12
    blind = model(video, AHEAD, actions)
    assert (
        apart(blind, torch.stack(imagined[FRAMES:], 1)) < 1e-12 < apart(blind, looked)
    )


@torch.no_grad()
def test_a_step_changes_the_frame_that_it_leads_to_and_later_ones_alone():
    model, (video, actions) = build(), scene()
    for frame in range(AHEAD):
        other = actions.clone()
        other[:, FRAMES - 1 + frame] += 1
        change = model(video, AHEAD, actions) - model(video, AHEAD, other)
        changed = [bool(each.abs().max() > 1e-9) for each in change.unbind(1)]
        assert changed == [later >= frame for later in range(AHEAD)]


class Split:
    def video(self, first, count, frames, epoch=0):
        return scene(frames)[0][first : first + count]

    def actions(self, first, count, frames, epoch=0):
        return scene(frames)[1][first : first + count, : frames - 1]


def test_training_is_the_evidence_lower_bound_of_all_frames():
    """Times 2σ²/HW; σ² is the weight. Draws of q are decoded, and reach its widths."""
    model = build()
    chosen = settings({**SPEC, "strategy": TRAINED, "learning_rate": 0.1}, seed=0)
    strategy = strategies.build(model, chosen)
    split, task = strategy.source(0, Split(), act)
    seen, target = task.batch(split, 0, 2, FRAMES, AHEAD, 0)
    video, _, actions, drawn = seen
    assert torch.equal(video, target) and video.shape[1] == FRAMES + AHEAD
    assert drawn.shape == (2, FRAMES + AHEAD, 3)
    output = strategy.call(model, seen, target)
    loss = (output - target).square().mean()
    loss = loss + strategy.penalty(model, seen, output, target)
    states, divergence = model.follow(video, model.steps(actions), drawn)
    shown = torch.stack([model.decode(state) for state in states], 1)
    likely, most = (Normal(mean, 0.5**0.5).log_prob(video) for mean in (shown, video))
    bound = (likely - most).sum((2, 3, 4)).mean() - divergence.mean()
    assert apart(loss, -2 * 0.5 / (5 * 4) * bound) < 1e-9
    loss.backward()
    assert all(each.grad.abs().max() > 0 for each in model.parameters())
    assert model.extra_loss() == 0  # told once


@pytest.mark.parametrize("size", [(5, 8), (4, 4), (1, 3), (12, 12)])
def test_frames_of_any_size_come_back(size):
    model = models.build({"kind": "rssm", **SMALL}, size)
    video, actions = torch.rand(2, 2, 1, *size), torch.zeros(2, 2, 2).long()
    assert model(video, 1, actions).shape == (2, 1, 1, *size)


def test_published_sizes_are_the_default_and_mistakes_are_told():
    with torch.device("meta"):
        model = models.build({"kind": "rssm"}, 64)
    assert (model.hidden, model.latent) == (200, 30)
    assert [each.out_channels for each in model.encoder[:-1:2]] == [32, 64, 128, 256]
    with pytest.raises(UserError, match="latent must be positive, got 0"):
        build(latent=0)
    video, actions = scene()
    with pytest.raises(UserError, match=r"5 frames need actions of \(2, 4, 2\), got"):
        build()(video, AHEAD, actions[:, 1:])
    with pytest.raises(UserError, match="frames are 4×4 pixels, the window 5×4"):
        build()(video[..., 1:, :], AHEAD, actions)


def dots(count):
    """A dot at rest on a torus, from an agent that sees all of it."""
    steps = torch.randint(-1, 2, (count, 9, 2))
    first = torch.randint(5, (count, 1, 2))
    places = torch.cat([first, first - steps.cumsum(1)], 1) % 5
    samples, times = torch.arange(count)[:, None], torch.arange(10)
    video = torch.zeros(count, 10, 1, 5, 5)
    video[samples, times, 0, places[..., 0], places[..., 1]] = 1
    return video, steps


@pytest.mark.minutes
def test_it_learns_what_a_step_does_to_a_frame():
    """Better than the mean frame, 0.0384; told the opposite steps, worse than that."""
    torch.manual_seed(0)
    spec = {"kind": "rssm", "hidden": 64, "latent": 8, "channels": 16, "layers": 1}
    model = models.build(spec, 5)
    optimiser = torch.optim.Adam(model.parameters(), 2e-3)
    for _ in range(1500):
        video, steps = dots(32)
        found = model(video, 1, steps, torch.randn(32, 10, 8))
        loss = (found - video).square().mean() + 0.01 * model.extra_loss()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    video, steps = dots(256)
    opposite = torch.cat([steps[:, :4], -steps[:, 4:]], 1)
    with torch.no_grad():
        right, wrong = (
            (model(video[:, :5], 5, each) - video[:, 5:]).square().mean().item()
            for each in (steps, opposite)
        )
    print(right, wrong)
    assert right < 0.032 < 0.045 < wrong
