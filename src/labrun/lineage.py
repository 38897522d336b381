"""What an artefact was made from: commit, version, inputs with their SHA-256."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import subprocess
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

from labrun.errors import UserError
from labrun.project import project


def sha256(path: Path | str) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(identity: dict[str, Any]) -> str:
    """The SHA-256 of all that a result is a function of."""
    text = json.dumps(identity, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


@functools.cache
def commit() -> str:
    """The commit of the sources, with ``+changes`` if files differ, or ``unknown``."""
    here = project().sources
    git = ["git", "-C", str(here)]
    try:
        head = subprocess.run(
            [*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        )
        changed = subprocess.run(
            [*git, "status", "--porcelain", "--untracked-files=no", "--", str(here)],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.stdout.strip() + ("+changes" if changed.stdout.strip() else "")


def _version() -> str:
    """The installed version; ``unknown`` of a source tree that is not installed."""
    try:
        return metadata.version(project().name)
    except metadata.PackageNotFoundError:
        return "unknown"


def stamp(inputs: Iterable[Path | str]) -> dict:
    """The lineage of an artefact made from these files.

    Returns:
        ``{"commit", "version", "inputs": {path: sha256}}``, paths relative to the
        working directory, so that a results folder can be moved.

    Raises:
        UserError: one of them is missing.
    """
    try:
        hashes = {
            Path(os.path.relpath(path)).as_posix(): sha256(path) for path in inputs
        }
    except FileNotFoundError as error:
        raise UserError(f"no such file: {error.filename}") from None
    return {
        "commit": commit(),
        "version": _version(),
        "inputs": dict(sorted(hashes.items())),
    }
