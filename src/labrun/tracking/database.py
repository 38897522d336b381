"""The database file of a results folder: made whole, recognised, removed."""

from __future__ import annotations

import shutil
import sqlite3
import uuid
from contextlib import closing
from pathlib import Path

from labrun.tracking import client
from labrun.tracking.folder import Folder

# Names of the databases this process has opened, by path.
_opened: dict[Path, list[str]] = {}


def address(folder: Folder) -> str:
    """The address at which MLflow opens the file, which is made if it is missing.

    MLflow keeps one connection per address for the life of a process, also to a file
    that was deleted since. So each database gets another spelling of the same path:
    with one more ``./`` than the one before.
    """
    path = folder.database.absolute()
    if not path.exists():
        _create(folder)
    names = _opened.setdefault(path, [])
    name = _name(path)
    if name not in names:
        names.append(name)
    return f"sqlite:///{path.parent}/{'./' * names.index(name)}{path.name}"


def remove(folder: Folder) -> None:
    """Delete the database, the files it shows and the offsets; the lock is held."""
    for path in _side_files(folder.database):
        path.unlink(missing_ok=True)
    shutil.rmtree(folder.artifacts, ignore_errors=True)
    folder.offsets.unlink(missing_ok=True)
    folder.database.unlink(missing_ok=True)


def _create(folder: Folder) -> None:
    """Make the schema aside and rename it into place.

    MLflow cannot repair a schema whose making was interrupted.
    """
    for path in folder.home.glob(f"{folder.database.name}.new-*"):
        path.unlink()
    # A journal left by a deleted database would be replayed into the new one.
    for path in _side_files(folder.database):
        path.unlink(missing_ok=True)
    new = folder.database.with_name(f"{folder.database.name}.new-{uuid.uuid4().hex}")
    new.touch()  # with the rights of any file; SQLite's own shut a group out
    connection = client.connect(f"sqlite:///{new.absolute()}")
    client.name_database(connection)
    connection.delete_experiment("0")  # an empty "Default" would be in the way
    # Its place for files is the working directory, a path of this machine.
    with closing(sqlite3.connect(new)) as file, file:
        file.execute("UPDATE experiments SET artifact_location = 'mlflow-artifacts:/0'")
    new.rename(folder.database)


def _name(path: Path) -> str:
    """The name of the database on disk, read without MLflow."""
    query = "SELECT value FROM experiment_tags WHERE key = ?"
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        row = connection.execute(query, (client.own_tag("database"),)).fetchone()
    return row[0] if row else ""


def _side_files(path: Path) -> list[Path]:
    return [path.with_name(path.name + end) for end in ("-journal", "-wal", "-shm")]
