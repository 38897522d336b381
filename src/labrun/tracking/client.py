"""The connection to MLflow: imported late, silent, and never blocking for minutes."""

from __future__ import annotations

import logging
import os
import re
import sqlite3
import uuid
from typing import Any
from urllib.parse import urlsplit

from labrun.project import project


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
