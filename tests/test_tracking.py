"""The spools are the record and MLflow a view: complete, no doubles, rebuildable."""

import json
import math
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from typing import NamedTuple

import pytest

from fernn.cli import main
from labrun.spool import Spool, read_events
from labrun.tracking.memory import load
from labrun.tracking.sync import Syncer

# MLflow's dependencies, not ours.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(autouse=True)
def own_database(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def spool(results, seed, **options):
    path = results / f"demo/runs/translation/fernn/{seed}/events.jsonl"
    writer = Spool(path, **options)
    writer.run(
        key=f"demo/translation/fernn/seed-{seed}",
        experiment="translation",
        parent="demo/translation/fernn",
        name=f"fernn.seed-{seed}",
        tags={"seed": seed, "model": "fernn", "title": "Moving digits"},
        params={"epochs": 2, "flow": {"radius": 2}},
        note="A *note*.",
    )
    return writer


class Shown(NamedTuple):
    """What the database holds of a run, without what it invents."""

    status: str
    name: str
    points: list[tuple]
    tags: dict[str, str]
    params: dict[str, str]
    has_parent: bool


def shown(results):
    with closing(sqlite3.connect(results / "mlflow/mlflow.db")) as database:

        def ask(query, *values):
            return database.execute(query, values).fetchall()

        found = {}
        query = "SELECT run_uuid, status, name FROM runs WHERE lifecycle_stage='active'"
        for run, status, name in ask(query):
            tags = dict(ask("SELECT key, value FROM tags WHERE run_uuid=?", run))
            columns = "key, step, value, is_nan, timestamp"
            points = ask(f"SELECT {columns} FROM metrics WHERE run_uuid=?", run)
            params = dict(ask("SELECT key, value FROM params WHERE run_uuid=?", run))
            has_parent = tags.pop("mlflow.parentRunId", None) is not None
            key = tags["fernn.key"]
            assert key not in found, "two runs of one key"
            found[key] = Shown(status, name, sorted(points), tags, params, has_parent)
    return found


def points(results, seed):
    return shown(results)[f"demo/translation/fernn/seed-{seed}"].points


def test_two_writers_at_once_arrive_complete_below_one_parent(tmp_path):
    writers = [spool(tmp_path, seed) for seed in (0, 1)]
    syncer = Syncer(tmp_path)
    for step in range(30):
        for writer in writers:
            writer.metrics(step, {"train/loss": step / 10, "validation/error": 1.0})
        if step in (3, 17):
            assert not syncer.run_pass().problems
    writers[0].status("FINISHED")
    writers[1].status("FAILED", "NaN at step 29")
    report = syncer.run_pass(compare=True)
    assert [row.points for row in report.rows] == [60, 60]
    assert all(row.agrees for row in report.rows)
    runs = shown(tmp_path)
    first, second = (runs[f"demo/translation/fernn/seed-{seed}"] for seed in (0, 1))
    assert len(first.points) == len(second.points) == 60
    assert (first.status, first.name) == ("FINISHED", "fernn.seed-0")
    assert first.params == {"epochs": "2", "flow.radius": "2"}
    assert first.tags["mlflow.note.content"] == "A *note*."
    assert second.status == "FAILED" and second.tags["message"] == "NaN at step 29"
    parent = runs["demo/translation/fernn"]
    assert (parent.status, parent.name) == ("FINISHED", "fernn")
    assert first.has_parent and second.has_parent and not parent.has_parent


def test_numbers_that_are_not_finite_survive(tmp_path):
    with spool(tmp_path, 0) as writer:
        writer.metrics(0, {"a": math.nan, "b": math.inf, "c": -math.inf, "d": 0.1})
    events, _ = read_events(writer.path)
    values = events[1]["values"]
    assert math.isnan(values["a"]) and values["b"] == math.inf == -values["c"]
    assert values["d"] == 0.1
    report = Syncer(tmp_path).run_pass(compare=True)
    assert report.points == 4 and all(row.agrees for row in report.rows)
    largest = sys.float_info.max
    found = [(name, value, nan) for name, _, value, nan, _ in points(tmp_path, 0)]
    assert found == [("a", 0, 1), ("b", largest, 0), ("c", -largest, 0), ("d", 0.1, 0)]


def test_a_torn_last_line_waits_and_then_arrives(tmp_path):
    with spool(tmp_path, 0) as writer:
        writer.metrics(0, {"loss": 1.0})
    line = '{"event": "metrics", "time": 9.0, "step": 1, "values": {"loss": 0.5}}\n'
    syncer = Syncer(tmp_path)
    with writer.path.open("a") as file:
        file.write(line[:30])
        file.flush()
        syncer.run_pass()
        assert len(points(tmp_path, 0)) == 1
        file.write(line[30:])
    assert syncer.run_pass().points == 1
    assert len(points(tmp_path, 0)) == 2


@pytest.mark.parametrize("length, steps", [(40, [0, 2]), (-1, [0, 1, 2])])
def test_a_line_torn_by_a_crash_is_not_glued_to_the_next(tmp_path, length, steps):
    with spool(tmp_path, 0) as writer:
        writer.metrics(0, {"loss": 1.0})
    line = '{"event": "metrics", "time": 9.0, "step": 1, "values": {"loss": 0.5}}\n'
    with writer.path.open("a") as file:
        file.write(line[:length])
    with Spool(writer.path) as again:
        again.metrics(2, {"loss": 0.2})
    events, _ = read_events(writer.path)
    assert [event["step"] for event in events[1:]] == steps
    torn = writer.path.with_name("events.jsonl.torn")
    assert torn.exists() == (length == 40)


def test_steps_repeated_after_a_resume_count_once_and_the_first_wins(tmp_path):
    with spool(tmp_path, 0) as writer:
        for step in range(6):
            writer.metrics(step, {"loss": 1.0})
        writer.status("KILLED")
    Syncer(tmp_path).run_pass()
    with spool(tmp_path, 0) as writer:  # another syncer, which never saw the start
        for step in range(4, 9):
            writer.metrics(step, {"loss": 2.0})
    report = Syncer(tmp_path).run_pass(compare=True)
    assert report.points == 3 and all(row.agrees for row in report.rows)
    values = [value for _, _, value, _, _ in points(tmp_path, 0)]
    assert values == [1.0] * 6 + [2.0] * 3
    assert shown(tmp_path)["demo/translation/fernn/seed-0"].status == "RUNNING"


def test_a_spool_begun_anew_replaces_its_run(tmp_path):
    for value in (1.0, 2.0):
        with spool(tmp_path, 0, resume=False) as writer:
            writer.metrics(0, {"loss": value})
        report = Syncer(tmp_path).run_pass(compare=True)
        assert all(row.agrees for row in report.rows)
        assert [point[2] for point in points(tmp_path, 0)] == [value]


def test_a_killed_syncer_loses_and_doubles_nothing(tmp_path):
    for seed in range(4):
        with spool(tmp_path, seed) as writer:
            for step in range(3000):
                writer.metrics(step, {"loss": step})
    command = [sys.executable, "-m", "fernn", "track", "--results", str(tmp_path)]
    process = subprocess.Popen([*command, "--watch", "--interval", "0.1"])
    database = tmp_path / "mlflow/mlflow.db"
    deadline = time.monotonic() + 60
    count = 0
    while count == 0 and time.monotonic() < deadline:
        time.sleep(0.02)
        if database.exists():
            with closing(sqlite3.connect(database)) as connection:
                ((count,),) = connection.execute("SELECT COUNT(*) FROM metrics")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with closing(sqlite3.connect(database)) as connection:
        ((count,),) = connection.execute("SELECT COUNT(*) FROM metrics")
    assert 0 < count < 12000, "killed too early or too late to prove anything"
    report = Syncer(tmp_path).run_pass(compare=True)
    assert [row.points for row in report.rows] == [3000] * 4
    assert all(row.agrees for row in report.rows)
    assert all(len(points(tmp_path, seed)) == 3000 for seed in range(4))


def test_a_deleted_database_is_rebuilt_equal(tmp_path, monkeypatch):
    figure = tmp_path / "demo/figures/rollout.png"
    figure.parent.mkdir(parents=True)
    figure.write_bytes(b"a figure")
    for seed in (0, 1):
        with spool(tmp_path, seed) as writer:
            writer.metrics(0, {"loss": seed})
            writer.artifact(figure, "figures")
            writer.status("FINISHED")
    watcher = Syncer(tmp_path)  # stays open while the file below it is replaced
    watcher.run_pass()
    before = shown(tmp_path)
    results = ["--results", str(tmp_path)]
    output = tmp_path / "counts.json"
    assert main(["track", *results, "--rebuild", "--output", str(output)]) == 0
    assert shown(tmp_path) == before
    assert json.loads(output.read_text()) == {
        "runs": 2,
        "points": 2,
        "experiments": {"translation (demo)": {"runs": 2, "points": 2}},
    }
    copies = [path.read_bytes() for path in tmp_path.rglob("artifacts/figures/*.png")]
    assert copies == [b"a figure"] * 2
    with spool(tmp_path, 2) as writer:
        writer.metrics(0, {"loss": 2})
    assert watcher.run_pass().points == 1
    assert len(points(tmp_path, 2)) == 1
    assert str(tmp_path) not in (tmp_path / "mlflow/offsets.json").read_text()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(SystemExit):  # there, not here
        main(["track", *results, "--rebuild"])
    assert len(points(tmp_path, 2)) == 1


def test_a_point_missing_or_added_behind_its_back_fails_the_check(tmp_path, capsys):
    with spool(tmp_path, 0) as writer:
        for step in range(5):
            writer.metrics(step, {"loss": step})
    check = ["track", "--results", str(tmp_path), "--check"]
    assert main(check) == 0
    for change in (
        "DELETE FROM metrics WHERE step = 3",
        "UPDATE metrics SET value = 7 WHERE step = 3",
        "UPDATE runs SET lifecycle_stage = 'deleted'",
    ):
        with closing(sqlite3.connect(tmp_path / "mlflow/mlflow.db")) as database:
            database.execute(change)
            database.commit()
        with pytest.raises(SystemExit) as stop:
            main(check)
        assert stop.value.code == 1
        told = capsys.readouterr().err
        assert f"fernn track --results {tmp_path} --rebuild" in told
        assert main([*check, "--rebuild"]) == 0


def test_a_tracker_that_is_down_is_told_in_one_line_and_nothing_is_lost(
    tmp_path, monkeypatch
):
    with spool(tmp_path, 0) as writer:
        writer.metrics(0, {"loss": 1.0})
    syncer = Syncer(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    report = syncer.run_pass()
    assert report.failure and "\n" not in report.failure
    assert not load(tmp_path / "mlflow/offsets.json", "any")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert syncer.run_pass().points == 1


def test_a_long_spool_arrives_complete(tmp_path):
    with spool(tmp_path, 0) as writer:
        for step in range(4_000):
            writer.metrics(step, dict.fromkeys("abcde", step * 0.5))
    report = Syncer(tmp_path).run_pass(compare=True)
    assert report.points == 20_000
    assert [row.agrees for row in report.rows] == [True]
