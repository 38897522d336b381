"""Models that are trained as one are those that are trained one by one."""

import dataclasses
import signal
import time

import pytest
import torch

from fernn import models
from fernn.flows._regular import RegularConvolution
from fernn.models import _stack
from fernn.training import loop, stacked
from fernn.training.settings import settings
from labrun.errors import UserError
from labrun.rolling_states import RollingStates
from labrun.stopping import Interrupted

SEEDS = (0, 1, 2)
SPEC = {
    "batch": 4,
    "sequences": 8,
    "epochs": 3,
    "context": 3,
    "horizon": 2,
    "long_horizon": 6,
    "extend_horizon": True,  # seeds draw other horizons, see the first test
    "schedule": "one_cycle",
    "learning_rate": 0.01,
    "clip": 0.01,  # nearly all gradients are longer, by other factors
}
MODEL = {
    "kind": "forecaster",
    "flow": {"kind": "translation", "max_speed": 1},
    "hidden": 3,
    "decoder_layers": 1,
}


def flow(speed):
    return {"flow": {"kind": "translation", "max_speed": speed}}


def turning(orientations, step, **options):
    """Steps that orientations share, or that lie between two of them."""
    own = {"orientations": orientations, "step": step, "max_speed": 1, **options}
    return {"flow": {"kind": "rotation", **own}}


@pytest.fixture
def member(sequences, tmp_path):
    """One training in double precision; fresh weights, as in a new process."""

    def make(seed, model, saves=True, **changes):
        torch.manual_seed(seed)
        built = models.build({**MODEL, **model}, size=7).double()
        chosen = settings({**SPEC, **changes}, seed=seed)
        splits = [
            Double(sequences(split=name, pool=name, seed=seed))
            for name in ("train", "val")
        ]
        identity = {"model": model, "settings": vars(chosen)}
        states = RollingStates(tmp_path / str(seed), identity) if saves else None
        return stacked.Member(built, *splits, chosen, states)

    return make


class Double:
    """Sequences in double precision."""

    def __init__(self, split):
        self._split, self.recipe, self.size = split, split.recipe, split.size

    def __len__(self):
        return len(self._split)

    def video(self, *place):
        return self._split.video(*place).double()


def alone(each):
    return loop.train(
        each.model, each.train_split, each.validation_split, each.settings
    )


def distance(one, other):
    """The largest between the weights of two results, and between their losses."""
    weights = max((one[1][k] - other[1][k]).abs().max().item() for k in one[1])
    losses = [
        abs(a[name] - b[name])
        for a, b in zip(one[0], other[0], strict=True)
        for name in ("train_loss", "validation_error")
    ]
    return max(weights, *losses)


FORECASTERS = [
    {**flow(0), "rollout": "free"},
    {**flow(1), "rollout": "free", "execution": "plain"},
    {**flow(2), "rollout": "repeat"},
    {**flow(1), "rollout": "advect"},
    {**flow(1), "rollout": "warped"},
    {**flow(1), "rollout": "shifted", "readings": 2, "bottleneck": 3},
    {**flow(1), "rollout": "shifted", "pooling": "mean"},
    {**flow(1), "mixing": "lattice", "rollout": "free"},
    {**turning(4, 90), "hidden": 2, "rollout": "free"},
    {**turning(4, 45, basis="rings"), "rollout": "advect", "decoder": "ordinary"},
    {**turning(8, 45), "execution": "plain", "rollout": "shifted"},
]


def test_the_seeds_of_these_tests_draw_other_horizons():
    chosen = [settings(SPEC, seed=seed) for seed in SEEDS]
    drawn = {tuple(map(each.frames_ahead, range(each.steps))) for each in chosen}
    assert len(drawn) > 1


def test_a_member_has_its_share_of_the_processor_time(member):
    told = {seed: [] for seed in SEEDS}
    each = [
        dataclasses.replace(member(seed, {}), on_epoch=told[seed].append)
        for seed in SEEDS
    ]
    before = time.process_time()
    stacked.train(each)
    spent = time.process_time() - before
    last = [records[-1]["processor_seconds"] for records in told.values()]
    assert 0 < sum(last) <= spent and len({*last}) == 1


@pytest.mark.parametrize("model", FORECASTERS)
def test_members_are_trained_as_if_they_were_alone(member, model):
    together = stacked.train([member(seed, model, saves=False) for seed in SEEDS])
    apart = [alone(member(seed, model)) for seed in SEEDS]
    for one, other in zip(together, apart, strict=True):
        assert distance(one, other) < 1e-10
    assert distance(together[0], apart[1]) > 1e-3


def test_members_with_other_learning_rates_are_trained_as_if_they_were_alone(member):
    """As the trials of a search: one seed, and the same data."""
    rates = (0.001, 0.005, 0.01)
    each = [member(0, {}, saves=False, learning_rate=rate) for rate in rates]
    for rate, one in zip(rates, stacked.train(each), strict=True):
        other = alone(member(0, {}, learning_rate=rate))
        assert distance(one, other) < 1e-10
        assert one[0][-1]["learning_rate"] == other[0][-1]["learning_rate"]


