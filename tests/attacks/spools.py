"""Results as a stranger might hand them over, and files outside to be left alone."""

import contextlib
import io
import json
import os
import sqlite3
import sys
from contextlib import closing
from typing import NamedTuple

from fernn.cli import main

SECRET = b"what no spool may read"
NOW = 1_700_000_000.0
_opened: list[str] = []
_watching = False


def _note(event, arguments):
    if _watching and event == "open":
        _opened.append(os.fsdecode(arguments[0]) if _is_path(arguments[0]) else "")


def _is_path(value):
    return isinstance(value, str | bytes | os.PathLike)


sys.addaudithook(_note)


class Told(NamedTuple):
    """What a command did: its exit code, its lines, the files it opened outside."""

    code: int
    lines: list[str]
    opened: list[str]


class Place:
    """A folder with results, and beside them a folder that is somebody's own."""

    def __init__(self, folder):
        self.results, self.outside = folder / "results", folder / "outside"
        (self.outside / ".ssh").mkdir(parents=True)
        (self.outside / "secret").write_bytes(SECRET)
        (self.outside / ".ssh/authorized_keys").write_text("mine")
        (self.outside / "mine.txt").write_text("mine too")
        self.before = self.canaries()

    def canaries(self):
        """Everything outside, with its bytes."""
        found = sorted(self.outside.parent.rglob("*"))
        return {
            path: path.read_bytes() if path.is_file() else None
            for path in found
            if path != self.results and self.results not in path.parents
        }

    def spool(self, name, *lines):
        """A spool beside traps; lines are bytes, or to be written as JSON."""
        folder = self.results / name
        folder.mkdir(parents=True)
        (folder / "mine.txt").write_text("a figure")
        (folder / "link.txt").symlink_to(self.outside / "secret")
        (folder / "dir").symlink_to(self.outside)
        (folder / "loop").symlink_to("loop")
        (folder / "inner").symlink_to("mine.txt")
        os.mkfifo(folder / "fifo")
        file = folder / "events.jsonl"
        file.write_bytes(b"".join(as_bytes(line) + b"\n" for line in lines))
        return file

    def track(self, *options):
        """Run ``fernn track``, with an eye on the files it opens."""
        global _watching
        said, _watching = io.StringIO(), True
        _opened.clear()
        try:
            quiet = contextlib.redirect_stdout(io.StringIO())
            with quiet, contextlib.redirect_stderr(said):
                code = main(["track", "--results", str(self.results), *options])
        except SystemExit as stop:
            code = stop.code
        finally:
            _watching = False
        outside = [name for name in _opened if self.is_outside(name)]
        return Told(code, said.getvalue().splitlines(), outside)

    def is_outside(self, name):
        """Whether a name is one of the files that are to be left alone."""
        return os.path.realpath(name).startswith(str(self.outside)) or name.startswith(
            ("/etc/hostname", "/dev/zero", "/dev/stdin", "/proc/self/environ")
        )

    def require_untouched(self, told):
        """Nothing outside was written, made, read or copied."""
        assert self.canaries() == self.before
        assert told.opened == []
        for path in self.results.rglob("*"):
            if path.is_file() and not path.is_symlink() and "dir" not in path.parts:
                assert SECRET not in path.read_bytes(), path

    def points(self):
        """The steps of the points in the tracker, by the run's key."""
        query = (
            "SELECT tags.value, step FROM metrics JOIN tags USING (run_uuid)"
            " WHERE tags.key = 'fernn.key' ORDER BY step"
        )
        found = {}
        with closing(sqlite3.connect(self.results / "mlflow/mlflow.db")) as database:
            for key, step in database.execute(query).fetchall():
                found.setdefault(key, []).append(step)
        return found


def as_bytes(line):
    return line if isinstance(line, bytes) else json.dumps(line).encode()


def run(key="demo/translation/fernn/seed-0", **changes):
    """The event of a run."""
    event = {"event": "run", "time": NOW, "key": key, "experiment": "translation"}
    return {**event, "name": "fernn.seed-0", "parent": None, **changes}


def metrics(step=0, **changes):
    """A point."""
    return {
        "event": "metrics",
        "time": NOW,
        "step": step,
        "values": {"a": 1},
        **changes,
    }


def artifact(path="mine.txt", folder=None):
    """A file to show."""
    return {"event": "artifact", "time": NOW, "path": path, "folder": folder}
