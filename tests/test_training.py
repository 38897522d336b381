"""A run that was stopped anywhere ends in the same bits; test data are never read."""

import itertools
import math
import signal
import threading

import pytest
import torch

from fernn import models
from fernn.training.loop import Diverged, train, validate
from fernn.training.settings import settings
from labrun.errors import UserError
from labrun.rolling_states import RollingStates
from labrun.stopping import Interrupted

SPEC = {
    "batch": 4,
    "sequences": 12,
    "epochs": 4,
    "context": 3,
    "horizon": 2,
    "long_horizon": 5,
    "extend_horizon": True,
    "schedule": "one_cycle",
    "learning_rate": 0.01,
}
MODEL = {
    "kind": "forecaster",
    "flow": {"kind": "translation", "max_speed": 1},
    "hidden": 3,
    "decoder_layers": 0,
}


@pytest.fixture
def run(sequences, tmp_path):
    """Train, stopping after a step if asked; fresh weights, as in a new process."""

    def start(stop_after=None, seconds=None, source="", tell=None, **changes):
        torch.manual_seed(0)
        model = models.build(MODEL, size=7)
        chosen = settings({**SPEC, **changes}, seed=0)
        splits = [sequences(split=name, pool=name) for name in ("train", "val")]
        identity = {"model": MODEL, "settings": vars(chosen)}
        states = RollingStates(tmp_path, identity, source)

        def on_step(record):
            if record["updates"] == stop_after:
                signal.raise_signal(signal.SIGUSR1)

        told = {"on_step": on_step, "on_epoch": tell or (lambda record: None)}
        return train(model, *splits, chosen, states, **told, seconds=seconds)

    return start


def same(one, other):
    assert one[0] == other[0]
    assert all(torch.equal(one[1][name], other[1][name]) for name in one[1])
    return True


def test_without_a_limit_gradients_stay_as_they_are(run):
    found = {}
    for name, clip in (("none", None), ("never", 1e9), ("often", 1e-4)):
        found[name] = run(epochs=1, clip=clip)
    assert same(found["none"], found["never"])
    assert found["none"][0] != found["often"][0]


@pytest.fixture
def undisturbed(run, tmp_path):
    result = run()
    RollingStates(tmp_path, {}).clear()
    return result


@pytest.mark.parametrize("stops", [[1], [3], [5, 6, 11]])
def test_a_continued_run_is_bit_equal(run, undisturbed, stops):
    for stop in stops:
        with pytest.raises(Interrupted, match=f"after step {stop}"):
            run(stop_after=stop)
    assert same(run(), undisturbed)


def test_processor_seconds_go_on_where_a_run_continues(run, monkeypatch):
    """Each look at the clock takes 1 s more. Seconds are told, and not recorded."""
    told, clock = [], itertools.count(1000)
    monkeypatch.setattr("time.process_time", lambda: next(clock))
    records, _ = run(tell=told.append, epochs=2)
    assert [each.pop("processor_seconds") for each in told] == [3, 6]
    assert told == records

    again = []
    with pytest.raises(Interrupted):
        run(stop_after=4, clip=0.5)
    clock = itertools.count(5000)
    run(clip=0.5, tell=again.append)
    seconds = [each["processor_seconds"] for each in again]
    assert seconds == [3, 6, 9, 12]


def test_a_state_of_an_earlier_version_has_no_times(run, tmp_path, monkeypatch):
    with pytest.raises(Interrupted):
        run(stop_after=4)
    load = RollingStates.load

    def without(states):
        at, held = load(states)
        return {k: v for k, v in at.items() if k not in ("spent", "seconds")}, held

    monkeypatch.setattr(RollingStates, "load", without)
    told = []
    run(tell=told.append)
    assert len(told) == 4 and all(math.isnan(r["processor_seconds"]) for r in told)


def test_a_run_with_another_setting_differs(run, undisturbed):
    with pytest.raises(AssertionError):
        same(run(learning_rate=0.02), undisturbed)


def test_a_damaged_state_is_set_aside_for_the_one_before(run, undisturbed, tmp_path):
    with pytest.raises(Interrupted):
        run(stop_after=7)
    first, second = sorted(tmp_path.glob("state-*.pt"))
    content = bytearray(second.read_bytes())
    content[len(content) // 2] ^= 1
    second.write_bytes(content)
    assert same(run(), undisturbed)
    assert second.with_suffix(".damaged").exists() and "000000006" in first.name


def test_a_state_of_other_settings_is_never_continued(run, undisturbed, capsys):
    with pytest.raises(Interrupted):
        run(stop_after=4, clip=0.1)
    assert same(run(), undisturbed)
    assert "of other settings" in capsys.readouterr().err


def test_two_states_are_kept_and_the_last_one_at_the_end(run, tmp_path):
    kept = lambda: [path.stem for path in sorted(tmp_path.glob("state-*.pt"))]  # noqa: E731
    with pytest.raises(Interrupted):
        run(stop_after=10)
    assert kept() == ["state-000000009", "state-000000010"]
    run()
    assert kept() == ["state-000000012"]
    assert len(list(tmp_path.glob("state-*"))) == 2  # with its hash


def test_lost_outputs_of_a_finished_run_come_back_untrained(run, undisturbed):
    """Unless the source has changed since, which may mean another result."""
    run(source="one")
    steps = []
    original = models.forecaster.Forecaster.forward
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            models.forecaster.Forecaster,
            "forward",
            lambda *args: steps.append(1) or original(*args),
        )
        assert same(run(source="one"), undisturbed) and steps == []
        assert same(run(source="two"), undisturbed) and len(steps) > 12


