"""Syncers wait for each other; what cannot be shown is told; nothing is twice."""

import threading

import pytest

from faults.tracker import check, count, require_complete, wait_until, write, writer
from labrun.tracking import client, events, folder
from labrun.tracking.folder import Folder
from labrun.tracking.sync import Syncer
from labrun.tracking.view import View

# MLflow's dependencies, not ours.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(autouse=True)
def database(tmp_path, monkeypatch):
    """The tracker: the results folder's own."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path / "mlflow/mlflow.db"


def test_runs_that_are_there_twice_are_there_once_again(tmp_path, database):
    """As a server makes them that answers a repeated request late."""
    made, syncer = writer(tmp_path), Syncer(tmp_path)
    write(made, range(10))
    syncer.run_pass()
    tags = {"fernn.results": Folder(tmp_path).identity(), "level": "run"}
    connection = client.connect(f"sqlite:///{database}")
    for key in ("demo/translation/fernn", "demo/translation/fernn/seed-0"):
        connection.create_run("1", 0, {**tags, "fernn.key": key})
    with pytest.raises(AssertionError, match="twice"):
        count(database)
    require_complete(tmp_path, database, 10)
    parent, run = sorted(connection.search_runs(["1"]), key=lambda r: r.info.run_name)
    assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert run.data.params == {"epochs": "2"}


def test_all_runs_of_this_folder_and_no_others_are_cleared(tmp_path, database):
    """What ``--rebuild`` does on a server, which others use too."""
    write(writer(tmp_path), range(10))
    syncer = Syncer(tmp_path)
    syncer.run_pass()
    other = client.connect(f"sqlite:///{database}").create_run("1", 0, {"a": "b"})
    View(syncer.folder).clear()
    assert count(database) == 0
    left = client.connect(f"sqlite:///{database}").search_runs(["1"])
    assert [run.info.run_id for run in left] == [other.info.run_id]


def test_a_spool_that_belongs_to_no_run_fails_the_check(tmp_path, database, capsys):
    write(writer(tmp_path), range(3))
    require_complete(tmp_path, database, 3)
    stray = tmp_path / "demo/stray.events.jsonl"
    stray.write_text('{"event": "metrics", "step": 0, "values": {"a": 1}}\n')
    assert check(tmp_path) == 1
    told = capsys.readouterr().err
    assert "demo/stray.events.jsonl does not begin with a run" in told
    stray.write_text("{")  # its first line is being written
    assert check(tmp_path) == 0


def test_a_line_longer_than_a_stretch_stops_nothing(tmp_path, database, monkeypatch):
    monkeypatch.setattr(events, "CHUNK", 1000)
    made = writer(tmp_path)
    write(made, range(100))
    made._append("of a later version", text="x" * 10_000)
    write(made, range(100, 200))
    require_complete(tmp_path, database, 200)


def test_who_waits_long_says_for_whom(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(folder, "PATIENCE", 0.1)
    writer(tmp_path)
    syncer = Syncer(tmp_path)
    waiting = threading.Thread(target=syncer.connect)
    told = []

    def is_told():
        told.append(capfd.readouterr().err)
        return "waiting for" in "".join(told)

    with syncer.folder.lock():
        waiting.start()
        wait_until(is_told)
    waiting.join()
    holder = (tmp_path / "mlflow/lock").read_text().strip()
    assert f"fernn track: waiting for {holder}" in "".join(told)
