"""Losses, optimisers, schedules, roll-outs and strategies are files that others add."""

import re
import signal
from pathlib import Path

import pytest
import torch

from fernn import models
from fernn.config import options
from fernn.config.protocols import declared, kind_problems
from fernn.models import rollouts
from fernn.training import losses, optimisers, schedules, strategies
from fernn.training.loop import train, validate
from fernn.training.settings import dotted, settings, with_options
from fernn.training.strategies import Several, Strategy
from labrun import modules
from labrun.errors import UserError
from labrun.rolling_states import RollingStates
from labrun.stopping import Interrupted

TOYS = Path(__file__).parent / "toys"
SPEC = {"batch": 4, "sequences": 12, "epochs": 4, "context": 3, "horizon": 2}
SPEC |= {"learning_rate": 0.01}
MODEL = {
    "kind": "forecaster",
    "flow": {"kind": "translation", "max_speed": 1},
    "hidden": 3,
    "decoder_layers": 0,
}
PENALTY = {"kind": "penalty", "weight": 0.1}
PATIENCE = {"kind": "patience", "horizons": [1, 2, 4]}


@pytest.fixture(autouse=True)
def toys(monkeypatch):
    """The toys lie in the packages that are searched for kinds."""
    for package in (losses, optimisers, schedules, strategies, rollouts):
        own = TOYS / "/".join(package.__name__.split(".")[1:])
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(own)])
    yield
    modules.load.cache_clear()


@pytest.fixture
def run(sequences, tmp_path):
    """Train with fresh weights, in a folder of states; stop after a step if asked."""

    def start(strategy, stop_after=None, folder="states", needs=None, **changes):
        torch.manual_seed(0)
        model = models.build(MODEL, size=7)
        chosen = settings({**SPEC, "strategy": strategy, **changes}, seed=0)
        made = strategies.build(model, chosen, needs)
        splits = [sequences(split=name, pool=name) for name in ("train", "val")]
        states = RollingStates(tmp_path / folder, chosen.given())

        def on_step(record):
            if record["updates"] == stop_after:
                signal.raise_signal(signal.SIGUSR1)

        how = {"strategy": made, "on_step": on_step}
        return train(model, *splits, chosen, states, **how)

    return start


def same(one, other):
    weights = [torch.equal(one[1][name], other[1][name]) for name in one[1]]
    return one[0] == other[0] and all(weights)


@pytest.fixture
def teacher(run):
    model = models.build(MODEL, size=7)
    model.load_state_dict(run(None, folder="teacher", learning_rate=0.03)[1])
    return {"teacher": model.eval()}


@pytest.mark.parametrize(
    "strategy",
    [
        PENALTY,
        PATIENCE,
        {"kind": "distil", "teacher": "it"},
        [PENALTY, PATIENCE],
        [PATIENCE, {"kind": "distil", "teacher": "it"}, PENALTY],
    ],
)
def test_a_continued_strategy_is_bit_equal(run, teacher, strategy):
    """Stopped within an epoch, at its end, and twice; the state is really used."""
    how = {"needs": teacher, "epochs": 5}
    whole = run(strategy, folder="whole", **how)
    for stop in (2, 6, 13):
        with pytest.raises(Interrupted, match=f"after step {stop}"):
            run(strategy, stop_after=stop, **how)
    assert same(run(strategy, **how), whole)
    assert not same(run(strategy, folder="o", learning_rate=0.02, **how), whole)


def test_a_lost_state_of_a_strategy_would_be_seen(run, monkeypatch):
    whole = run([PENALTY, PATIENCE], folder="whole", epochs=5)
    with pytest.raises(Interrupted):
        run([PENALTY, PATIENCE], stop_after=13, epochs=5)
    monkeypatch.setattr(Several, "load_state_dict", lambda self, state: None)
    assert whole[0] != run([PENALTY, PATIENCE], epochs=5)[0]


def test_phases_are_of_one_training_and_choose_weights_of_their_own(run, sequences):
    records, weights = run(PATIENCE, epochs=7, learning_rate=0.1)
    phases = [record["phase"] for record in records]
    assert phases[0] == 0 and phases[-1] == 2 and phases == sorted(phases)
    # The report of an epoch tells the phase that follows it.
    last = phases.index(2) + 1
    errors = [record["validation_error"] for record in records]
    assert min(errors[:last]) < min(errors[last:])  # else this shows nothing
    model = models.build(MODEL, size=7)
    model.load_state_dict(weights)
    split = sequences(split="val", pool="val")
    found = validate(model, split, settings(SPEC, 0))
    assert found == {"validation_error": min(errors[last:])}


def test_an_empty_strategy_is_plain_training(run):
    plain = run(None, folder="plain")
    assert same(run([], folder="empty"), plain)
    torch.manual_seed(0)
    weightless = {**PENALTY, "weight": 0.0}
    records, weights = run(weightless, folder="weightless")
    assert all(torch.equal(weights[name], plain[1][name]) for name in weights)
    assert not same(run(PENALTY, folder="penalty"), (records, weights))


