"""The number of trials is exact, whoever dies; trial 0 is the published one."""

import multiprocessing
import os
import signal

import optuna
import pytest

from fernn.errors import UserError
from fernn.tuning.study import best, open_study, run_slots

RANGES = {"rate": {"low": 1e-4, "high": 1.0, "log": True}}
POINTS = [{"rate": 0.001}, {"rate": 0.5}]


def bowl(trial, params):
    """Lowest at a rate of 0.01."""
    value = abs(params["rate"] - 0.01)
    trial.report(value, 1)
    return value


def run(journal, slots, objective=bowl):
    run_slots(journal, slots, POINTS, RANGES, 0, objective)


def rates(journal):
    return [trial.params["rate"] for trial in best(journal, 6)[1]]


def test_the_first_trials_are_as_given_and_the_best_is_chosen(tmp_path):
    journal = tmp_path / "study.journal"
    run(journal, range(6))
    chosen, trials = best(journal, 6)
    assert [trial.params["rate"] for trial in trials[:2]] == [0.001, 0.5]
    assert len({trial.params["rate"] for trial in trials}) == 6
    assert chosen.value == min(trial.value for trial in trials)


def test_a_study_run_again_adds_nothing_and_one_cut_short_goes_on(tmp_path):
    whole, cut = tmp_path / "whole.journal", tmp_path / "cut.journal"
    run(whole, range(6))
    run(whole, range(6))
    assert len(open_study(whole).get_trials()) == 6
    run(cut, range(3))
    with pytest.raises(UserError, match=r"expected trials 6, found slots \[0, 1, 2\]"):
        best(cut, 6)
    run(cut, range(6))
    assert rates(cut) == rates(whole)


def die_in_slot(journal, doomed):
    def objective(trial, params):
        if trial.user_attrs["slot"] == doomed:
            os.kill(os.getpid(), signal.SIGKILL)
        return bowl(trial, params)

    run(journal, range(6), objective)


def test_a_killed_worker_loses_no_trial_and_makes_none_twice(tmp_path):
    journal = tmp_path / "study.journal"
    context = multiprocessing.get_context("spawn")
    worker = context.Process(target=die_in_slot, args=(journal, 3))
    worker.start()
    worker.join()
    assert worker.exitcode == -signal.SIGKILL
    run(journal, range(6))
    states = [trial.state.name for trial in open_study(journal).get_trials()]
    assert sorted(states) == ["COMPLETE"] * 6 + ["FAIL"]
    whole = tmp_path / "whole.journal"
    run(whole, range(6))
    assert rates(journal) == rates(whole)


def test_two_workers_share_a_study_exactly(tmp_path):
    journal = tmp_path / "study.journal"
    open_study(journal)
    context = multiprocessing.get_context("spawn")
    shares = [range(0, 6, 2), range(1, 6, 2)]
    workers = [context.Process(target=run, args=(journal, share)) for share in shares]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert rates(journal)[:2] == [0.001, 0.5]


def test_pruned_and_divergent_trials_count_but_are_not_chosen(tmp_path):
    def objective(trial, params):
        slot = trial.user_attrs["slot"]
        if slot == 0:
            raise ArithmeticError("the loss is nan at step 3")
        if slot == 1:
            raise optuna.TrialPruned
        return bowl(trial, params)

    journal = tmp_path / "study.journal"
    run(journal, range(3), objective)
    chosen, trials = best(journal, 3)
    assert chosen.user_attrs["slot"] == 2
    assert trials[0].user_attrs["failure"] == "the loss is nan at step 3"
    with pytest.raises(UserError, match="no such study"):
        best(tmp_path / "none.journal", 3)