CLASSIFIERS = [
    {"kind": "classifier", **flow(1), "normalized": True, "last": 2, "hidden": 3},
    {"kind": "conv3d", "hidden": 3, "boundary": "circular"},
    {"kind": "bag", "filters": 5},
]


@pytest.mark.parametrize("spec", CLASSIFIERS, ids=lambda spec: spec["kind"])
def test_every_layer_keeps_the_members_apart(spec):
    """Logits, gradients and running statistics, of two members with other frames."""
    alone = [_model(spec, seed) for seed in (0, 1)]
    videos = torch.rand(2, 4, 3, 1, 7, 7).double()
    weights = torch.rand(2, 4, 6).double()
    stack = _stack.Stack(members := [_model(spec, seed) for seed in (0, 1)])
    logits = stack.network(torch.cat([*videos], 2)).chunk(2, 1)
    stack.backward((torch.stack(logits) * weights).sum((1, 2)))
    for model, member, video, weight in zip(
        alone, members, videos, weights, strict=True
    ):
        (model(video) * weight).sum().backward()
        for name, parameter in model.named_parameters():
            found = member.get_parameter(name).grad
            torch.testing.assert_close(found, parameter.grad, rtol=1e-9, atol=1e-12)
        for name, buffer in model.named_buffers():
            torch.testing.assert_close(member.get_buffer(name), buffer)


def test_the_harmonic_form_keeps_the_members_apart():
    signals = torch.rand(2, 3, 8, 7, 7).double()
    members = [RegularConvolution(2, 1, 3, 4, form="harmonic") for _ in signals]
    alone = [part.double()(own) for part, own in zip(members, signals, strict=True)]
    found = _stack.Stack(members).network(torch.cat([*signals], 1))
    torch.testing.assert_close(found, torch.cat(alone, 1))


def _model(spec, seed):
    torch.manual_seed(seed)
    return models.build(spec, size=7).double()


@pytest.mark.parametrize(
    "spec",
    [
        {**MODEL, "mixing": "full"},
        {**MODEL, "recoding": "learned"},
        {**MODEL, "cell": {"kind": "learned_shifts"}},
    ],
)
def test_a_model_that_is_not_known_to_keep_members_apart_is_refused(spec):
    spec = {"kind": "forecaster", "hidden": 2, **spec}
    with pytest.raises(UserError, match="cannot be stacked"):
        _stack.Stack([models.build(spec, size=8) for _ in SEEDS])


def test_a_roll_out_that_is_not_known_is_refused(member):
    model = member(0, {}).model
    model.rollout = type("Other", (type(model.rollout),), {})()
    assert _stack.objection(model) == "Other cannot be stacked"


@pytest.fixture
def undisturbed(member):
    return stacked.train([member(seed, {}, saves=False) for seed in SEEDS])


def same(found, wanted):
    for one, other in zip(found, wanted, strict=True):
        assert one[0] == other[0]
        assert all(torch.equal(one[1][name], other[1][name]) for name in one[1])
    return True


def stop_at(step, member, **how):
    def on_step(record):
        if record["updates"] == step:
            signal.raise_signal(signal.SIGUSR1)

    each = [member(seed, {}, **how) for seed in SEEDS]
    each[0] = dataclasses.replace(each[0], on_step=on_step)
    with pytest.raises(Interrupted, match=f"after step {step}"):
        stacked.train(each)


def test_a_continued_stack_is_bit_equal(member, undisturbed):
    for step in (1, 4, 5):
        stop_at(step, member)
    assert same(stacked.train([member(seed, {}) for seed in SEEDS]), undisturbed)
    again = stacked.train([member(seed, {}) for seed in SEEDS])  # untrained
    assert same(again, undisturbed)


def test_killed_while_it_saves_all_go_back_to_the_state_that_all_have(
    member, undisturbed, tmp_path
):
    stop_at(3, member)
    for seed in SEEDS[1:]:
        (tmp_path / f"{seed}/state-000000003.pt").unlink()
    assert same(stacked.train([member(seed, {}) for seed in SEEDS]), undisturbed)


def test_a_seed_more_trains_that_one_alone(member):
    first = stacked.train([member(seed, {}) for seed in SEEDS[:2]])
    steps = []
    each = [member(seed, {}) for seed in SEEDS]
    told = [dataclasses.replace(m, on_step=steps.append) for m in each[:2]]
    found = stacked.train([*told, each[2]])
    assert same(found[:2], first) and not steps
    assert distance(found[2], alone(member(2, {}))) < 1e-10


def test_the_seed_that_diverges_is_named(member):
    each = [member(seed, {}) for seed in SEEDS]
    with torch.no_grad():
        next(each[1].model.parameters()).fill_(float("inf"))
    with pytest.raises(loop.Diverged, match="seed 1: the loss is nan at step 1"):
        stacked.train(each)


def test_what_is_not_stacked_is_said(member):
    each = member(0, {})
    assert stacked.objection(each.model, each.settings) is None
    smoothed = settings({**SPEC, "strategy": "smoothed"}, seed=0)
    assert "strategy" in stacked.objection(each.model, smoothed)
