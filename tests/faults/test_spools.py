"""F13, F27: whatever happens to jobs and syncers, no point is lost, none is double."""

import os
import random
import subprocess
import sys
import time

import pytest

from copied import ROOT
from faults.commands import run
from faults.tracker import (
    LIMIT,
    count,
    require_complete,
    shown,
    wait_until,
    write,
    writer,
)
from labrun import spool

# MLflow's dependencies, not ours.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
minutes = pytest.mark.minutes
WRITER = """
import sys, time
from labrun.spool import Spool
with Spool(sys.argv[1]) as made:
    for step in range(10_000):
        made.metrics(step, {"train/loss": 1 / (step + 1)})
        time.sleep(0.004)
"""
GUARD = """
import os, sys
def note(event, arguments, own=os.environ["CONTACTS"]):
    if event in ("socket.bind", "socket.connect", "socket.getaddrinfo"):
        with open(own, "a") as file:
            print(event, arguments[1:], file=file)
sys.addaudithook(note)
"""


@pytest.fixture
def own(monkeypatch):
    """The tracker is the results folder's own database."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@minutes
def test_f13_eight_syncers_begin_at_once(own, tmp_path):
    for seed in range(4):
        with writer(tmp_path, seed) as made:
            write(made, range(500))
    command = [sys.executable, "-m", "fernn", "track", "--results", str(tmp_path)]
    syncers = [subprocess.Popen(command) for _ in range(8)]
    assert [syncer.wait(LIMIT) for syncer in syncers] == [0] * 8
    require_complete(tmp_path, tmp_path / "mlflow/mlflow.db", 2000)
    assert not list(tmp_path.rglob("*.new-*"))


@minutes
def test_none_of_a_hundred_thousand_points_is_lost(own, tmp_path):
    spools = [writer(tmp_path, seed).path for seed in range(10)]
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path)]) for path in spools
    ]
    command = [sys.executable, "-m", "fernn", "track", "--results", str(tmp_path)]
    database, kills, seen = tmp_path / "mlflow/mlflow.db", 0, 0
    while kills < 5:
        syncer = subprocess.Popen([*command, "--watch", "--interval", "0.1"])
        wait_until(lambda seen=seen: database.exists() and count(database) > seen)
        time.sleep(random.uniform(0, 1))
        syncer.kill()
        syncer.wait()
        seen, kills = count(database), kills + 1
        assert seen < 100_000, "all arrived before the last kill"
    assert [made.wait(LIMIT) for made in writers] == [0] * 10
    require_complete(tmp_path, database, 100_000)


def test_f27_clocks_hours_apart(own, tmp_path, monkeypatch):
    """Three nodes go on with one run; the second's clock is slow, the third's fast."""
    hours, now = 3600.0, 1_700_000_000.0
    for first, clock in ((0, now), (6, now - 5 * hours), (12, now + 7 * hours)):
        monkeypatch.setattr(spool.time, "time", lambda clock=clock: clock)
        with writer(tmp_path) as made:
            write(made, range(max(0, first - 3), first + 6))
            made.status("FINISHED" if first == 12 else "KILLED")
        require_complete(tmp_path, tmp_path / "mlflow/mlflow.db", first + 6)
        status, begin, end, last = shown(tmp_path / "mlflow/mlflow.db")
        assert begin == now * 1000 <= end
        assert last == first + 5, "the newest point is that of the last step"
    assert status == "FINISHED"


def test_training_contacts_nothing(commands, tmp_path):
    """With a tracker that is named and does not answer; the guard sees what does."""
    (tmp_path / "sitecustomize.py").write_text(GUARD)
    contacts = tmp_path / "contacts"
    path = os.pathsep.join([str(tmp_path), str(ROOT / "src")])
    environ = {"CONTACTS": str(contacts), "PYTHONPATH": path}
    environ["MLFLOW_TRACKING_URI"] = "http://127.0.0.1:9"
    code, said = run(commands.train(tmp_path / "run/model.pt", epochs=1), **environ)
    assert code == 0, said
    assert not contacts.exists(), contacts.read_text()
    code, said = run(["track", "--results", str(tmp_path)], **environ)
    assert code == 1 and "socket.connect" in contacts.read_text()
