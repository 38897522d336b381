"""The connection to MLflow: imported late, silent, and never blocking for minutes."""

from __future__ import annotations

import logging
import os
import sqlite3
import uuid
from typing import Any

TAG = "fernn.database"


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
    if TAG not in tags:
        tags = {TAG: uuid.uuid4().hex}
        connection.set_experiment_tag("0", TAG, tags[TAG])
    return tags[TAG]


def settings() -> dict[str, str]:
    """Environment for MLflow: no telemetry, and no call that blocks for minutes."""
    return {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    }


def failures() -> tuple[type[Exception], ...]:
    """The errors of a tracker that is down, hung, locked or damaged."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    return MlflowException, SQLAlchemyError, sqlite3.Error, OSError


def is_rejection(error: Exception) -> bool:
    """Whether MLflow refuses what it was told, rather than being out of reach."""
    return getattr(error, "error_code", None) == "INVALID_PARAMETER_VALUE"


def one_line(error: Exception) -> str:
    """The beginning of an error's message on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
