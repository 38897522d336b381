"""Where the tracker reads and writes: below the results folder, by one writer."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import socket
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labrun import storage
from labrun.errors import UserError
from labrun.project import project

PATIENCE = 30.0  # seconds of waiting before it is told


class Folder:
    """Where things are.

    Args:
        results: the results folder; spools are all files ``*events.jsonl`` below it.
    """

    def __init__(self, results: Path | str) -> None:
        self.results = Path(results)
        self.home = self.results / "mlflow"
        self.database = self.home / "mlflow.db"
        self.artifacts = self.home / "artifacts"
        self.offsets = self.home / "offsets.json"

    @property
    def uri(self) -> str:
        """``MLFLOW_TRACKING_URI`` if set, else the database of this folder."""
        return os.environ.get("MLFLOW_TRACKING_URI") or self.own_uri

    @property
    def own_uri(self) -> str:
        """The address of the database of this folder."""
        return f"sqlite:///{self.database.absolute()}"

    @property
    def is_own(self) -> bool:
        """Whether the tracker is the database of this folder."""
        return self.uri == self.own_uri

    def spools(self) -> list[Path]:
        """All spools, sorted."""
        found = []
        for place, folders, files in os.walk(self.results):
            if Path(place) == self.results and "mlflow" in folders:
                folders.remove("mlflow")
            names = [name for name in files if name.endswith("events.jsonl")]
            found += [Path(place) / name for name in names]
        return sorted(found)

    def identity(self) -> str:
        """A name of this results folder that survives moving it.

        Two people who fill one MLflow server thus keep their runs apart. It lies
        outside ``mlflow/``, which may be deleted at any time.
        """
        path = self.results / ".results-id"
        if not path.exists():
            storage.write_text(f"{uuid.uuid4().hex[:8]}\n", path)
        name = path.read_bytes()[:200].strip().decode("ascii", "replace")
        if not re.fullmatch(r"[0-9A-Za-z_-]{1,64}", name):
            raise UserError(f"{path} holds no name, but {name!r}; delete it")
        return name

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the right to write to MLflow; waits for another syncer's pass.

        A long wait is told on standard error, with who makes it long.

        Raises:
            UserError: the tracker's files are links that lead elsewhere.
        """
        self._require_own()
        self.home.mkdir(parents=True, exist_ok=True)
        path = self.home / "lock"
        with path.open("a") as file:
            teller = threading.Timer(PATIENCE, _tell_wait, [path])
            teller.daemon = True
            teller.start()
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
            finally:
                teller.cancel()
            file.truncate(0)
            print(f"{socket.gethostname()} pid {os.getpid()}", file=file, flush=True)
            yield

    def _require_own(self) -> None:
        """Refuse links out of the results folder, and what is no file."""
        folders = [self.home, self.artifacts]
        files = [self.database, self.offsets]
        files += [self.home / "lock", self.results / ".results-id"]
        for path in folders + files:
            try:
                inside(path, self.results)
            except Refused as refusal:
                raise UserError(
                    f"{refusal}; the tracker writes nothing there"
                ) from None
            right = path.is_dir() if path in folders else path.is_file()
            if path.exists() and not right:
                kind = "folder" if path in folders else "file"
                raise UserError(f"{path} is no {kind}; remove it")


def _tell_wait(path: Path) -> None:
    other = path.read_text(encoding="utf-8").strip() or "another syncer"
    print(f"{project().name} track: waiting for {other}", file=sys.stderr, flush=True)


# What is wrong with one file, while others can be read and written.
OWN = {
    errno.EACCES,
    errno.EPERM,
    errno.EEXIST,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.ENXIO,
}


class Refused(Exception):
    """A file is not read, or not written; the message says why on one line."""


def inside(path: Path, root: Path) -> Path:
    """A path without links, which need not exist.

    Raises:
        Refused: it, or a link on the way, leads out of the folder `root`.
    """
    try:
        found, root = path.resolve(), root.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # too long, a loop, a NUL
        raise Refused(f"{str(path)!r} is no path: {error}") from None
    if root not in found.parents:
        raise Refused(f"{str(path)!r} is outside {str(root)!r}")
    return found


def file_inside(path: Path, root: Path) -> Path:
    """An ordinary file below a folder, without links.

    Raises:
        Refused: it is elsewhere, missing, or no ordinary file.
    """
    found = inside(path, root)
    with own_faults(path):
        if not found.is_file():
            known = found.exists()
            raise Refused(f"{'not a' if known else 'no'} file {str(path)!r}")
    return found


@contextmanager
def own_faults(path: Path) -> Iterator[None]:
    """Tell what is wrong with one file as `Refused`; a full disk stays an OSError."""
    try:
        yield
    except OSError as error:
        if error.errno not in OWN:
            raise
        raise Refused(f"{str(path)!r}: {error.strerror}") from None


def as_folder(name: str) -> str:
    """A name as that of one folder."""
    return re.sub(r"[^\w().+=-]", "-", name).lstrip(".") or "-"