def test_the_time_limit_saves_and_stops(run, undisturbed):
    with pytest.raises(Interrupted, match="the time limit: saved and stopped") as stop:
        run(seconds=0.0)
    assert stop.value.reason == "the time limit"
    assert same(run(seconds=1000.0), undisturbed)


def test_a_divergent_run_stops_within_a_step(run):
    with pytest.raises(
        Diverged, match=r"the (loss|gradient) is (nan|inf) at step \d+ of 12"
    ):
        run(learning_rate=1e30, schedule="constant", clip=1e30)


def test_mixed_precision_trains_nearly_as_single_precision(run):
    """Weights stay in single precision; the steps are not the same ones."""
    whole, mixed = run(), run(precision="bfloat16")
    assert {weight.dtype for weight in mixed[1].values()} == {torch.float32}
    for one, other in zip(whole[0], mixed[0], strict=True):
        for error in ("train_loss", "validation_error"):
            assert one[error] == pytest.approx(other[error], rel=0.05)
            assert one[error] != other[error]
    assert same(run(precision="tf32"), whole)  # a processor rounds nothing
    with pytest.raises(UserError, match="no precision 'float3'; did you mean 'float32"):
        run(precision="float3")


def test_the_best_epoch_is_kept_not_the_last(run, sequences):
    records, weights = run(learning_rate=0.05, schedule="constant", epochs=12)
    errors = [record["validation_error"] for record in records]
    assert [record["updates"] for record in records] == list(range(3, 37, 3))
    assert min(errors) < errors[-1]
    model = models.build(MODEL, size=7)
    model.load_state_dict(weights)
    split = sequences(split="val", pool="val")
    found = validate(model, split, settings(SPEC, 0))
    assert found == {"validation_error": min(errors)}


def test_training_reads_only_its_splits(run, monkeypatch):
    from fernn.data.flowing_digits import Sequences

    read, video = set(), Sequences.video
    monkeypatch.setattr(
        Sequences,
        "video",
        lambda self, *a, **k: (
            read.add(self.recipe.attrs["pool"]) or video(self, *a, **k)
        ),
    )
    run()
    assert read == {"train", "val"}


def test_it_learns(sequences):
    torch.manual_seed(0)
    chosen = settings({**SPEC, "epochs": 150, "extend_horizon": False}, seed=0)
    still = {"max_speed": 0, "digits": 1}
    splits = [sequences(split=s, pool=s, **still) for s in ("train", "val")]
    records, _ = train(models.build(MODEL, size=7), *splits, chosen)
    assert records[-1]["validation_error"] < 0.3 * records[0]["validation_error"]


def test_schedules_and_horizons_are_functions_of_the_step():
    chosen = settings({**SPEC, "epochs": 100}, seed=1)
    rates = [chosen.rate(step) for step in range(chosen.steps)]
    # 300 steps: 15 of warm-up to the peak, then down to zero
    assert rates[0] == pytest.approx(0.01 / 15) and max(rates) == rates[15] == 0.01
    assert rates[-1] < 1e-5
    ahead = [chosen.frames_ahead(step) for step in range(chosen.steps)]
    assert set(ahead[:150]) == {2} and set(ahead[150:]) == {2, 3, 4, 5}
    other = settings({**SPEC, "epochs": 100}, seed=2)
    assert ahead != [other.frames_ahead(step) for step in range(chosen.steps)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rat": 1}, "did you mean 'learning_rate'"),
        ({"schedule": "cosine"}, "no .cosine. in schedules"),
        ({"batch": 13}, "give no step of 13 sequences"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_wrong_settings_are_refused(change, message):
    with pytest.raises(UserError, match=message):
        settings({**SPEC, **change}, seed=0)


def test_threads_may_train_too(sequences):
    """Signals belong to the main thread; elsewhere training works without them."""
    chosen = settings({**SPEC, "epochs": 1}, seed=0)
    done = []
    splits = [sequences(split=s, pool=s) for s in ("train", "val")]
    work = lambda: done.append(train(models.build(MODEL, 7), *splits, chosen))  # noqa: E731
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert len(done[0][0]) == 1
