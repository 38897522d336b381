"""PV-RNN: the divergence, the prior that frames do not enter, error regression."""

from types import SimpleNamespace

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from fernn import models, treatments
from fernn.models._belief import Belief, divergence
from fernn.training import strategies
from fernn.training.loop import train
from fernn.training.settings import settings
from fernn.training.strategies import extra_loss, variational
from labrun.errors import UserError

EXACT = 1e-12
SIZE = 6


def build(size=SIZE, **changes):
    torch.manual_seed(0)
    spec = {"kind": "pvrnn", "hidden": 4, "decoder_layers": 0, **changes}
    return models.build(spec, size).double()


def video(frames=5):
    torch.manual_seed(1)
    return torch.rand(2, frames, 1, SIZE, SIZE, dtype=torch.float64)


def noise(frames=5, latent=2):
    torch.manual_seed(2)
    return torch.randn(2, frames, latent, SIZE, SIZE, dtype=torch.float64)


def apart(left, right):
    return (left - right).abs().max().item()


def test_the_divergence_is_that_of_gaussians_and_zero_of_equal_ones():
    torch.manual_seed(0)
    q, p = (Belief(*torch.randn(2, 3, 2, 4, 4).double()) for _ in range(2))
    expected = kl_divergence(*(Normal(b.mean, b.log_std.exp()) for b in (q, p)))
    assert apart(divergence(q, p), expected) < EXACT
    assert apart(divergence(q, q), torch.zeros(())) < EXACT < divergence(q, p).min()


@torch.no_grad()
def test_with_nothing_added_the_posterior_is_the_prior():
    """So following frames is imagining them; what is inferred makes the difference."""
    model, nothing = build(), torch.zeros(2, 5, 4, SIZE, SIZE).double()
    course = model.follow(video(), added=nothing)
    assert course.divergence == 0
    start = torch.zeros(2, 4, SIZE, SIZE).double()
    imagined = [*model.imagine(start, 5)]
    followed = [model.decoder(d) for d in course.features]
    assert apart(torch.stack(imagined), torch.stack(followed)) < EXACT
    inferred = model.follow(video())
    assert inferred.divergence > 0 and apart(inferred.state, course.state) > 1e-3


@torch.no_grad()
@pytest.mark.law("models/pvrnn")
def test_a_step_is_its_equation_and_the_first_prior_is_standard():
    model = build(tau=4.0)
    h, z = torch.rand(2, 4, SIZE, SIZE).double(), torch.rand(2, 2, SIZE, SIZE).double()
    new = model.recur(h.tanh()) + model.drive(z)
    assert apart(model.advance(h, z), 0.75 * h + 0.25 * new) < EXACT
    first = model.belief(torch.zeros_like(h))
    assert first.mean.abs().max() == 0 == first.log_std.abs().max()


class Split:
    def video(self, first, count, frames, epoch=0):
        return video(frames)[first : first + count]


@torch.no_grad()
def test_features_know_no_later_frame():
    model, other = build(), video()
    other[:, 3:] = 1 - other[:, 3:]
    one, two = (torch.stack(model.follow(v).features, 1) for v in (video(), other))
    assert torch.equal(one[:, :3], two[:, :3])
    assert (one[:, 3:] - two[:, 3:]).abs().amax((0, 2, 3, 4)).min() > 1e-6


@pytest.mark.law("training/strategies/variational")
def test_training_is_of_all_frames_with_noise_of_the_step_and_the_sample():
    from fernn.training.tasks import forecast

    model = build()
    strategy = variational.build(model, SimpleNamespace(seed=3), None)
    add = extra_loss.build(model, SimpleNamespace(), None, weight=0.5)

    def batch(step, first, count):
        split, task = strategy.source(step, Split(), forecast)
        return task.batch(split, first, count, 3, 2, 0)

    (seen, ahead, drawn), target = batch(7, 0, 2)
    assert torch.equal(seen, target) and seen.shape[1] == 5 and ahead == 2
    assert torch.equal(batch(7, 1, 1)[0][2], drawn[1:])  # in pieces of a batch
    assert not torch.equal(batch(8, 0, 2)[0][2], drawn)
    assert abs(drawn.mean()) < 0.1 and abs(drawn.std() - 1) < 0.1
    output = model(seen, ahead, drawn)
    course = model.follow(seen, noise=drawn)
    assert apart(output[:, -1], model.decoder(course.features[-1])) < EXACT
    assert add.penalty(model, (), output, target) == 0.5 * course.divergence
    assert apart(output, model(seen, ahead, torch.zeros_like(drawn))) > 1e-3
    with pytest.raises(UserError, match="a ConvGru has no latent variables"):
        variational.build(models.build({"kind": "convgru"}, 4), SimpleNamespace(), None)


