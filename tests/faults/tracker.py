"""A tracker that can be hit: MLflow's own server, and what both sides hold."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from contextlib import closing
from pathlib import Path

from fernn.cli import main
from labrun.spool import Spool

LIMIT = 240.0
LISTENS = "0A"  # in /proc/net/tcp


class Server:
    """What ``fernn ui`` starts, on a database of its own, with all its processes."""

    def __init__(self, folder, *options):
        self.folder, self.options, self.process = folder, options, None
        self.database = folder / "mlflow/mlflow.db"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"

    def start(self):
        self.folder.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "fernn", "ui", "--results", str(self.folder)]
        command += ["--port", str(self.port), *self.options]
        environ = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, env=environ, stdout=log, stderr=log, start_new_session=True
            )
        wait_until(lambda: self.get("/health") == 200)

    def get(self, path, host=None):
        """The status of an answer; 0 if there is none."""
        assert self.process.poll() is None, self.log()
        request = urllib.request.Request(self.uri + path)
        if host:
            request.add_header("Host", host)
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                return response.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            return 0

    def listening(self):
        """The addresses on which any of its processes listens, as the kernel's hex."""
        sockets = set()
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if os.getpgid(int(folder.name)) == self.process.pid:
                    sockets |= {os.readlink(file) for file in folder.glob("fd/*")}
            except OSError:  # it has ended
                continue
        tables = [Path("/proc/net/tcp"), Path("/proc/net/tcp6")]
        lines = [
            line.split() for file in tables for line in file.read_text().splitlines()
        ]
        return {
            line[1].partition(":")[0]
            for line in lines
            if line[3] == LISTENS and f"socket:[{line[9]}]" in sockets
        }

    def log(self):
        return (self.folder / "log").read_text()

    def send(self, number):
        os.killpg(self.process.pid, number)

    def kill(self):
        if self.process:
            self.send(signal.SIGKILL)
            self.process.wait()
        self.process = None


def wait_until(holds):
    end = time.monotonic() + LIMIT
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def writer(results, seed=0):
    """The spool of a run."""
    made = Spool(results / f"demo/runs/translation/fernn/{seed}/events.jsonl")
    made.run(
        key=f"demo/translation/fernn/seed-{seed}",
        experiment="translation",
        parent="demo/translation/fernn",
        name=f"fernn.seed-{seed}",
        params={"epochs": 2},
    )
    return made


def write(made, steps):
    for step in steps:
        made.metrics(step, {"train/loss": 1 / (step + 1)})


def count(database):
    """The points that are shown; nothing is there twice."""
    shown = "FROM metrics JOIN runs USING (run_uuid) WHERE lifecycle_stage='active'"
    keys = "FROM tags JOIN runs USING (run_uuid) WHERE lifecycle_stage='active'"
    queries = [
        f"SELECT COUNT(*) {shown}",
        f"SELECT COUNT(*) FROM (SELECT DISTINCT run_uuid, key, step {shown})",
        f"SELECT COUNT(*) {keys} AND key='fernn.key'",
        f"SELECT COUNT(DISTINCT value) {keys} AND key='fernn.key'",
    ]
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        points, distinct, runs, different = (
            connection.execute(query).fetchone()[0] for query in queries
        )
    assert points == distinct and runs == different, "something is there twice"
    return points


def shown(database):
    """Status, begin and end of the one run with points, and its newest step."""
    query = (
        "SELECT status, start_time, end_time, MAX(step) FROM runs"
        " JOIN latest_metrics USING (run_uuid)"
    )
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(query).fetchone()


def check(results):
    """The exit code of ``fernn track --check``."""
    try:
        return main(["track", "--results", str(results), "--check"])
    except SystemExit as stop:
        return stop.code


def require_complete(results, database, points):
    """Spools and tracker agree, and the database holds so many points."""
    assert check(results) == 0
    assert count(database) == points
