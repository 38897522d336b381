"""A study in rounds is a function of its results: of no time, order or machine load."""

import json
import math
import random
import shutil
from pathlib import Path

import jaxtyping
import pytest

from fernn.cli import main
from labrun.errors import UserError
from labrun.storage import write_dataset
from labrun.tuning.batch import Result, ask, result, write_journal
from labrun.tuning.study import Search, best, open_study
from test_workflow import Project

RANGES = {
    "rate": {"low": 1e-4, "high": 1.0, "log": True},
    "clip": {"low": 0.1, "high": 2.0, "log": False},
}
POINTS = [{"rate": 0.001, "clip": 1.0}, {"rate": 0.5, "clip": 1.0}]
SEARCH = Search(9, POINTS, RANGES)


def ended(slot, params, change=()):
    """Lowest at a rate of 0.01 and a clip of 1; the results in `change` are given."""
    far = math.log(params["rate"] / 0.01) ** 2 + (params["clip"] - 1) ** 2
    return Result(slot, params, RANGES, [far + 1, dict(change).get(slot, far)])


def study(search=SEARCH, size=3, order=0, change=()):
    """The results of three rounds, whose trials end in an order of their own."""
    draw, results = random.Random(order), []
    for number in range(3):
        asked = ask(search, number, size, results)
        slots = list(asked)
        draw.shuffle(slots)
        results += [ended(slot, asked[slot], change) for slot in slots]
        draw.shuffle(results)
    return sorted(results, key=lambda r: r.slot)


def params(results):
    return [result.params for result in results]


def test_the_order_in_which_trials_end_changes_nothing_and_the_seed_does():
    first = study()
    assert params(first)[:2] == POINTS
    assert study(order=1) == study(order=2) == first
    other = study(Search(9, POINTS, RANGES, seed=1))
    assert params(other)[:2] == POINTS
    assert not any(a in params(other)[2:] for a in params(first)[2:])


def test_a_round_follows_from_the_rounds_before_it_and_from_no_other():
    first, changed = study(), study(change={4: -1.0})
    assert params(changed)[:6] == params(first)[:6]
    assert params(changed)[6] != params(first)[6]
    with pytest.raises(UserError, match=r"follows from 3 .*, found slots \[0, 1\]"):
        ask(SEARCH, 1, 3, first[:2])
    with pytest.raises(UserError, match=r"found slots \[0, 1, 2, 3\]"):
        ask(SEARCH, 1, 3, first[:4])


def test_the_slots_of_a_round_are_told_of_each_other():
    def second(given):
        search = Search(9, [*params(known), given], RANGES)
        return ask(search, 2, 3, known)[7]

    known = study()[:6]
    assert second({"rate": 1.0, "clip": 2.0}) == second({"rate": 1.0, "clip": 2.0})
    assert second({"rate": 1.0, "clip": 2.0}) != second({"rate": 0.01, "clip": 1.0})


def test_a_failure_counts_and_is_never_the_best(tmp_path):
    failed = Result(0, POINTS[0], RANGES, [0.1, math.nan], "the loss is nan at step 3")
    assert failed.value == math.inf
    results = [failed, ended(1, POINTS[1])]
    assert len(ask(SEARCH, 1, 2, results)) == 2
    write_journal(reversed(results), tmp_path / "batch.journal")
    chosen, trials = best(tmp_path / "batch.journal", 2)
    assert chosen.params == POINTS[1] and chosen.value == results[1].value
    assert trials[0].user_attrs["failure"] == failed.failure
    again = open_study(tmp_path / "batch.journal").get_trials()
    assert [trial.user_attrs["slot"] for trial in again] == [0, 1]
    assert again[1].intermediate_values == dict(enumerate(results[1].errors, 1))
    assert not list(tmp_path.glob(".*"))


