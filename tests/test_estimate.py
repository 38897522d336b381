"""What a run will cost: hand-worked numbers, and what must change with what."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from fernn.cli import main
from fernn.config.check import checked
from fernn.config.plan import plan
from fernn.config.positions import merge, read
from fernn.estimate import flop
from fernn.estimate.disk import disk
from fernn.estimate.jobs import jobs
from fernn.estimate.speed import CALL, TFLOPS, Assumed, measure
from fernn.estimate.work import Network, Work, sequences
from labrun.estimate import schedule, text
from labrun.estimate.benchmarks import START, Earlier, Run, runs
from labrun.estimate.cost import costs, summary
from labrun.estimate.job import Job

ROOT = Path(__file__).parents[1]
SHIPPED = read(ROOT / "config.yaml")
TRAIN = ("train", "translation", "fernn_v2", "0")
EVALUATE = ("evaluate", "translation", "fernn_v2")
TINY = {"kind": "forecaster", "hidden": 2, "decoder_layers": 0}
CORRECTED = [
    {"kind": "corrected", "every": 2},
    {"kind": "corrected", "every": 3, "by": "recurrence"},
]
SLOW = Assumed(1e-6)  # so slow that only operations count


def resolved(budget="smoke", **sizes):
    raw = {**merge([SHIPPED]), "budget": budget}
    raw["budgets"][budget].update(sizes)
    return plan(checked(raw, [SHIPPED]))


def estimated(made, runs=None, then=None):
    known = Earlier(jobs(then or made), runs or {})
    return costs(jobs(made), known, SLOW)


def benchmarks(made, seconds=12.0):
    return {job.benchmark: Run(seconds, 500.0) for job in jobs(made).values()}


def network(max_speed=0, size=3, **changes):
    flow = {"kind": "translation", "max_speed": max_speed}
    return Network(json.dumps({**TINY, "flow": flow, **changes}), size)


# The first two measure by other parts; the last has models that are not tuned.
@pytest.mark.parametrize("budget", ["smoke", "demo", "mnist-small"])
def test_the_jobs_are_those_of_the_workflow(tmp_path, budget):
    pytest.importorskip("snakemake")
    command = [sys.executable, "-m", "snakemake", "-n", "-s", str(ROOT / "Snakefile")]
    command += ["--directory", str(tmp_path), "--config", f"budget={budget}"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    listed = re.findall(r"^(\w+) +(\d+)$", run.stdout, re.MULTILINE)
    expected = {rule: int(number) for rule, number in listed}
    for other in ("total", "all", "config"):
        expected.pop(other)
    rules = [job.rule for job in jobs(resolved(budget)).values()]
    assert expected == {rule: rules.count(rule) for rule in set(rules)}


def test_a_job_that_measures_all_models_computes_what_they_compute():
    apart, together = (jobs(resolved(evaluate=by)) for by in ("model", "experiment"))
    every = together["evaluate", "translation", "all"]
    models = (
        "grnn",
        "fernn_v1",
        "fernn_v2",
        "copy_last",
        "copy_estimated",
        "copy_moved",
    )
    alone = [apart["evaluate", "translation", model] for model in models]
    assert every.works == sum((job.works for job in alone), ())
    assert {*every.after} == {key for job in alone for key in job.after}
    assert together["combine", "translation", "length"].after == (every.key,)
    assert every.frames > alone[2].frames > 0


def test_a_job_that_trains_all_seeds_computes_what_they_compute():
    apart, together = (jobs(resolved(train=by)) for by in ("seed", "seeds"))
    every = together["train_seeds", "translation", "fernn_v2"]
    alone = [job for job in apart.values() if job.key[:3] == TRAIN[:3]]
    assert len(alone) == 2 and every.stage == "train"
    assert every.frames == pytest.approx(sum(job.frames for job in alone))
    assert every.after == alone[0].after
    assert every.key in together[EVALUATE].after
    assert ("train", "actions", "grnn_pan", "0") in together  # of one seed


def test_a_job_that_trains_a_whole_model_computes_its_trials_and_its_seeds():
    tuning = {"trials": 3, "workers": 1, "epochs": 1}
    apart, one = (jobs(resolved(train=by, tuning=tuning)) for by in ("seeds", "model"))
    place = "translation", "fernn_v2"
    learn = one["learn", *place]
    trials, seeds = apart["tune", *place, "0"], apart["train_seeds", *place]
    assert learn.frames == trials.frames + seeds.frames and learn.stage == "train"
    assert learn.after == trials.after
    assert not {("tune", *place, "0"), ("select", *place)} & {*one}
    assert learn.key in one[EVALUATE].after
    assert ("tune", "actions", "grnn_pan", "0") in one  # of one seed


@pytest.mark.parametrize("mode", ["workers", "batch"])
def test_a_model_waits_for_those_that_its_strategy_names(mode):
    """Its training for the one of its seed, its trials for that of the first seed."""
    made = resolved(
        tuning={"mode": mode, "trials": 2, "workers": 1, "epochs": 1}, seeds=[4, 7]
    )
    alone, needs = jobs(made), {"teacher": "grnn"}
    made["experiments"]["translation"]["models"]["fernn_v2"]["needs"] = needs
    more = {key: {*job.after} - {*alone[key].after} for key, job in jobs(made).items()}
    place, first = ("translation", "fernn_v2"), ("train", "translation", "grnn", "4")
    rule, last = ("tune", 0) if mode == "workers" else ("trial", 1)
    expected = {(rule, *place, str(slot)): {first} for slot in range(last + 1)}
    expected |= {
        ("train", *place, seed): {("train", "translation", "grnn", seed)}
        for seed in ("4", "7")
    }
    assert {key: after for key, after in more.items() if after} == expected


def test_the_operations_of_a_tiny_network():
    """Nine pixels, 3×3 kernels, 1 → 2 → 1 channels; two operations each."""
    one = 2 * 9 * 9 * 2  # a convolution between one and two channels
    inner = 2 * one
    work = Work(network(), batch=1, context=1, horizon=1, batches=1)
    assert flop.count(work).flop == one + one
    # The frames have no gradient; the decoder's input and weights have.
    trained = Work(network(), 1, 1, 1, 1, trains=True)
    assert flop.count(trained).flop == 2 * one + one + 2 * one
    # Another frame: a step of the cell and one of the decoder, in every slot of V but
    # after the first frame, when all slots are equal.
    frames = [flop.count(Work(network(1), 1, 1, h, 1)).flop for h in (1, 2, 3)]
    assert frames[1] - frames[0] == inner + one
    assert frames[2] - frames[1] == 9 * inner + one
    assert flop.count(Work(network(), 4, 1, 1, 2.5)).flop == 10 * (one + one)


@pytest.mark.parametrize(
    "rollout", ["free", "repeat", "warped", "shifted", "advect", *CORRECTED], ids=str
)
def test_longer_horizons_follow_from_shorter_ones(rollout):
    net = network(1, rollout=rollout)
    for trains in (False, True):
        flop._of_batch.__wrapped__(net, 2, 3, 9, trains)  # shifts are tabled once
        counted = flop._of_batch(net, 2, 3, 9, trains)
        found = flop.count(Work(net, 2, 3, 9, 1, trains))
        assert found.flop == counted.flop
        together = rollout not in ("repeat", "warped", "shifted")  # tiny frames
        least, most = (0.5, 1.05) if together else (0.99, 1.01)
        assert least * found.calls < counted.calls < most * found.calls
        assert flop.count(Work(net, 2, 3, 8, 1, trains)).flop < counted.flop


def test_operations_take_their_time_and_small_ones_that_of_python():
    work = Work(network(1), 2, 3, 2, 5, trains=True)
    asked = flop.count(work)
    assert Assumed(1e-6)(work) == asked.flop / 1e6
    assert Assumed(1e6)(work) == asked.calls * CALL
    assert 1e6 < measure(network(1), 2) < 1e13


def test_a_model_of_a_fixed_context_is_timed_with_all_of_it():
    spec = {"kind": "simvp", "context": 2, "hidden": 2, "blocks": 2, "stages": 2}
    fixed = Network(json.dumps(spec | {"shrink": 1}), 4)
    assert 1e3 < measure(fixed, 1) < 1e13  # of five frames it would take none


@pytest.mark.parametrize(
    "spec",
    [
        {"kind": "classifier", "flow": {"kind": "pan", "max_speed": 0}, "hidden": 2},
        {"kind": "conv3d", "hidden": 2},
        {"kind": "bag", "filters": 2},
    ],
    ids=lambda spec: spec["kind"],
)
def test_steps_of_every_classifier_are_timed(spec):
    """Some normalise vectors, of which one alone has no variance."""
    assert measure(Network(json.dumps(spec), 16), 3) > 0


def test_training_takes_the_rate_of_its_precision_and_evaluation_that_of_float32():
    trained, measured = [], []
    for precision in TFLOPS:
        made = jobs(resolved(precision=precision)).values()
        trained += [
            {w.precision for w in job.works} for job in made if job.rule == "train"
        ]
        measured += [
            w.precision for job in made if job.rule == "evaluate" for w in job.works
        ]
    assert {*map(frozenset, trained)} == {frozenset({each}) for each in TFLOPS}
    assert {*measured} == {"float32"}
    work = Work(network(1, 9, hidden=64), 10**5, 3, 2, 1, trains=True)
    faster = Assumed()(replace(work, precision="tf32"))
    assert Assumed()(work) / faster == pytest.approx(TFLOPS["tf32"] / TFLOPS["float32"])
    assert Assumed(7.0)(work) == Assumed(7.0)(replace(work, precision="tf32"))


def test_twice_the_epochs_are_twice_the_training_and_nothing_else():
    once, twice = (estimated(resolved(epochs=n)) for n in (2, 4))
    assert twice[TRAIN].seconds - START == pytest.approx(
        2 * (once[TRAIN].seconds - START)
    )
    others = [key for key in once if key[0] != "train"]
    assert all(once[key] == twice[key] for key in others)


def test_benchmarks_come_first_and_without_them_operations():
    made = resolved()
    runs = benchmarks(made)
    full = estimated(made, runs)
    assert {(c.source, c.seconds) for c in full.values()} == {("benchmarks", 12.0)}
    assert full[TRAIN].memory == 500
    del runs["train/translation.fernn_v2.0"]
    other = estimated(made, runs)[TRAIN]
    assert (other.source, other.seconds) == ("like them", 12.0)
    only = {k: r for k, r in runs.items() if "fernn_v2" not in k}
    bare = estimated(made, only)
    assert bare[TRAIN].source == bare[EVALUATE].source == "FLOP"
    assert bare[TRAIN] == estimated(made)[TRAIN]
    assert bare["train", "translation", "grnn", "0"].source == "benchmarks"


def test_benchmarks_of_other_sizes_are_scaled_and_of_other_models_not_used():
    then = resolved(epochs=2)
    longer = estimated(resolved(epochs=6), benchmarks(then), then)[TRAIN]
    assert longer.source == "like them"
    assert longer.seconds == pytest.approx(START + 3 * (12 - START))
    for change in ({"hidden": 6}, {"batch": 4}):
        assert estimated(resolved(**change), benchmarks(then), then)[TRAIN].source == (
            "FLOP"
        )


def test_a_trial_tells_of_a_training():
    made = resolved(epochs=4)
    runs = {k: r for k, r in benchmarks(made).items() if k.startswith("tune/")}
    # Two workers share three trials of two epochs; a training has four epochs.
    per_epoch = [(12 - START) / 4, (12 - START) / 2]
    expected = START + 4 * sum(per_epoch) / 2
    assert estimated(made, runs)[TRAIN].seconds == pytest.approx(expected)


def test_one_place_takes_the_sum_and_many_the_longest_chain():
    made = {"a": (3, ""), "b": (2, ""), "c": (2, ""), "d": (2, "b")}
    graph = {(k,): Job(k, after=((a,),) if a else ()) for k, (_, a) in made.items()}
    seconds = {(k,): float(s) for k, (s, _) in made.items()}
    wall = [schedule.wall_time(graph, seconds, n) for n in (1, 2, 3, 99)]
    # Two places: b, which d waits for, and a; then d; then c where a was.
    assert wall == [9, 5, 4, 4]
    assert max(schedule.chains(graph, seconds).values()) == 4
    whole = resolved()
    seconds = {key: cost.seconds for key, cost in estimated(whole).items()}
    total, chain = sum(seconds.values()), schedule.chains(jobs(whole), seconds)
    assert schedule.wall_time(jobs(whole), seconds, 1) == pytest.approx(total)
    longest = max(chain.values())
    assert schedule.wall_time(jobs(whole), seconds, 999) == pytest.approx(longest)
    assert longest < total / 2


def test_two_devices_halve_the_time_and_count_twice():
    def trained(devices, places=2, runs=None):
        made = resolved(devices=devices)
        graph, found = jobs(made), estimated(made, runs and benchmarks(made))
        rows = summary(graph, found, places)["rows"]
        row = next(r for r in rows if (r["stage"], r["model"]) == TRAIN[::2])
        return found[TRAIN].seconds, row["device_seconds"]

    (one, hours), (two, both) = trained(1), trained(2)
    assert two - START == pytest.approx((one - START) / 2)
    seeds = len(resolved()["experiments"]["translation"]["seeds"])
    assert both == pytest.approx(hours + seeds * START)
    assert trained(2, runs=True) == (12.0, seeds * 2 * 12.0)
    with pytest.raises(Exception, match="needs 2 GPUs at once; --gpus is 1"):
        trained(2, places=1)


def test_disk_is_counted_from_shapes(tmp_path):
    forecasts = ["translation", "translation_slow", "translation_published"]
    made = resolved("paper", experiments=forecasts, sizes={})
    found = disk(made, tmp_path)
    assert found["weights"] == 27 * 4 * 739_584
    assert found["saved states"] == 8 * found["weights"]
    path = tmp_path.joinpath("runs", *TRAIN[1:], "model.pt")
    path.parent.mkdir(parents=True)
    path.write_bytes(bytes(10))
    smaller = disk(made, tmp_path)
    assert smaller["weights"] == 26 * 4 * 739_584 + 10
    one, two = (disk(resolved(train=by), tmp_path) for by in ("seed", "seeds"))
    assert one == two  # whichever job trains them
    data = {"kind": "flowing_digits"}
    grid = {**data, "draw": "grid", "sequences": 3, "grid_speed": 2}
    assert sequences(grid) == 75 and sequences({**grid, "draw": "sampled"}) == 3
    assert sequences({**grid, "kind": "rotating_digits"}) == 15
    flowed = {**data, "draw": "flowed", "sequences": 3, "flows": [[0, 0], [0, 1]]}
    assert sequences(flowed) == 6


def test_files_that_tell_nothing_are_left_out(tmp_path):
    files = {"train/a.0": "s\tmax_rss\n4\t70\n6\t80\n", "trace": "s\tmax_rss\n1\tNA\n"}
    for name, content in {**files, "torn": "s\n", "odd": "h\n1\n"}.items():
        path = tmp_path / f"{name}.tsv"
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    assert runs(tmp_path) == {"train/a.0": Run(5, 80), "trace": Run(1, None)}


def test_the_command_counts_no_operations_when_all_was_measured(tmp_path, capsys):
    made = resolved()
    for name, run in benchmarks(made).items():
        path = tmp_path / f"smoke/benchmarks/{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"s\tmax_rss\n{run.seconds}\t{run.memory}\n")
    for job in jobs(made).values():
        if job.rule == "train":
            path = tmp_path.joinpath("smoke/runs", *job.names, "model.pt")
            path.parent.mkdir(parents=True)
            path.write_bytes(bytes(10))
    code = "import sys; from fernn.cli import main; main(sys.argv[1:]);"
    code += "print('fernn.estimate.flop' in sys.modules)"
    arguments = ["estimate", "--budget", "smoke", "--results", str(tmp_path)]
    arguments += ["--configfile", str(ROOT / "config.yaml")]
    command = [sys.executable, "-c", code, *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.endswith("False\n") and "FLOP" not in run.stdout
    assert "benchmarks 2" in run.stdout and "500 MB" in run.stdout

    (tmp_path / "smoke/benchmarks/train/translation.grnn.0.tsv").unlink()
    output = tmp_path / "estimate.json"
    assert main([*arguments, "--gpus", "3", "--output", str(output)]) == 0
    assert "benchmarks 1, like them 1" in capsys.readouterr().out
    total = json.loads(output.read_text())["total"]
    assert total["jobs"] == len(jobs(made)) and total["gpus"] == 3
    assert total["chain_seconds"] <= total["wall_seconds"] <= 12 * total["jobs"] / 2


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--budget", "papr"], "did you mean 'paper'?"),
        (["--gpus", "0"], "--gpus must be at least 1, got 0"),
        (["--tflops", "nan"], "--tflops must be positive, got nan"),
        (["--results", "nowhere"], "no such folder: nowhere"),
        ([str(ROOT / "no.yaml")], "no.yaml: No such file or directory"),
    ],
)
def test_a_mistake_is_one_line(wrong, message, capsys):
    config = ["--configfile", str(ROOT / "config.yaml")]
    assert main(["estimate", *config, *wrong]) == 2
    out, error = capsys.readouterr()
    assert not out and error.count("\n") == 1 and message in error


def test_numbers_are_told_in_fitting_units():
    seconds = (41, 99, 100, 5969, 12600, 86400 * 2)
    told = ["41 s", "99 s", "2 min", "99 min", "3.5 h", "2.0 days"]
    assert [text.duration(each) for each in seconds] == told
    assert text.size(1.5e9) == "1.5 GB" and text.size(12) == "12 B"
    assert text.significant(12345) == "12,300" and text.significant(0.01234) == "0.0123"
