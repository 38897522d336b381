"""The number of trials is exact, whoever dies; trial 0 is the published one."""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from optuna.trial import create_trial

from labrun.errors import ContinueMe, Pruned, UserError
from labrun.tuning.edges import edges, words
from labrun.tuning.samplers import distributions
from labrun.tuning.study import DEATHS, Search, best, open_study, work

RANGES = {"rate": {"low": 1e-4, "high": 1.0, "log": True}}
SEARCH = Search(6, [{"rate": 0.001}, {"rate": 0.5}], RANGES)
SPAWN = multiprocessing.get_context("spawn")


def bowl(trial, params):
    """Lowest at a rate of 0.01."""
    value = abs(params["rate"] - 0.01)
    trial.report(value, 1)
    return value


def rates(journal, trials=6):
    return [trial.params["rate"] for trial in best(journal, trials)[1]]


def states(journal):
    return sorted(trial.state.name for trial in open_study(journal).get_trials())


def test_the_first_trials_are_as_given_and_the_best_is_chosen(tmp_path):
    journal = tmp_path / "study.journal"
    assert work(journal, SEARCH, bowl) == list(range(6))
    chosen, trials = best(journal, 6)
    assert [trial.params["rate"] for trial in trials[:2]] == [0.001, 0.5]
    assert len({trial.params["rate"] for trial in trials}) == 6
    assert chosen.value == min(trial.value for trial in trials)


@pytest.mark.parametrize(
    ("span", "value", "side"),
    [
        ({"low": 0.01, "high": 1.0, "log": True}, 0.0125, "lower"),  # 1/20 is 0.0126
        ({"low": 0.01, "high": 1.0, "log": True}, 0.0127, None),
        ({"low": 0.01, "high": 1.0, "log": True}, 0.8, "upper"),
        ({"low": 0.0, "high": 1.0}, 0.8, None),  # the same value on another scale
        ({"low": 0.0, "high": 1.0}, 0.96, "upper"),
        ({"low": 1, "high": 9, "integer": True}, 9, "upper"),
        ({"low": 1, "high": 9, "integer": True}, 8, None),
        ({"choices": [4, 1, 2]}, 4, "upper"),
        ({"choices": [4, 1, 2]}, 2, None),
        ({"choices": [1, 2]}, 2, None),
        ({"choices": ["a", "b", "c"]}, "c", None),
        ({"choices": [True, False, 2]}, 2, None),
    ],
)
def test_a_best_value_at_an_edge_is_found(span, value, side):
    spaces = distributions({"x": span})
    found = edges(create_trial(value=0.0, params={"x": value}, distributions=spaces))
    assert found.get("x", {}).get("side") == side
    if found:
        assert words("x", found["x"]).startswith(f"x {value:.3g} is at the {side} edge")


def test_a_study_run_again_adds_nothing_and_one_cut_short_goes_on(tmp_path):
    whole, cut = tmp_path / "whole.journal", tmp_path / "cut.journal"
    work(whole, SEARCH, bowl)
    assert work(whole, SEARCH, bowl) == []
    assert len(open_study(whole).get_trials()) == 6
    work(cut, Search(3, SEARCH.points, RANGES), bowl)
    with pytest.raises(UserError, match=r"expected trials 6, found slots \[0, 1, 2\]"):
        best(cut, 6)
    work(cut, SEARCH, bowl)
    assert rates(cut) == rates(whole)


def die_in_slot(journal, doomed):
    def objective(trial, params):
        if trial.user_attrs["slot"] == doomed:
            os.kill(os.getpid(), signal.SIGKILL)
        return bowl(trial, params)

    work(journal, SEARCH, objective)


def killed_in_slot(journal, doomed):
    worker = SPAWN.Process(target=die_in_slot, args=(journal, doomed))
    worker.start()
    worker.join()
    assert worker.exitcode == -signal.SIGKILL


def test_a_killed_workers_trial_fails_and_its_slot_is_filled_once_more(tmp_path):
    journal, whole = tmp_path / "study.journal", tmp_path / "whole.journal"
    killed_in_slot(journal, 3)
    work(journal, SEARCH, bowl)
    assert states(journal) == ["COMPLETE"] * 6 + ["FAIL"]
    work(whole, SEARCH, bowl)
    assert rates(journal) == rates(whole)


def test_a_trial_that_kills_every_worker_counts_as_failed(tmp_path):
    journal = tmp_path / "study.journal"
    for _ in range(DEATHS):
        killed_in_slot(journal, 1)
    work(journal, SEARCH, bowl)
    trial = best(journal, 6)[1][1]
    assert trial.value == float("inf")
    assert trial.user_attrs["failure"] == f"its worker died {DEATHS} times"
    assert trial.params["rate"] == 0.5


