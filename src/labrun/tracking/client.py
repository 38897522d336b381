"""The connection to MLflow, imported late, and the database of a results folder."""

from __future__ import annotations

import logging
import os
import re
import shutil
import sqlite3
import uuid
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from labrun.project import project
from labrun.tracking.folder import Folder


def own_tag(name: str) -> str:
    """The name of a tag by which this project's runs and databases are found."""
    return f"{project().name}.{name}"


def connect(uri: str) -> Any:
    """A client of MLflow, imported only here: it costs seconds."""
    for name, value in settings().items():
        os.environ.setdefault(name, value)
    from mlflow.tracking import MlflowClient
    from mlflow.utils.logging_utils import disable_logging

    disable_logging()
    logging.getLogger("alembic").setLevel(logging.WARNING)
    return MlflowClient(tracking_uri=uri)


def name_database(connection: Any) -> str:
    """The name of a database, given to it once: another one has no offsets."""
    tags = connection.get_experiment("0").tags
    tag = own_tag("database")
    if tag not in tags:
        tags = {tag: uuid.uuid4().hex}
        connection.set_experiment_tag("0", tag, tags[tag])
    return tags[tag]


def settings() -> dict[str, str]:
    """Environment for MLflow: no telemetry or chatter, no call of many minutes."""
    return {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    }


def failures() -> tuple[type[Exception], ...]:
    """The errors of a tracker that is down, hung, locked or damaged."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    return MlflowException, SQLAlchemyError, sqlite3.Error, OSError


def is_rejection(error: Exception) -> bool:
    """Whether MLflow refuses what it was told, rather than being out of reach."""
    return _code(error) == "INVALID_PARAMETER_VALUE"


def is_there_already(error: Exception) -> bool:
    """Whether MLflow refuses to make a thing because another one made it before."""
    return _code(error) == "RESOURCE_ALREADY_EXISTS"


def explain(error: Exception, uri: str) -> str:
    """Why the tracker at an address failed, on one line without passwords.

    A server that does not know the name it is called by refuses every request: then
    the line says how to tell it.
    """
    if "Invalid Host header" in str(error):
        name = urlsplit(public(uri)).netloc
        return (
            f"the server refuses the name {name}; start it with"
            f' --allowed-hosts "{name},localhost:*" (or with this in'
            " MLFLOW_SERVER_ALLOWED_HOSTS), or name it by a private address (10.…,"
            " 192.168.…)"
        )
    return one_line(error)


def one_line(error: Exception) -> str:
    """The beginning of an error's message on one line, without passwords."""
    return public(" ".join(f"{type(error).__name__}: {error}".split()))[:200]


def public(text: str) -> str:
    """A text whose addresses have lost the user and the password before their ``@``."""
    return re.sub(r"(?<=://)[^\s/]*@", "", text)


def _code(error: Exception) -> str | None:
    return getattr(error, "error_code", None)


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
    connection = connect(f"sqlite:///{new.absolute()}")
    name_database(connection)
    connection.delete_experiment("0")  # an empty "Default" would be in the way
    # Its place for files is the working directory, a path of this machine.
    with closing(sqlite3.connect(new)) as file, file:
        file.execute("UPDATE experiments SET artifact_location = 'mlflow-artifacts:/0'")
    new.rename(folder.database)


def _name(path: Path) -> str:
    """The name of the database on disk, read without MLflow."""
    query = "SELECT value FROM experiment_tags WHERE key = ?"
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        row = connection.execute(query, (own_tag("database"),)).fetchone()
    return row[0] if row else ""


def _side_files(path: Path) -> list[Path]:
    return [path.with_name(path.name + end) for end in ("-journal", "-wal", "-shm")]