@pytest.fixture
def fernn(tmp_path, monkeypatch, atlas, recipe):
    """Run commands on rounds of two; trial 1 diverges."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("labrun.lineage.commit", lambda: "of a clean source")
    write_dataset(atlas, "atlas.nc")
    for split in ("train", "val"):
        write_dataset(recipe(split=split, pool=split), f"{split}.nc")
    training = {"batch": 4, "sequences": 12, "epochs": 3, "context": 3, "horizon": 2}
    training |= {"learning_rate": 0.01, "clip": 1e30}
    flow = {"kind": "translation", "max_speed": 1}
    model = {"kind": "forecaster", "flow": flow, "hidden": 6, "decoder_layers": 0}
    span = {"low": 1e-3, "high": 1e30, "log": True}
    tuning = {"ranges": {"learning_rate": span}, "first": [{"learning_rate": 1e30}]}
    data = ["--train", "train.nc", "--val", "val.nc", "--atlas", "atlas.nc"]
    data += ["--model", json.dumps(model), "--training", json.dumps(training)]
    about = {
        "ask": [*data[-2:], "--tuning", json.dumps(tuning), "--size", "2"],
        "trial": [*data, "--study", "."],
        "select": ["--trials", "3"],
    }
    # From netCDF come NumPy's integers, which are no `int` to the checker of types.
    jaxtyping.config.update("jaxtyping_disable", True)
    yield lambda name, *more: main([name, *about[name], *map(str, more)])
    jaxtyping.config.update("jaxtyping_disable", False)


def trial(fernn, slot):
    asked, output = f"round-{slot // 2}.json", f"trial-{slot}.json"
    return fernn("trial", "--asked", asked, "--slot", slot, "--output", output)


def whole_study(fernn, trial, order=1):
    """The bytes of best.json; `trial` trains one."""
    done = []
    for number, slots in enumerate([[0, 1], [2]]):
        told = ("--results", *done, "--output", f"round-{number}.json")
        assert fernn("ask", "--round", number, *told) == 0
        for slot in slots[::order]:
            trial(slot)
            done.append(f"trial-{slot}.json")
    assert fernn("select", "--results", *sorted(done), "--output", "best.json") == 0
    return Path("best.json").read_bytes()


def strict(name):
    """JSON proper: `int` refuses NaN and Infinity."""
    return json.loads(Path(name).read_text(), parse_constant=int)


def test_a_divergence_is_a_result(fernn):
    whole_study(fernn, lambda slot: trial(fernn, slot))
    well, badly = strict("trial-0.json"), strict("trial-1.json")
    assert badly["value"] == "inf" and " at step " in badly["failure"]
    assert result(badly).value == math.inf
    assert well["value"] == min(well["errors"]) and not well["failure"]
    chosen = strict("best.json")
    assert chosen["trials"][1]["value"] == "inf" and chosen["slot"] != 1
    other = ("--asked", "round-0.json", "--slot", 2, "--output", "trial-2.json")
    assert fernn("trial", *other) == 2  # of another round


def test_trials_that_are_stopped_and_repeated_change_nothing(fernn, monkeypatch):
    def disturbed(slot):
        with monkeypatch.context() as patch:
            patch.setattr("labrun.slurm.seconds_to_work", lambda: 0.0)
            ends = [trial(fernn, slot) for _ in range(11)]
        assert ends[-1] == 0 and (slot or set(ends) == {75, 0})

    content = whole_study(fernn, lambda slot: trial(fernn, slot))
    shutil.rmtree("trials")
    assert whole_study(fernn, disturbed, order=-1) == content


def test_a_lost_result_comes_back_untrained(fernn, monkeypatch):
    whole_study(fernn, lambda slot: trial(fernn, slot))
    content = Path("trial-0.json").read_bytes()
    Path("trial-0.json").unlink()
    monkeypatch.delattr("fernn.training.loop._gradient")
    assert trial(fernn, 0) == 0 and Path("trial-0.json").read_bytes() == content


def batch(trials):
    tuning = f"{{ trials: {trials}, workers: 2, mode: batch }}"
    return f"budgets: {{ tiny: {{ tuning: {tuning} }} }}"


def of_studies(jobs, model=""):
    rules = ("ask", "trial", "tune", "select")
    return {job for job in jobs if job.startswith(rules) and model in job}


def test_the_workflow_in_rounds(tmp_path):
    project = Project(tmp_path)
    jobs = "ask {} 0, ask {} 1, trial {} 0, trial {} 1, trial {} 2, select {}"
    expected = [jobs.format(*[model] * 6) for model in ("grnn", "fernn_v1")]
    assert of_studies(project.jobs(batch(3))) == {*", ".join(expected).split(", ")}
    best = "results/tiny/studies/tiny/grnn/best.json"
    done = project.snakemake("--cores", "2", best, change=batch(3))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    done = project.snakemake("--dry-run", best, change=batch(3))
    assert "Nothing to be done" in done.stdout + done.stderr
    # More trials are asked for and trained, and nothing else; workers do it all anew.
    more = {"trial grnn 3", "ask grnn 2", "trial grnn 4", "select grnn"}
    assert of_studies(project.jobs(batch(5)), "grnn") == more
    assert of_studies(project.jobs(), "grnn") == {"tune grnn 0", "select grnn"}
