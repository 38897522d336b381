"""Files that are whole or not there: written aside, synced, renamed."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labrun.errors import Damaged, UserError
from labrun.lease import require_held
from labrun.lineage import sha256
from labrun.project import project

if TYPE_CHECKING:
    import xarray as xr


FULL = (errno.ENOSPC, errno.EDQUOT)  # errors of a disk or a quota without room
CHECKSUM = "checksum"  # of a record in JSON
DIGEST = 64  # characters of a SHA-256 in hexadecimal


@contextmanager
def atomic(path: Path | str, size: int = 0) -> Iterator[Path]:
    """A temporary path beside `path`, renamed to it if the block succeeds.

    The suffix is kept, since writers look at it. A block that fails leaves the old
    file as it was.

    Args:
        path: of the file.
        size: bytes it needs, if that is known; told when the disk is full.

    Raises:
        UserError: the disk, or the quota, is full.
        LeaseLost: another process makes this file now.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex}{path.suffix}")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        require_held()
        temporary.replace(path)
    except Exception as error:
        if not _is_full(temporary):  # libraries say it in words of their own
            raise
        written = temporary.stat().st_size if temporary.exists() else 0
        need = f"{size} bytes" if size else f"more than {written} bytes"
        raise UserError(
            f"{path}: the disk is full; {need} are needed, and nothing is lost: free"
            " some and run the same command"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _is_full(path: Path) -> bool:
    """Whether not even a small file can be written beside."""
    probe = path.with_name(f".probe.{uuid.uuid4().hex}")
    try:
        with probe.open("wb") as file:
            file.write(bytes(65536))
            os.fsync(file.fileno())
    except OSError as error:
        return error.errno in FULL
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)
    return False


def write_bytes(content: bytes, path: Path | str) -> None:
    """Write a file atomically."""
    with atomic(path, len(content)) as temporary:
        temporary.write_bytes(content)


def write_text(text: str, path: Path | str) -> None:
    """Write a text file atomically."""
    write_bytes(text.encode(), path)


def write_json(record: Mapping[str, Any], path: Path | str) -> None:
    """Write a record atomically, with a checksum of what it says."""
    record = {**record, CHECKSUM: _checksum(record)}
    write_text(json.dumps(record, indent=1, allow_nan=False) + "\n", path)


def read_json(path: Path | str, **needed: type) -> dict[str, Any]:
    """A record that `write_json` wrote; one of an earlier version has no checksum.

    Args:
        path: of the file.
        needed: keys that it must have, and the type of each value.

    Raises:
        UserError: there is no such file.
        Damaged: it is no JSON, lacks something, or is not what was written.
    """
    try:
        record = json.loads(Path(path).read_bytes().decode("utf-8"))
    except FileNotFoundError:
        raise UserError(f"no such file: {path}") from None
    except (ValueError, RecursionError) as error:
        raise Damaged(path, f"no whole JSON ({str(error).splitlines()[0]})") from None
    if not isinstance(record, dict):
        raise Damaged(path, f"a record is needed, found {type(record).__name__}")
    written = record.pop(CHECKSUM, None)
    if written is not None and written != _checksum(record):
        raise Damaged(path, "what it says is not what was written")
    for key, kind in needed.items():
        if not isinstance(record.get(key), kind):
            raise Damaged(path, f"its {key} is missing or of another kind")
    return record


def _checksum(record: Mapping[str, Any]) -> str:
    """Of what JSON makes of it: keys are text there."""
    plain = json.loads(json.dumps(record))
    text = json.dumps(plain, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def write_dataset(
    dataset: xr.Dataset,
    path: Path | str,
    groups: Mapping[str, xr.Dataset] | None = None,
) -> None:
    """Write netCDF4 with zlib, and behind it the SHA-256 of all its bytes.

    HDF5's own checksums leave names, attributes and small variables unguarded; what
    lies behind the file's end is nothing to it.

    Args:
        dataset: the file's root.
        path: of the file.
        groups: more of them in the same file, by name.
    """
    parts = {None: dataset, **(groups or {})}
    with atomic(path, sum(part.nbytes for part in parts.values())) as temporary:
        for name, part in parts.items():
            part = part.drop_encoding()  # else a name is cut to its old file's width
            encoding = {
                str(each): {"zlib": True, "complevel": 4, "fletcher32": True}
                for each, variable in part.variables.items()
                if variable.ndim and variable.dtype.kind in "iufb"
            }
            part.to_netcdf(
                temporary,
                mode="a" if name else "w",
                group=name,
                engine="netcdf4",
                encoding=encoding,
            )
        with temporary.open("ab") as file:
            file.write(_seal() + sha256(temporary).encode("ascii"))


def read_dataset(path: Path | str, group: str | None = None) -> xr.Dataset:
    """Load a netCDF file whole, or a group of it, and close it.

    Raises:
        UserError: the file or the group is missing or cannot be read.
        Damaged: it is truncated, or its bytes are not those that were written.
    """
    import xarray as xr

    with _reading(Path(path), group):
        return xr.load_dataset(path, engine="netcdf4", group=group)


def read_datasets(path: Path | str, group: str) -> dict[str, xr.Dataset]:
    """Load all groups within a group of a netCDF file, in the order of their writing.

    Raises:
        UserError: the file or the group is missing or cannot be read.
        Damaged: it is truncated, or its bytes are not those that were written.
    """
    import netCDF4
    import xarray as xr
    from xarray.backends import NetCDF4DataStore

    with _reading(Path(path), group), netCDF4.Dataset(path) as file:
        if group not in file.groups:
            raise UserError(f"{path} has no {group!r}")
        found = file[group].groups.items()
        stores = {name: NetCDF4DataStore(part) for name, part in found}
        return {name: xr.open_dataset(store).load() for name, store in stores.items()}


@contextmanager
def _reading(path: Path, group: str | None) -> Iterator[None]:
    """Tell what is wrong with a netCDF file; its seal is looked at beforehand."""
    try:
        _check_seal(path)
        yield
    except FileNotFoundError:
        raise UserError(f"no such file: {path}") from None
    except (OSError, RuntimeError) as error:
        number = getattr(error, "errno", None)
        if isinstance(number, str):  # xarray's way to name the file
            raise UserError(f"{path} has no {group!r}") from None
        if number and number > 0:  # the system's
            raise UserError(f"{path} cannot be read: {error}") from None
        raise Damaged(path, f"no whole netCDF file ({error})") from None


def _seal() -> bytes:
    """What follows a netCDF file's own bytes, where readers stop, before the digest."""
    return f"\n{project().name} sha256 ".encode("ascii")


def _check_seal(path: Path) -> None:
    """Raise `Damaged` if a sealed file's bytes are not those that were sealed."""
    content, begin = memoryview(path.read_bytes()), _seal()
    place = -len(begin) - DIGEST
    body, seal = content[:place], bytes(content[place:])
    digest = hashlib.sha256(body).hexdigest().encode("ascii")
    if seal.startswith(begin) and seal != begin + digest:
        raise Damaged(path, "its bytes are not those that were written")