def test_both_strategies_train_it_and_a_run_is_the_same_again(sequences):
    splits = [sequences(split=name, pool=name) for name in ("train", "val")]
    spec = {"batch": 4, "sequences": 12, "epochs": 2, "context": 3, "horizon": 2}
    spec |= {"learning_rate": 0.01}
    found = []
    for weight in (0.01, 0.01, 1.0):
        both = ["variational", {"kind": "extra_loss", "weight": weight}]
        model, chosen = build(7).float(), settings({**spec, "strategy": both}, seed=0)
        strategy = strategies.build(model, chosen)
        records, _ = train(model, *splits, chosen, strategy=strategy)
        found.append([record["validation_error"] for record in records])
    assert found[0] == found[1] != found[2]


@pytest.mark.law("treatments/error_regression")
def test_error_regression_lowers_the_energy_and_changes_nothing_else():
    model, frames = build(), video()
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    spec = {"kind": "error_regression", "window": 3, "weight": 0.01}
    none = treatments.treat(model, {**spec, "steps": 0})
    assert torch.equal(none(frames, 4), model(frames, 4))
    regressed = treatments.treat(model, {**spec, "steps": 10})
    with torch.no_grad():
        state = model.follow(frames[:, :2]).state
        before = model.follow(frames[:, 2:], state).added
        after = regressed.added(frames[:, 2:], state)
        energy = regressed.energy
        assert energy(frames[:, 2:], state, after) < energy(
            frames[:, 2:], state, before
        )
        found = regressed(frames, 4)
    assert apart(found, model(frames, 4)) > 1e-4
    one = regressed(frames[:1], 4)  # no sequence knows the others of its batch
    assert apart(one, found[:1]) < 1e-9
    assert all(torch.equal(v, weights[k]) for k, v in model.state_dict().items())
    with pytest.raises(UserError, match="needs a pvrnn, got a ConvGru"):
        treatments.treat(models.build({"kind": "convgru"}, 4), spec)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"tau": 0.5}, "tau must be at least one"), ({"latent": 0}, "latent must be")],
)
def test_impossible_sizes_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        build(**options)


def flips(count, length):
    """A light that is on in every other frame, but with probability 0.1 stays."""
    stays = torch.rand(count, length) < 0.1
    on = (torch.arange(length) + stays.cumsum(1) + torch.randint(2, (count, 1))) % 2
    return on.float()[:, :, None, None, None]


@pytest.mark.minutes
def test_the_prior_is_neither_sure_nor_ignorant_how_often_a_light_stays():
    """It is 0.1; a prior that is sure has 0, one that knows no order one half."""
    torch.manual_seed(0)
    spec = {"kind": "pvrnn", "hidden": 16, "latent": 1, "kernel": 1}
    model = models.build({**spec, "decoder_layers": 1}, 1)
    optimiser = torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(500):
        lights = flips(64, 16)
        found = model(lights, 1, torch.randn(64, 16, 1, 1, 1))
        loss = (found - lights).square().mean() + 0.01 * model.extra_loss()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    with torch.no_grad():
        lights = flips(200, 12)
        state = model.follow(lights).state
        drawn = torch.stack(
            [*model.imagine(state, 40, torch.randn(200, 40, 1, 1, 1))], 1
        )
        on = drawn.flatten(1) > 0.5
        rate = (on[:, 1:] == on[:, :-1]).float().mean().item()
        lights = flips(400, 13)
        past, next_ = lights[:, :12], lights[:, 12:]
        errors = {}
        for steps in (0, 20):
            chosen = {"kind": "error_regression", "steps": steps}
            answer = treatments.treat(model, chosen)(past, 1)
            errors[steps] = (answer - next_).square().mean().item()
    print(rate, errors)
    assert 0.05 < rate < 0.25, rate
    assert max(errors.values()) < 0.125  # at best 0.09; half of no order is 0.25
