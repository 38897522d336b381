"""Constraints on relaxations: their updates by hand, where they rest, and use."""

import math
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from fernn import models
from fernn.cells import Relaxation
from fernn.models._relaxed import relaxations_of
from fernn.training import strategies
from fernn.training.loop import train, validate
from fernn.training.settings import settings
from fernn.training.strategies._primal_dual import PrimalDual
from labrun import modules
from labrun.errors import UserError
from labrun.rolling_states import RollingStates
from labrun.stopping import Interrupted

SPEC = {"batch": 4, "sequences": 12, "epochs": 4, "context": 3, "horizon": 2}
SPEC |= {"learning_rate": 0.01}
MODEL = {"kind": "forecaster", "hidden": 3, "decoder_layers": 0}
MODEL |= {"flow": {"kind": "translation", "max_speed": 1}}
MODEL |= {"relaxations": ["shift", "leak", "readout"]}
ACE, RESILIENT = {"kind": "ace"}, {"kind": "resilient_ace"}
FADING = {"kind": "gamma_schedule"}


class Parabola(torch.nn.Module):
    """J = a/2 (γ - g)²; as a model it has one relaxation and nothing else."""

    def __init__(self, curvature, wanted):
        super().__init__()
        self.part = Relaxation()
        self.curvature, self.wanted = curvature, wanted

    def gradient(self):
        return self.curvature * (self.part.gamma.detach() - self.wanted)


def descend(strategy, steps, curvature, wanted, settle_steps) -> tuple[Any, list]:
    """γ after each step of a strategy whose rate is that of so many settled steps."""
    spec = {**SPEC, "batch": 1, "sequences": settle_steps, "epochs": 1}
    model = Parabola(curvature, wanted).double()
    made: Any = strategies.build(model, settings({**spec, "strategy": strategy}, 0))
    run, found = {"step": 0, "loss": 0.0, "records": []}, []
    for _ in range(steps):
        model.part.gamma.grad = model.gradient()
        made.after_step(run)
        run["step"] += 1
        found.append(model.part.gamma.item())
    return made, found


def test_three_steps_of_equality_worked_by_hand():
    """Rate 0.1, a = 1, g = 0.5, c = 2: γ 1, 0.75, 0.565 (λ 0.1), 0.435 (0.175)…"""
    strategy = {**ACE, "settle": 2 / 3}
    made, found = descend(strategy, 3, 1.0, 0.5, settle_steps=100)
    assert made.rate == pytest.approx(0.1)
    first = 1 - 0.1 * (0.5 + 0 + 2 * 1)
    second = first - 0.1 * (0.25 + 0.1 + 2 * first)
    third = second - 0.1 * (second - 0.5 + 0.175 + 2 * second)
    assert found == pytest.approx([first, second, third])
    assert made.report()["lambda_part"] == pytest.approx(0.1 * (1 + first + second))


def test_three_steps_of_the_resilient_form_worked_by_hand():
    """Rate 0.1, a = 1, g = -1, ρ = 2: λ and u follow one step behind γ."""
    strategy = {**RESILIENT, "settle": 2 / 3, "rho": 2.0}
    made, found = descend(strategy, 3, 1.0, -1.0, settle_steps=100)
    # γ 1 → 0.8 (λ 0) → 0.61 (λ 0.1) → 0.431 (λ 0.18, u 0.01)
    assert found == pytest.approx([0.8, 0.8 - 0.1 * 1.9, 0.61 - 0.1 * (1.61 + 0.18)])
    told = made.report()
    assert told["lambda_part"] == pytest.approx(0.18 + 0.1 * (0.61 - 0.01))
    assert told["u_part"] == pytest.approx(0.01 + 0.1 * (0.18 - 2 * 0.01))


def test_the_code_of_the_authors_bounds_one_side_alone():
    """γ ≤ 0 with λ ≥ 0: a γ that the data want below 0 stays there."""
    one_sided = {**RESILIENT, "one_sided": True}
    below = descend(one_sided, 4000, 1.0, -0.5, 400)[1][-1]
    told, above = descend(one_sided, 4000, 1.0, 0.5, 400)
    assert below == pytest.approx(-0.5, abs=1e-3)
    assert above[-1] == pytest.approx(0.0, abs=1e-3)
    assert told.report()["lambda_part"] == pytest.approx(0.5, abs=1e-2)
    both = descend({**RESILIENT, "rho": 10.0}, 4000, 1.0, -0.5, 400)[1][-1]
    assert abs(both) < 0.1


@pytest.mark.parametrize(("curvature", "wanted"), [(0.01, 0.7), (1.0, 0.7), (1.0, -2)])
@pytest.mark.law("training/strategies/ace")
def test_equality_ends_strict_and_its_multiplier_is_the_slope_there(curvature, wanted):
    made, found = descend(ACE, 4000, curvature, wanted, settle_steps=1000)
    assert abs(found[-1]) < 1e-4
    told = made.report()["lambda_part"]
    assert told == pytest.approx(curvature * wanted, rel=1e-2)


