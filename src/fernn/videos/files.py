"""Raw files: from the user's folder, else from the cache, else from a mirror.

Only ordinary files are read, up to one limit, packed or not.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from labrun.errors import UserError
from labrun.storage import atomic

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


Decoded = TypeVar("Decoded")
Decode = Callable[[bytes, str], Decoded]


def from_folder(
    folder: Path, label: str, name: str, decode: Decode[Decoded]
) -> Decoded:
    """Read and decode a file of the user's own folder.

    The sub-folder named as the data set goes first: MNIST and its relatives give
    their files the same names.

    Args:
        folder: where the user keeps data sets.
        label: name of the data set.
        name: name of the file, without ``.gz``.
        decode: makes a value of (bytes, place), or raises UserError.

    Raises:
        UserError: there is no such file, or it is not what it should be.
    """
    for place in (folder / label, folder / label.lower(), folder):
        for path in (place / name, place / f"{name}.gz"):
            if path.exists():
                return decode(read(path), str(path))
    raise UserError(f"{folder} has no {name}[.gz], nor has its sub-folder {label}")


def from_mirrors(
    urls: Sequence[str], name: str, checksum: str | None, decode: Decode[Decoded]
) -> Decoded:
    """Decode a file of the cache, or download it from the first mirror that has it.

    Only what `decode` accepts is returned or kept. What is packed is unpacked in
    memory, up to a limit: no name inside it is ever used.

    Args:
        urls: addresses of folders, tried in turn for `name`.gz.
        name: name of the file, without ``.gz``.
        checksum: names the file in the cache, or the mirrors do if it is None.
        decode: makes a value of (bytes, place), or raises UserError.

    Raises:
        UserError: no mirror had it; each one's reason is told.
    """
    import pooch

    key = checksum or hashlib.sha256("\n".join(urls).encode()).hexdigest()
    cached = Path(pooch.os_cache("fernn")) / f"{key[:16].lower()}-{name}.gz"
    with contextlib.suppress(OSError, UserError):
        return decode(unpacked(cached.read_bytes(), str(cached)), str(cached))
    reasons = []
    for url in urls:
        address = f"{url.rstrip('/')}/{name}.gz"
        try:
            content = _download(address)
            decoded = decode(unpacked(content, address), address)
        except UserError as error:
            reasons.append(str(error))
            continue
        except (OSError, ValueError) as error:
            reasons.append(f"{address}: {_reason(error)}")
            continue
        # A cache that cannot be written costs a download next time, no more.
        with contextlib.suppress(OSError), atomic(cached) as temporary:
            temporary.write_bytes(content)
        return decoded
    raise UserError(f"no mirror gave {name}: {'; '.join(reasons) or 'none is named'}")


def unpacked(content: bytes, where: str) -> bytes:
    """What gzip packed; bytes that are no whole gzip file stay as they are.

    Raises:
        UserError: there are more bytes in it than the limit.
    """
    try:
        return ungzip(content, where)
    except (EOFError, OSError, zlib.error):
        return content


class _Bounded(io.BytesIO):
    """Bytes in memory, at most the limit."""

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > LIMIT:
            raise ValueError(f"more than {LIMIT} bytes")
        return super().write(data)


def _download(address: str) -> bytes:
    import pooch

    content = _Bounded()
    with _progress(address.rpartition("/")[2]) as bar:
        pooch.HTTPDownloader(progressbar=bar, chunk_size=1 << 16)(
            address, content, pooch=None
        )
    return content.getvalue()


@contextlib.contextmanager
def _progress(name: str) -> Iterator[Any]:
    """What pooch takes for a progress bar; False if nobody watches."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if not console.is_terminal:
        yield False
        return
    with Progress(console=console, transient=True) as progress:
        yield _Bar(progress, name)


class _Bar:
    """The four members pooch asks of a progress bar."""

    def __init__(self, progress: Any, name: str):
        self.progress = progress
        self.task = progress.add_task(name, total=None)

    @property
    def total(self) -> int | None:
        return self.progress.tasks[0].total

    @total.setter
    def total(self, size: int) -> None:
        self.progress.update(self.task, total=size or None)

    def update(self, size: int) -> None:
        self.progress.update(self.task, advance=size)

    def reset(self) -> None:
        self.progress.update(self.task, completed=0)

    def close(self) -> None:
        self.progress.stop_task(self.task)


def _reason(error: BaseException) -> str:
    """The status a server gave, or the first cause below the layers of the client."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"HTTP {response.status_code} {response.reason}"
    while cause := error.__cause__ or error.__context__:
        error = cause
    return f"{type(error).__name__}: {error}".splitlines()[0]