def test_a_penalty_and_a_teacher_pull(run, teacher):
    """A heavy penalty darkens; a heavy teacher is imitated."""
    plain = run(None, folder="plain", epochs=10)[0]
    dark = run({**PENALTY, "weight": 10.0}, folder="dark", epochs=10)[0]
    assert dark[-1]["validation_error"] > plain[-1]["validation_error"]
    pupil = {"kind": "distil", "teacher": "it", "weight": 100.0}
    made = run(pupil, folder="pupil", needs=teacher, epochs=20)[1]
    other = run(None, folder="other", epochs=20)[1]
    video = torch.rand(4, 3, 1, 7, 7)
    distance = []
    for weights in (made, other):
        model = models.build(MODEL, size=7)
        model.load_state_dict(weights)
        with torch.no_grad():
            gap = model(video, 2) - teacher["teacher"](video, 2)
        distance.append(gap.square().mean().item())
    assert distance[0] < distance[1]


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        ("penaltee", "no 'penaltee' in strategies; did you mean 'penalty'"),
        ({**PENALTY, "wait": 1}, "penalty has no option 'wait'; did you mean 'weight'"),
        ("penalty", "penalty needs the option 'weight'"),
        ({"kind": "distil", "teacher": "it"}, "needs a trained model as 'teacher'"),
        ([PENALTY, PENALTY], "'penalty' is given twice"),
    ],
)
def test_a_wrong_strategy_is_refused(run, strategy, message):
    with pytest.raises(UserError, match=message):
        run(strategy)


def test_what_only_one_can_decide_is_not_decided_by_two():
    class Horizon(Strategy):
        def frames_ahead(self, step, settings):
            return 1

    class Other(Strategy):
        def frames_ahead(self, step, settings):
            return 2

    message = "strategies one and other both decide frames_ahead"
    with pytest.raises(UserError, match=message):
        Several({"one": Horizon(), "other": Other()})
    alone = Several({"one": Horizon(), "plain": Strategy()})
    assert alone.frames_ahead(0, settings(SPEC, 0)) == 1


def test_only_what_all_strategies_leave_to_the_optimiser_is_moved(run):
    class Frozen(Strategy):
        def parameters(self, model):
            return [weight for name, weight in model.named_parameters() if name != "a"]

    model = torch.nn.ParameterDict({name: torch.zeros(1) for name in "abc"})
    both = Several({"frozen": Frozen(), "plain": Strategy()})
    assert [id(each) for each in both.parameters(model)] == [*map(id, model.values())][
        1:
    ]


def test_a_named_loss_is_minimised(run):
    plain = run(None, folder="plain")
    wide = {"kind": "charbonnier", "width": 1e3}
    told = run(None, folder="named", loss=wide)
    assert told[0][0]["train_loss"] == pytest.approx(1e3, rel=1e-3)
    assert not same(told, plain)
    assert same(run(None, folder="mse", loss="mse"), plain)
    with pytest.raises(UserError, match="no 'charbonier' in losses; did you mean"):
        run(None, folder="wrong", loss="charbonier")


def by_hand(kind, **options):
    """A weight after two steps of a parabola."""
    weight = torch.nn.Parameter(torch.tensor([[1.0, -2.0]]))
    made = optimisers.build({"kind": kind, **options}, [weight], 0.1)
    for _ in range(2):
        made.zero_grad()
        weight.square().sum().backward()
        made.step()
    return weight.detach()


def test_optimisers_are_those_of_torch_with_their_arguments():
    """One number each by hand: options arrive."""
    start = torch.tensor([[1.0, -2.0]])
    torch.testing.assert_close(by_hand("SGD"), start * 0.8**2)
    # v₁ = 2w, w₁ = 0.8w; v₂ = 0.5 v₁ + 1.6w = 2.6w; w₂ = 0.54w
    torch.testing.assert_close(by_hand("SGD", momentum=0.5), start * 0.54)
    torch.testing.assert_close(by_hand("signs", scale=0.5), start - 0.1 * start.sign())
    assert not torch.equal(by_hand("AdamW", weight_decay=0.5), by_hand("AdamW"))
    weight = torch.nn.Parameter(torch.zeros(1))
    assert isinstance(optimisers.build(None, [weight], 0.1), torch.optim.Adam)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("Adm", "no optimiser 'Adm'; did you mean 'Adam'"),
        ("LBFGS", "no optimiser 'LBFGS'"),  # its step asks for the loss again
        ({"kind": "AdamW", "weight_deca": 1}, "did you mean 'weight_decay'"),
        ({"kind": "AdamW", "lr": 0.1}, "AdamW has no option 'lr'"),
        ({"kind": "SGD", "momentum": "much"}, "momentum of SGD must be a number"),
        ({"kind": "SGD", "nesterov": "no"}, "nesterov of SGD must be true or false"),
        ({"kind": "SGD", "nesterov": True}, "optimiser SGD: .*momentum"),
        ({"kind": "SGD", "maximize": True}, "maximize of SGD cannot be set: training"),
        ({"kind": "AdamW", "weight_decay": -1.0}, "Invalid weight_decay value: -1.0"),
    ],
)
def test_a_wrong_optimiser_is_refused(run, spec, message):
    with pytest.raises(UserError, match=message):
        run(None, optimiser=spec)