def test_a_trial_asked_to_stop_is_no_death_and_goes_on(tmp_path):
    journal = tmp_path / "study.journal"

    def stop(trial, params):
        raise ContinueMe("SIGTERM: saved and stopped after step 3")

    for _ in range(DEATHS + 1):
        with pytest.raises(ContinueMe):
            work(journal, SEARCH, stop)
    work(journal, SEARCH, bowl)
    assert best(journal, 6)[1][0].value == pytest.approx(0.009)


def test_a_signal_before_the_first_step_is_no_death(tmp_path):
    journal = tmp_path / "study.journal"
    with pytest.raises(ContinueMe, match="SIGTERM: stopped before training"):
        work(journal, SEARCH, lambda *_: signal.raise_signal(signal.SIGTERM))
    (trial,) = open_study(journal).get_trials()
    assert trial.state.name == "FAIL" and "interrupted" in trial.user_attrs
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


GROUPED = Search(6, SEARCH.points, RANGES, groups=[[0, 1], [7]])


def bowls(trials):
    return [bowl(trial, trial.params) for trial in trials]


def never(trial, params):
    raise AssertionError("it is run together with the others of its group")


def test_trials_of_a_group_are_run_together_and_the_study_is_the_same(tmp_path):
    whole, journal, seen = tmp_path / "whole.journal", tmp_path / "study.journal", []

    def together(trials):
        seen.append([trial.user_attrs["slot"] for trial in trials])
        return bowls(trials)

    assert work(journal, GROUPED, bowl, together) == list(range(6))
    assert seen == [[0, 1]] and work(journal, GROUPED, never, together) == []
    work(whole, SEARCH, bowl)
    told = [(t.params, t.value, t.intermediate_values) for t in best(journal, 6)[1]]
    assert told == [
        (t.params, t.value, t.intermediate_values) for t in best(whole, 6)[1]
    ]


def test_a_group_that_cannot_be_run_together_is_run_one_by_one(tmp_path):
    journal = tmp_path / "study.journal"
    assert work(journal, GROUPED, bowl, lambda trials: None) == list(range(6))
    assert states(journal) == 6 * ["COMPLETE"]


def test_a_group_asked_to_stop_goes_on_together(tmp_path):
    journal, two = (
        tmp_path / "study.journal",
        Search(2, SEARCH.points, RANGES, 0, [[0, 1]]),
    )

    def stop(trials):
        raise ContinueMe("SIGTERM: saved and stopped after step 3")

    for _ in range(DEATHS + 1):
        with pytest.raises(ContinueMe):
            work(journal, two, never, stop)
    assert work(journal, two, never, bowls) == [0, 1]
    assert rates(journal, 2) == [0.001, 0.5]


def test_after_a_death_the_trials_of_a_group_are_run_alone(tmp_path):
    """One of them may have killed the worker: the others must not count as failed."""
    journal, two = (
        tmp_path / "study.journal",
        Search(2, SEARCH.points, RANGES, 0, [[0, 1]]),
    )

    def die(trials):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work(journal, two, never, die)
    assert states(journal) == ["RUNNING"] * 2
    assert work(journal, two, bowl, die) == [0, 1]
    assert states(journal) == ["COMPLETE"] * 2 + ["FAIL"] * 2


WORKER = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_tuning import RANGES, Search, bowl, work
def slow(trial, params):
    time.sleep(0.05)
    return bowl(trial, params)
work(Path({journal!r}), Search(24, [], RANGES), slow)
"""


def test_the_count_is_exact_with_a_third_of_the_workers_killed(tmp_path):
    journal = tmp_path / "study.journal"
    code = WORKER.format(tests=os.path.dirname(__file__), journal=str(journal))
    start = lambda: subprocess.Popen([sys.executable, "-c", code])  # noqa: E731
    workers, draw = [start() for _ in range(6)], random.Random(0)
    while not journal.exists() or len(states(journal)) < 4:
        time.sleep(0.05)
    for victim in draw.sample(workers, 2):
        victim.kill()
        workers += [start()]
    codes = [worker.wait(timeout=120) for worker in workers]
    assert codes.count(-signal.SIGKILL) == 2 and codes.count(0) == 6
    ended = best(journal, 24)[1]
    assert len(ended) == 24 and len(open_study(journal).get_trials()) <= 26


def test_pruned_and_divergent_trials_count_but_are_not_chosen(tmp_path):
    def objective(trial, params):
        slot = trial.user_attrs["slot"]
        if slot == 0:
            raise ArithmeticError("the loss is nan at step 3")
        if slot == 1:
            raise Pruned
        return bowl(trial, params)

    journal = tmp_path / "study.journal"
    work(journal, Search(3, SEARCH.points, RANGES), objective)
    chosen, trials = best(journal, 3)
    assert chosen.user_attrs["slot"] == 2
    assert trials[0].user_attrs["failure"] == "the loss is nan at step 3"
    with pytest.raises(UserError, match="no such study"):
        best(tmp_path / "none.journal", 3)