def test_critical_damping_settles_in_the_time_asked_for_and_no_damping_never():
    """A flat J: without damping γ is a cosine, zero first after a quarter period."""
    rate = 20 / 3 / (1000 / 3)
    damped = descend(ACE, 1000, 0.0, 0.0, settle_steps=1000)[1]
    last = max(step for step, gamma in enumerate(damped, 1) if abs(gamma) >= 0.01)
    assert 0.28 * 1000 < last <= 1000 / 3
    assert min(damped) == pytest.approx(-math.exp(-2), abs=0.01)
    free = descend({**ACE, "damping": 0.0}, 20_000, 0.01, 0.0, settle_steps=1000)[1]
    crossed = next(step for step, gamma in enumerate(free, 1) if gamma < 0)
    assert crossed == pytest.approx(math.pi / 2 / rate, rel=0.03)
    assert max(map(abs, free[-1000:])) > 0.01


@pytest.mark.parametrize(("curvature", "rho"), [(1.0, 1.0), (2.0, 0.5), (0.5, 4.0)])
@pytest.mark.law(
    "training/strategies/resilient_ace", "training/strategies/gamma_penalty"
)
def test_the_resilient_form_rests_as_a_ridge(curvature, rho):
    """γ* = a g / (a + ρ) and u* = |γ*|, which a penalty of ρ/2 γ² has, too."""
    strategy = {**RESILIENT, "rho": rho}
    made, found = descend(strategy, 20_000, curvature, -0.7, settle_steps=1000)
    rest = curvature * -0.7 / (curvature + rho)
    assert found[-1] == pytest.approx(rest, rel=0.02)
    assert made.report()["u_part"] == pytest.approx(abs(rest), rel=0.02)
    penalty = {"kind": "gamma_penalty", "weight": rho / 2}
    model = Parabola(curvature, -0.7).double()
    chosen = settings({**SPEC, "strategy": penalty}, 0)
    extra: Any = strategies.build(model, chosen)
    with torch.no_grad():
        model.part.gamma.fill_(rest)
    extra.penalty(None, (), torch.zeros(1), torch.zeros(1)).backward()
    assert model.part.gamma.grad == pytest.approx(-model.gradient().item())


def test_a_scale_is_the_loss_after_a_twentieth_of_the_steps():
    model = Parabola(1.0, 0.0)
    spec = {**SPEC, "epochs": 20, "strategy": {**RESILIENT, "share": 0.5}}
    made: Any = strategies.build(model, settings(spec, 0))  # 60 steps
    run = {"step": 2, "loss": 4.0, "records": [{"train_loss": 7.0}]}
    model.part.gamma.grad = torch.ones(())
    made.after_step(run)
    assert made.report()["rho"] == 0.0 and made.slacks["part"] == 0.0
    made.after_step({**run, "step": 3})  # an epoch has just ended
    assert made.report()["rho"] == 3.5
    made.after_step({**run, "step": 5, "loss": 100.0})
    assert made.report()["rho"] == 3.5
    later = strategies.build(model, settings(spec, 0))
    later.after_step({**run, "step": 5})  # two steps of this epoch are done
    assert later.report()["rho"] == 0.5 * 4 / 2


@pytest.mark.law("training/strategies/gamma_schedule")
def test_gamma_falls_by_the_schedule():
    model = Parabola(1.0, 0.0)
    for shape, half in (("linear", 0.75), ("cosine", (1 + 2**-0.5) / 2)):
        strategy = {**FADING, "shape": shape, "until": 2 / 3}
        made: Any = strategies.build(model, settings({**SPEC, "strategy": strategy}, 0))
        for step, gamma in ((0, 1.0), (2, half), (8, 0.0), (11, 0.0)):
            made.before_step({"step": step}, None)
            assert model.part.gamma.item() == pytest.approx(gamma, abs=1e-7)


@pytest.fixture
def run(sequences, tmp_path):
    """Train with fresh weights, in a folder of states; stop after a step if asked."""

    def start(strategy, stop_after=None, folder="states", model=MODEL, **changes):
        torch.manual_seed(0)
        network = models.build(model, size=7)
        chosen = settings({**SPEC, "strategy": strategy, **changes}, seed=0)
        made = strategies.build(network, chosen)
        train_split, val_split = (sequences(split=n, pool=n) for n in ("train", "val"))
        states = RollingStates(tmp_path / folder, chosen.given())

        def on_step(record):
            if record["updates"] == stop_after:
                signal.raise_signal(signal.SIGUSR1)

        how: dict[str, Any] = {"strategy": made, "on_step": on_step}
        found = train(network, train_split, val_split, chosen, states, **how)
        return (*found, made, network)

    return start


def same(one, other):
    weights = [torch.equal(one[1][name], other[1][name]) for name in one[1]]
    return one[0] == other[0] and all(weights)


