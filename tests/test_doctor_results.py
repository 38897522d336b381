"""The doctor on a results folder: digits, tracker, what a dead head left."""

import gzip
import hashlib
import http.server
import os
import sqlite3
import threading
import time
from contextlib import closing

import numpy as np
import pytest

from fernn.doctor import Configured
from labrun.controller import record
from labrun.doctor import machine, results
from labrun.doctor.place import Place
from labrun.lease import path_of
from labrun.tracking.folder import Folder
from test_heads import lock, write_lease


@pytest.fixture
def place(tmp_path):
    (tmp_path / "results").mkdir()
    return Place(results=tmp_path / "results")


@pytest.fixture
def server():
    """The address of a server, and the answer it gives to all."""
    answer = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            answer["asked"] = self.headers["Authorization"]
            self.send_response(answer["code"])
            self.end_headers()
            self.wfile.write(answer["text"].encode())

        do_HEAD = do_GET

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as web:
        threading.Thread(target=web.serve_forever, args=(0.02,), daemon=True).start()
        yield f"127.0.0.1:{web.server_port}", answer
        web.shutdown()


def only(findings):
    (finding,) = findings
    return finding


@pytest.mark.parametrize(
    ("code", "text", "state", "words"),
    [
        (200, "{}", "ok", "answers"),
        (404, '{"error_code": "RESOURCE_DOES_NOT_EXIST"}', "ok", "answers"),
        (403, "Invalid Host header - possible", "FAIL", "--allowed-hosts '127.0.0.1:"),
        (401, "who?", "FAIL", "MLFLOW_TRACKING_USERNAME"),
        (502, "gateway", "FAIL", "as no MLflow does"),
    ],
)
def test_a_server_is_asked(place, server, monkeypatch, code, text, state, words):
    (address, answer), uri = server, "http://me:pass@"
    answer |= {"code": code, "text": text}
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri + address)
    found = only(results.tracker(place))
    assert found.state == state and words in str(found)
    assert "pass" not in str(found) and answer["asked"] == "Basic bWU6cGFzcw=="


def test_a_server_that_is_down_fails_at_once(place, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    before = time.monotonic()
    found = only(results.tracker(place))
    assert found.state == "FAIL" and "refused" in found.found
    assert time.monotonic() - before < results.PATIENCE + 1


def test_a_database_is_opened(place, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert only(results.tracker(place)).found.endswith("will be made")
    path = Folder(place.results).database
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as made, made:
        made.execute("CREATE TABLE runs (name TEXT)")
    assert only(results.tracker(place)).found.endswith("0 runs")
    path.write_bytes(b"no database" * 99)
    found = only(results.tracker(place))
    assert found.state == "FAIL" and "--rebuild" in found.remedy


def idx_file(array):
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.tobytes()


def test_digits_are_read_as_the_run_will(place, tmp_path, monkeypatch, server):
    raw = {}
    for part, count in (("train", 20), ("test", 7)):
        raw[f"{part}_images"] = idx_file(np.zeros((count, 4, 4), np.uint8))
        raw[f"{part}_labels"] = idx_file(np.zeros(count, np.uint8))
    files = {
        role: {"name": f"{role}-idx", "sha256": hashlib.sha256(content).hexdigest()}
        for role, content in raw.items()
    }
    (address, answer), folder = server, tmp_path / "digits"
    source = {"kind": "idx", "label": "T", "files": files}
    source |= {"validation": 5, "urls": [f"http://{address}"]}
    configured = Configured([])
    vars(configured)["plan"] = {"budget": "x", "sources": {"tiny": source}}
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("FERNN_DATA", raising=False)
    answer |= {"code": 200, "text": ""}
    assert "will come from http" in only(configured.data(place)).found
    answer["code"] = 404
    found = only(configured.data(place))
    assert found.state == "FAIL" and "FERNN_DATA" in found.remedy
    folder.mkdir()
    for role, content in raw.items():
        (folder / f"{role}-idx.gz").write_bytes(gzip.compress(content))
    monkeypatch.setenv("FERNN_DATA", str(folder))
    assert "4 files, all right" in only(configured.data(place)).found
    (folder / "test_labels-idx.gz").write_bytes(gzip.compress(raw["test_labels"][:-1]))
    assert only(configured.data(place)).state == "FAIL"
    atlas = place.results / "x/data/tiny.nc"
    atlas.parent.mkdir(parents=True)
    atlas.touch()
    assert "fetched" in only(configured.data(place)).found


def test_what_a_dead_head_left_is_cleared_if_nothing_of_it_lives(place, dead):
    path = record.path_of(place.results, "demo")
    write_lease(path, pid=dead, started="1")
    own = lock(place.results, "0.output.lock", "results/demo/a.nc")
    other = lock(place.results, "1.output.lock", "results/more/a.nc")
    assert {found.state for found in results.head(place)} == {"note"}
    assert own.exists() and path.exists()
    job = path_of(place.results / "demo/a.nc")
    write_lease(job)
    unlocking = Place(results=place.results, unlock=True)
    other.unlink()
    found = only(results.head(unlocking))
    assert found.state == "FAIL" and f"pid {os.getpid()} making" in found.found
    assert own.exists()
    job.unlink()
    found = only(results.head(unlocking))
    assert found.state == "ok" and "cleared: 1 lock(s) removed" in found.found
    assert not own.exists() and not path.exists()
    assert only(results.head(place)).state == "ok"


def test_a_living_head_is_named_and_keeps_its_locks(place):
    write_lease(record.path_of(place.results, "demo"))
    own = lock(place.results, "0.output.lock", "results/demo/a.nc")
    found = only(results.head(Place(results=place.results, unlock=True)))
    assert found.state == "note" and f"pid {os.getpid()} since" in found.found
    assert own.exists()


def test_leases_are_told_and_left(place, dead):
    write_lease(path_of(place.results / "a.nc"))
    write_lease(path_of(place.results / "b.nc"), pid=dead)
    lines = [found.found for found in results.leases(place)]
    assert f"pid {os.getpid()}" in lines[0] and lines[1] == "1 of processes that died"
    assert len(list(place.results.iterdir())) == 2


def test_a_clock_that_is_off_is_told(place, monkeypatch):
    assert only(machine.clock(place)).state == "ok"
    now = time.time
    monkeypatch.setattr(machine.time, "time", lambda: now() + 90)
    assert "90 s off" in only(machine.clock(place)).found


@pytest.mark.parametrize(
    ("mode", "mask", "remedy"),
    [(0o755, 0o022, ""), (0o2775, 0o002, ""), (0o2775, 0o022, "umask 0002")],
)
def test_a_shared_folder_needs_a_umask(place, mode, mask, remedy):
    place.results.chmod(mode)
    before = os.umask(mask)
    try:
        assert only(machine.sharing(place)).remedy == remedy
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
