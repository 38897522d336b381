"""The lineage that an artefact carries, read without torch or matplotlib."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from labrun.errors import UserError

# What netCDF, JSON, PNG and PDF readers raise on a damaged file.
DAMAGE = (
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True)
class Record:
    """What a file records of its making; all empty if it records nothing."""

    commit: str = ""
    version: str = ""
    inputs: dict[str, str] = field(default_factory=dict)
    source: str = ""
    sha256: str = ""


def read(path: Path) -> Record:
    """The record inside an artefact or, for a checkpoint, in the file next to it.

    Raises:
        UserError: the file cannot be read, or what should be a lineage is none.
    """
    reader = READERS.get(path.suffix)
    if reader is None:
        return Record()
    try:
        return reader(path)
    except DAMAGE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{path}: its lineage cannot be read: {reason}") from None


def _record(lineage: str | dict | None, source: str = "", sha256: str = "") -> Record:
    if isinstance(lineage, str):
        lineage = json.loads(lineage)
    if lineage is None:
        return Record(source=source, sha256=sha256)
    if not isinstance(lineage, dict) or not isinstance(lineage.get("inputs"), dict):
        raise ValueError("there are no `inputs` in it")
    commit, version = (str(lineage.get(key, "")) for key in ("commit", "version"))
    return Record(commit, version, lineage["inputs"], source, sha256)


def _cube(path: Path) -> Record:
    import netCDF4

    with netCDF4.Dataset(path) as dataset:
        attributes = {name: dataset.getncattr(name) for name in dataset.ncattrs()}
    source = "" if "lineage" in attributes else str(attributes.get("source", ""))
    return _record(attributes.get("lineage"), source=source)


def _checkpoint(path: Path) -> Record:
    sidecar = json.loads(path.with_name(path.name + ".json").read_text("utf-8"))
    return _record(sidecar["lineage"], sha256=sidecar.get("sha256", ""))


def _json(path: Path) -> Record:
    content = json.loads(path.read_text("utf-8"))
    return _record(content.get("lineage") if isinstance(content, dict) else None)


def _table(path: Path) -> Record:
    """The JSON after the last ``lineage:``, whatever marks a comment around it."""
    _, found, rest = path.read_text("utf-8").rpartition("lineage: {")
    if not found:
        return Record()
    return _record(json.JSONDecoder().raw_decode("{" + rest)[0])


def _csv(path: Path) -> Record:
    """Its own or, since ours carry none, that of the Markdown beside it."""
    own, beside = _table(path), path.with_suffix(".md")
    return own if own.inputs or not beside.is_file() else _table(beside)


def _png(path: Path) -> Record:
    from PIL import Image

    with Image.open(path) as image:
        image.load()
        return _record(image.info.get("lineage"))


def _pdf(path: Path) -> Record:
    """The JSON in the keywords; other people's keywords are no lineage."""
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    logging.getLogger("pypdf").setLevel(logging.ERROR)  # one line is said of damage
    try:
        text = (PdfReader(path, strict=True).metadata or {}).get("/Keywords", "")
    except PyPdfError as error:
        raise ValueError(str(error)) from None
    return _record(text) if text.startswith("{") else Record()


READERS: dict[str, Callable[[Path], Record]] = {
    ".nc": _cube,
    ".pt": _checkpoint,
    ".json": _json,
    ".csv": _csv,
    ".md": _table,
    ".html": _table,
    ".tex": _table,
    ".png": _png,
    ".pdf": _pdf,
}
