"""What of a user's files is read: ordinary ones, up to one limit, packed or not."""

from __future__ import annotations

import gzip
import io
import os
from pathlib import Path

from labrun.errors import UserError

LIMIT = 2**30  # bytes of a file, packed or unpacked; the largest known has half


def own_folder(variable: str) -> Path | None:
    """The user's folder that an environment variable names; None if it is not set.

    Raises:
        UserError: it begins with the home of a user that does not exist.
    """
    named = os.environ.get(variable)
    if not named:
        return None
    try:
        return Path(named).expanduser()
    except RuntimeError as error:
        raise UserError(f"{variable} {named!r}: {error}") from None


def read(path: Path) -> bytes:
    """The bytes of an ordinary file.

    Raises:
        UserError: it is something else, such as a pipe, or larger than `LIMIT`.
    """
    require_ordinary(path)
    size = path.stat().st_size
    if size > LIMIT:
        raise UserError(f"{path}: has {size} bytes, more than {LIMIT}")
    return path.read_bytes()


def require_ordinary(path: Path) -> None:
    """Refuse what is no file: reading a pipe or a device may never end.

    Raises:
        UserError: it is a pipe, a device or a folder.
    """
    if path.exists() and not path.is_file():
        raise UserError(f"{path}: is no ordinary file")


def ungzip(content: bytes, where: str) -> bytes:
    """What gzip packed, at most `LIMIT` bytes.

    Raises:
        UserError: there are more.
        EOFError, OSError, zlib.error: it is no whole gzip file.
    """
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
        raw = file.read(LIMIT + 1)
    if len(raw) > LIMIT:
        raise UserError(f"{where}: unpacks to more than {LIMIT} bytes")
    return raw
