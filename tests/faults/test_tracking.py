"""F11-F13: whatever happens to the tracker, every point is in it in the end."""

import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from faults.tracker import (
    Server,
    check,
    count,
    require_complete,
    wait_until,
    write,
    writer,
)
from labrun.tracking.sync import Syncer
from labrun.tracking.view import View

# MLflow's dependencies, not ours.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
minutes = pytest.mark.minutes
LOCKER = """
import sqlite3, sys, time
base = sqlite3.connect(sys.argv[1], isolation_level=None)
base.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
time.sleep(3.5)
"""
LOOPBACK, EVERYWHERE = "0100007F", "00000000"


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    """A tracker that is up; several tests use it."""
    made = Server(tmp_path_factory.mktemp("serving"))
    made.start()
    yield made
    made.kill()


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A tracker that is not started yet."""
    made = Server(tmp_path / "server")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", made.uri)
    yield made
    made.kill()


def test_f11_f12_down_then_hung(serving, tmp_path, monkeypatch):
    made, syncer = writer(tmp_path), Syncer(tmp_path)
    write(made, range(300))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert syncer.run_pass().failure
    monkeypatch.setenv("MLFLOW_TRACKING_URI", serving.uri)
    assert syncer.run_pass().points == 300
    serving.send(signal.SIGSTOP)
    write(made, range(300, 700))
    with monkeypatch.context() as patch:
        patch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
        assert check(tmp_path) == 1
    serving.send(signal.SIGCONT)
    require_complete(tmp_path, serving.database, 700)


def test_only_this_machine_is_listened_to_and_other_names_are_refused(
    serving, tmp_path, monkeypatch, capsys
):
    assert serving.listening() == {LOOPBACK}
    api, port = "/api/2.0/mlflow/experiments/get?experiment_id=0", serving.port
    assert serving.get(api) == serving.get(api, f"localhost:{port}") == 200
    assert serving.get(api, f"login01:{port}") == 403
    address = f"127.1:{port}"  # another name of the same address
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://joe:pa55word@{address}")
    assert check(tmp_path) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f'--allowed-hosts "{address},localhost:*"' in line and "pa55" not in line


@minutes
def test_a_server_told_to_listen_everywhere_says_so_and_knows_its_names(tmp_path):
    server = Server(tmp_path, "--host", "0.0.0.0")
    try:
        server.start()
        assert server.listening() == {EVERYWHERE}
        assert "there is no password" in server.log()
        api = "/api/2.0/mlflow/experiments/get?experiment_id=0"
        assert server.get(api, f"{socket.gethostname()}:{server.port}") == 200
        assert server.get(api, f"elsewhere.org:{server.port}") == 403
    finally:
        server.kill()


@minutes
def test_f11_killed_in_the_middle_and_at_the_end(server, tmp_path):
    server.start()
    made = writer(tmp_path)
    write(made, range(20_000))
    command = [sys.executable, "-m", "fernn", "track", "--results", str(tmp_path)]
    watch = subprocess.Popen([*command, "--watch", "--interval", "0.2"])
    try:
        wait_until(lambda: count(server.database) > 0)
        server.kill()
        assert 0 < count(server.database) < 20_000, "not in the middle"
        assert check(tmp_path) == 1
        server.start()
        wait_until(lambda: count(server.database) == 20_000)
        server.kill()
        write(made, range(20_000, 20_500))
        made.status("FINISHED")
        assert check(tmp_path) == 1
    finally:
        watch.kill()
        watch.wait()
    server.start()
    require_complete(tmp_path, server.database, 20_500)


@minutes
def test_f13_a_deleted_or_older_database_is_filled_again(server, tmp_path):
    made, copy = writer(tmp_path), tmp_path / "older.db"
    server.start()
    write(made, range(200))
    require_complete(tmp_path, server.database, 200)
    shutil.copy(server.database, copy)
    write(made, range(200, 500))
    require_complete(tmp_path, server.database, 500)
    server.kill()
    shutil.copy(copy, server.database)  # a backup was played back
    server.start()
    assert check(tmp_path) == 1
    assert not Syncer(tmp_path).run_pass(anew=True).failure
    require_complete(tmp_path, server.database, 500)
    server.database.unlink()  # below the living server
    write(made, range(500, 600))
    server.kill()
    server.start()
    require_complete(tmp_path, server.database, 600)


@minutes
def test_f12_a_request_answered_too_late_makes_no_second_run(
    server, tmp_path, monkeypatch
):
    server.start()
    write(writer(tmp_path), range(10))
    create, lockers = View.create, []

    def create_late(*args):
        if len(lockers) < 2:  # the making of the parent, and of the run
            command = [sys.executable, "-c", LOCKER, str(server.database)]
            lockers.append(subprocess.Popen(command, stdout=subprocess.PIPE))
            assert lockers[-1].stdout.read(6) == b"locked"
        return create(*args)

    with monkeypatch.context() as patch:
        patch.setattr(View, "create", create_late)
        patch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
        wait_until(lambda: not Syncer(tmp_path).run_pass().failure)
    for locker in lockers:
        locker.communicate()
    with closing(sqlite3.connect(server.database)) as connection:
        query = "SELECT COUNT(*) FROM tags WHERE key = 'fernn.key'"
        assert connection.execute(query).fetchone()[0] > 2, "none was made twice"
    require_complete(tmp_path, server.database, 10)