@pytest.fixture
def toys(monkeypatch):
    """Other strategies, found by their names."""
    own = Path(__file__).parent / "toys/training/strategies"
    monkeypatch.setattr(strategies, "__path__", [*strategies.__path__, str(own)])
    yield
    modules.load.cache_clear()


@pytest.mark.usefixtures("toys")
@pytest.mark.parametrize(
    "strategy",
    [
        {**ACE, "optimiser": "adam", "damping": 1.0},
        RESILIENT,
        FADING,
        [
            ACE,
            {"kind": "curriculum", "horizons": [1, 2]},
            {"kind": "penalty", "weight": 0.1},
        ],
    ],
    ids=str,
)
def test_a_continued_strategy_is_bit_equal(run, strategy):
    """Stopped within an epoch, at its end, and near the last step."""
    whole = run(strategy, folder="whole")
    for stop in (1, 6, 11):
        with pytest.raises(Interrupted, match=f"after step {stop}"):
            run(strategy, stop_after=stop)
    assert same(run(strategy), whole)


def test_a_lost_multiplier_would_be_seen(run, monkeypatch):
    whole = run(ACE, folder="whole")
    with pytest.raises(Interrupted):
        run(ACE, stop_after=6)
    monkeypatch.setattr(PrimalDual, "load_state_dict", lambda self, state: None)
    assert not same(run(ACE), whole)


def test_equality_keeps_the_strict_model_that_was_validated(run, sequences):
    records, weights, made, network = run(ACE)
    assert all(part.gamma != 0 for part in relaxations_of(network).values())
    spec, kept = made.kept({**MODEL, "rollout": "free"}, weights)
    assert spec == {
        **{k: v for k, v in MODEL.items() if k != "relaxations"},
        "rollout": "free",
    }
    model = models.build(spec, size=7)
    model.load_state_dict(kept)
    found = validate(model, sequences(split="val", pool="val"), settings(SPEC, 0))
    least = min(record["validation_error"] for record in records)
    assert found["validation_error"] == pytest.approx(least, rel=1e-5)


def test_the_resilient_form_keeps_the_relaxed_model(run, sequences):
    records, weights, made, _ = run(RESILIENT)
    assert made.kept(MODEL, weights) == (MODEL, weights)
    model = models.build(MODEL, size=7)
    model.load_state_dict(weights)
    split = sequences(split="val", pool="val")
    least = min(record["validation_error"] for record in records)
    assert validate(model, split, settings(SPEC, 0)) == {"validation_error": least}
    with torch.no_grad():
        for part in relaxations_of(model).values():
            part.gamma.zero_()
    strict = validate(model, split, settings(SPEC, 0))["validation_error"]
    assert strict != pytest.approx(least, rel=1e-3)


def test_a_multiplier_takes_nothing_from_the_clip_of_the_task(run, monkeypatch):
    """With λ = 1000 weights move as with λ = 0; not so in the authors' form."""

    def moved(strategy, multiplier, folder):
        begin: Any = strategies.build

        def pushed(*args: Any):
            made: Any = begin(*args)
            if strategy == ACE:
                made.multipliers = dict.fromkeys(made.multipliers, multiplier)
            else:
                made.multipliers += multiplier
            return made

        with monkeypatch.context() as patched:
            patched.setattr(strategies, "build", pushed)
            one = {"sequences": 4, "epochs": 1, "clip": 1e-3, "optimiser": "SGD"}
            return run(strategy, folder=folder, **one)[1]["cell.conv_h.weight"]

    still, pushed = (moved(ACE, float(each), f"sgd{each}") for each in (0, 1000))
    assert torch.equal(still, pushed)
    adam = {**ACE, "optimiser": "adam"}
    still, pushed = (moved(adam, float(each), f"adam{each}") for each in (0, 1000))
    assert not torch.equal(still, pushed)


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        ({**ACE, "settle": 0}, "ace.settle must be above 0 and at most 1, got 0"),
        ({**ACE, "damping": -1.0}, "ace.damping must not be negative, got -1.0"),
        ({**ACE, "optimiser": "sdg"}, "no optimiser 'sdg'; did you mean 'sgd'"),
        ({**RESILIENT, "rho": 0.0}, "resilient_ace.rho must be above 0, got 0.0"),
        ({**FADING, "until": 2.0}, "gamma_schedule.until must be above 0 and at most"),
        ({"kind": "gamma_penalty", "weight": -1.0}, "weight must not be negative"),
    ],
)
def test_a_wrong_option_is_refused(run, strategy, message):
    with pytest.raises(UserError, match=message):
        run(strategy)


def test_a_strict_model_has_nothing_to_constrain(run):
    strict = {name: value for name, value in MODEL.items() if name != "relaxations"}
    for kind in ("ace", "resilient_ace", "gamma_schedule"):
        with pytest.raises(UserError, match=f"strategy {kind}: the model is strict"):
            run({"kind": kind}, model=strict)