@pytest.mark.parametrize(
    ("key", "spec", "message"),
    [
        ("optimiser", "adamw", "did you mean 'AdamW'"),  # not Adam, which is nearer
        ("optimiser", "Muon", "Muon only supports 2D"),  # kernels have four
        ("optimiser", "SparseAdam", "does not train convolutions"),
        ("optimiser", {"kind": "signs", "scale": "wide"}, "must be a number"),
        ("optimiser", {"kind": "signs", "scale": 2.0}, None),
        ("optimiser", {"kind": "AdamW", "weight_decay": 0.1}, None),
    ],
)
def test_a_configuration_refuses_what_a_job_would(key, spec, message):
    found = [problem.message for problem in kind_problems(key, spec, (key,))]
    assert len(found) == (message is not None)
    assert message is None or message in found[0]


def test_options_that_change_no_result_are_not_tuned():
    """They may be given; a module of an optimiser names its options as it likes."""
    assert {"weight_decay", "amsgrad", "eps"} < declared("optimiser", "AdamW").keys()
    assert not declared("optimiser", "AdamW").keys() & {"foreach", "fused", "maximize"}
    fused = {"kind": "AdamW", "fused": True}
    assert [*kind_problems("optimiser", fused, ())] == []
    assert declared("optimiser", "signs").keys() == {"scale"}


def test_the_model_that_a_strategy_needs_is_not_tuned():
    assert declared("strategy", "distil").keys() == {"weight"}
    assert "teacher" in options.names("training/strategies", "distil")


def test_a_loss_of_each_sample_is_refused(run, monkeypatch):
    module = modules.load("fernn.training.losses", "mse")

    def each(output, target):
        return (output - target).square().mean((1, 2, 3, 4))

    monkeypatch.setattr(module, "loss", each)
    with pytest.raises(UserError, match=r"one number, .* got the shape \(4,\)"):
        run(None, loss="mse")


def test_the_optimiser_trains_and_its_state_is_continued(run):
    spec = {"kind": "RMSprop", "momentum": 0.5}
    whole = run(None, folder="whole", optimiser=spec)
    with pytest.raises(Interrupted):
        run(None, stop_after=5, optimiser=spec)
    assert same(run(None, optimiser=spec), whole)
    assert not same(run(None, folder="adam"), whole)


def test_a_schedule_has_options():
    halving = {"kind": "halving", "every": 2}
    chosen = settings({**SPEC, "schedule": halving}, seed=0)
    rates = [chosen.rate(step) for step in range(5)]
    assert rates == pytest.approx([0.01, 0.01, 0.005, 0.005, 0.0025])
    with pytest.raises(UserError, match="halving has no option 'evry'"):
        settings({**SPEC, "schedule": {"kind": "halving", "evry": 2}}, seed=0)


def test_a_roll_out_has_options():
    spec = {**MODEL, "rollout": {"kind": "fading", "share": 0.25}}
    video = torch.rand(2, 3, 1, 7, 7)
    model = models.build({**spec, "checkpoint": "segments"}, size=7)
    last = video[:, -1]
    torch.testing.assert_close(model(video, 2)[:, 1], last / 16)
    torch.testing.assert_close([*model.predict(video, 3)][2], last / 64)
    with pytest.raises(UserError, match="no 'fadin' in rollouts; did you mean 'fadi"):
        models.build({**spec, "rollout": "fadin"}, size=7)


def test_options_of_kinds_have_names_and_can_be_set():
    several = {"strategy": [{"kind": "a", "x": 1}, {"kind": "b", "x": 2}]}
    given = {"optimiser": {"kind": "SGD", "momentum": 0.1}, "batch": 4, **several}
    names = {"optimiser.momentum": 0.1, "strategy.a.x": 1, "strategy.b.x": 2}
    assert dotted(given) == names
    made = with_options(given, {"optimiser.momentum": 0.5, "strategy.b.x": 3})
    assert dotted(made) == {**names, "optimiser.momentum": 0.5, "strategy.b.x": 3}
    assert dotted(given) == names  # a copy
    assert dotted(with_options({"loss": "l1"}, {"loss.width": 2})) == {"loss.width": 2}


def test_nothing_but_its_file_knows_a_strategy():
    """No kind is named by the loop, the settings, the configuration or a command."""
    source = Path(strategies.__file__).parents[2]
    shared = [*(source / "training").glob("*.py"), *(source / "cli").glob("*.py")]
    shared += (source / "config").glob("*.py")
    assert len(shared) > 50
    own = {path.stem for path in Path(strategies.__file__).parent.glob("[a-z]*.py")}
    assert {"forcing", "guidance"} <= own
    names = "|".join(own)  # quoted or imported: a name may be an ordinary word too
    known = re.compile(rf"""["']({names})["']|strategies(\.| import .*\b)({names})\b""")
    assert known.search('kind == "forcing"')
    assert known.search("from fernn.training.strategies import Run, forcing")
    assert not known.search("strategy.penalty(run)")
    assert [f.name for f in shared if known.search(f.read_text())] == []
