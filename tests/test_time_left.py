"""When a run will end: hand-worked sums of what is left."""

import time

from labrun.estimate.benchmarks import folder_of, seconds_by_rule
from labrun.estimate.schedule import TimeLeft
from labrun.terminal.run import Job, Run
from labrun.terminal.words import time_left


def test_what_is_left_is_shared_among_cores():
    run = TimeLeft({"tune": 2, "train": 4}, capacity={"_cores": 2.0})
    assert not run.left(0).complete
    run.start(1, "tune", 0)
    run.start(2, "tune", 0)
    run.finish(1, 10)
    run.finish(2, 30)
    assert run.mean("tune") == 20
    run.start(3, "train", 30)
    run.finish(3, 70)
    # three of 40 s on two cores
    assert run.left(70).seconds == 60 and run.left(70).complete
    run.start(4, "train", 70)
    # the rest of one, 25 s, and two of 40 s, on two cores
    assert run.left(85).seconds == (25 + 80) / 2
    run.fail(4)
    assert run.left(85).seconds == 80 / 2 and run.mean("train") == 40
    # The same job again takes its own place, not that of one that waits.
    run.start(4, "train", 90)
    assert run.left(90).seconds == 3 * 40 / 2


def test_nothing_ends_before_its_longest_job():
    run = TimeLeft({"long": 1}, {"long": 100.0}, {"_cores": 8.0})
    run.start(1, "long", 0, {"_cores": 8.0})
    assert run.left(30).seconds == 70
    assert run.left(130).seconds == 0
    waiting = TimeLeft({"long": 1, "short": 4}, {"long": 100.0, "short": 1.0})
    waiting.capacity = {"_cores": 8.0}
    assert waiting.left(0).seconds == 100


def test_jobs_wait_for_whatever_they_share():
    run = TimeLeft({"train": 4}, {"train": 60.0}, {"_cores": 8.0, "gpu": 1.0})
    assert run.left(0).seconds == 60
    run.start(1, "train", 0, {"_cores": 1.0, "gpu": 1.0})
    assert run.left(30).seconds == 3 * 60 + 30


def test_earlier_runs_tell_until_this_one_knows():
    run = TimeLeft({"train": 3}, {"train": 50.0})
    assert run.left(0).seconds == 150
    run.start(1, "train", 0)
    run.finish(1, 10)
    assert run.left(10).seconds == 20


def test_the_end_is_told_with_its_time_of_day():
    run, noon = Run(), time.mktime((2025, 3, 3, 12, 0, 0, 0, 0, -1))
    run.plan({"train": 2}, noon)
    assert time_left(run.snapshot(noon), noon) == "time left unknown"
    run.start(1, Job("train 1", "train", noon), {}, None)
    run.finish(1, noon + 360)
    now = noon + 360
    assert time_left(run.snapshot(now), now) == "about 6 min left, until 12:12"
    run.start(2, Job("train 2", "train", now), {}, None)
    assert time_left(run.snapshot(now + 360), now + 360) == "nearly done"


def test_benchmarks_of_earlier_runs_are_read(tmp_path):
    files = {
        "train/a.tsv": "s\n2\n",
        "train/b.tsv": "h:m:s\ts\n0\t4\n",
        "plot.tsv": "s\n1\n",
    }
    files |= {"tune/torn.tsv": "s\n", "tune/odd.tsv": "s\nNA\n"}
    for name, text in files.items():
        path = tmp_path / "results/demo/benchmarks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    folder = folder_of(f"{tmp_path}/results/demo/benchmarks/train/c.tsv")
    assert folder is not None and seconds_by_rule(folder) == {"train": 3.0, "plot": 1.0}
    assert folder_of("results/demo/times/c.tsv") is None
