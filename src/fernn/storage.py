"""Files that are whole or not there: written aside, synced, renamed."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fernn.errors import UserError

if TYPE_CHECKING:
    import xarray as xr


@contextmanager
def atomic(path: Path | str) -> Iterator[Path]:
    """A temporary path beside `path`, renamed to it if the block succeeds.

    The suffix is kept, since writers look at it. A block that fails leaves the old
    file as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex}{path.suffix}")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(text: str, path: Path | str) -> None:
    """Write a text file atomically."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_dataset(dataset: xr.Dataset, path: Path | str) -> None:
    """Write netCDF4 with zlib and fletcher32, so that a damaged byte is noticed."""
    dataset = dataset.drop_encoding()  # else a name is cut to its old file's width
    encoding: dict[str, dict] = {}
    for name, variable in dataset.variables.items():
        if variable.ndim and variable.dtype.kind in "iufb":
            encoding[str(name)] = {"zlib": True, "complevel": 4, "fletcher32": True}
    with atomic(path) as temporary:
        dataset.to_netcdf(temporary, engine="netcdf4", encoding=encoding)


def read_dataset(path: Path | str) -> xr.Dataset:
    """Load a netCDF file whole and close it.

    Raises:
        UserError: the file is missing, truncated or damaged.
    """
    import xarray as xr

    try:
        return xr.load_dataset(path, engine="netcdf4")
    except FileNotFoundError:
        raise UserError(f"no such file: {path}") from None
    except (OSError, RuntimeError) as error:
        raise UserError(f"{path} is damaged or not netCDF: {error}") from None
