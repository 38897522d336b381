"""Data sets kept as four idx files: MNIST, Fashion-MNIST, KMNIST, your own."""

from __future__ import annotations

import hashlib
import math
import zlib
from collections.abc import Iterable
from functools import partial
from typing import Any, NoReturn

import numpy as np
import xarray as xr

from fernn.videos import atlas
from fernn.videos import files as raw_files
from fernn.videos.files import ungzip
from labrun.errors import UserError, nearest

UNSIGNED_BYTES = 0x08
DIMENSIONS = {"images": 3, "labels": 1}
ROLES = [f"{part}_{what}" for part in ("train", "test") for what in DIMENSIONS]


def fetch(
    files: dict[str, Any],
    label: str,
    validation: int,
    urls: list[str] | None = None,
    shrink: int = 1,
    folder: str = "FERNN_DATA",
    citation: str | None = None,
) -> xr.Dataset:
    """The atlas: validation digits drawn from the training part, test as published.

    Args:
        files: for train_images, train_labels, test_images and test_labels the ``name``
            without .gz and the ``sha256`` of the uncompressed bytes, or None.
        label: of the data set.
        validation: number of digits.
        urls: mirrors, tried in turn.
        shrink: means over ``shrink × shrink`` pixels.
        folder: the environment variable that names the user's folder; if it is set,
            nothing is downloaded.
        citation: of the data set.

    Raises:
        UserError: a file is missing, not to be had, or not what it should be.
    """
    _check_keys(files, "source idx: files", ROLES)
    for role in ROLES:
        _check_keys(files[role], f"source idx: {role}", ["name"], ["sha256"])
        for key, value in files[role].items():
            if not isinstance(value, str) and not (key == "sha256" and value is None):
                raise UserError(f"source idx: {role}: {key} is a text, got {value!r}")
    spec = {"files": files, "label": label, "urls": urls or [], "folder": folder}
    read = {role: _read(role, spec) for role in ROLES}
    arrays = {role: array for role, (array, _) in read.items()}
    _check_sizes(arrays, spec)
    train = atlas.partition(len(arrays["train_labels"]), {"val": validation})
    test = np.full(len(arrays["test_labels"]), "test")
    images = np.concatenate([arrays["train_images"], arrays["test_images"]])
    images = atlas.shrink(images, shrink)
    rows, columns = images.shape[1:]
    return atlas.of_digits(
        images,
        np.concatenate([arrays["train_labels"], arrays["test_labels"]]),
        np.concatenate([train, test]),
        scale=255,
        source=f"{label} ({rows}x{columns})",
        citation=citation or label,
        sha256={files[role]["name"]: read[role][1] for role in ROLES},
    )


def _read(role: str, spec: dict) -> tuple[np.ndarray, str]:
    """The array of one file and its checksum."""
    file = spec["files"][role]
    name, checksum = file["name"].removesuffix(".gz"), file.get("sha256")
    read = partial(
        decode,
        dimensions=DIMENSIONS[role.partition("_")[2]],
        checksum=checksum,
    )
    variable = spec["folder"]
    if folder := raw_files.own_folder(variable):
        return raw_files.from_folder(folder, spec["label"], name, read)
    try:
        return raw_files.from_mirrors(spec["urls"], name, checksum, read)
    except UserError as error:
        names = ", ".join(spec["files"][role]["name"] for role in ROLES)
        way_out = f"set {variable} to a folder with {names} (.gz or not)"
        raise UserError(f"{error}; {way_out}") from None


def _check_sizes(arrays: dict[str, np.ndarray], spec: dict) -> None:
    name = {role: spec["files"][role]["name"] for role in ROLES}
    for part in ("train", "test"):
        images, labels = f"{part}_images", f"{part}_labels"
        expected, found = len(arrays[images]), len(arrays[labels])
        if expected != found:
            raise UserError(
                f"{name[labels]}: expected {expected} labels, as many as"
                f" {name[images]} has images, found {found}"
            )
    expected, found = (arrays[f"{part}_images"].shape[1:] for part in ("train", "test"))
    if expected != found:
        raise UserError(
            f"{name['test_images']}: expected images of {expected} pixels, as in"
            f" {name['train_images']}, found {found}"
        )


def decode(
    content: bytes, where: str, dimensions: int, checksum: str | None
) -> tuple[np.ndarray, str]:
    """The array in an idx file of unsigned bytes.

    Args:
        content: bytes of the file, compressed by gzip or not.
        where: path or address, for messages.
        dimensions: 1 for labels, 3 for images.
        checksum: SHA-256 of the uncompressed bytes; None is not checked.

    Returns:
        The array (uint8) and the SHA-256 of the uncompressed bytes.

    Raises:
        UserError: what was expected and what was found, in one line.
    """
    raw = _unpack(content, where)
    magic = bytes([0, 0, UNSIGNED_BYTES, dimensions])
    if raw[:4] != magic:
        _refuse(where, f"magic 0x{magic.hex()}", f"0x{raw[:4].hex()}")
    start = 4 + 4 * dimensions
    sizes = np.frombuffer(raw[4:start].ljust(start - 4, b"\0"), ">u4").tolist()
    size = start + math.prod(sizes)
    shape = "x".join(map(str, sizes))
    if 0 in sizes and len(raw) == size:
        _refuse(where, "sizes of at least 1", shape)
    if len(raw) != size:
        _refuse(where, f"{size} bytes ({shape})", f"{len(raw)} bytes")
    found = hashlib.sha256(raw).hexdigest()
    if checksum is not None and found != checksum.lower():
        _refuse(where, f"SHA-256 {checksum}", found)
    return np.frombuffer(raw, np.uint8, offset=start).reshape(sizes), found


def _unpack(content: bytes, where: str) -> bytes:
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        return ungzip(content, where)
    except (EOFError, OSError, zlib.error) as error:
        found = f"{len(content)} bytes that are not ({error})"
        _refuse(where, "a whole gzip file", found)


def _refuse(where: str, expected: str, found: str) -> NoReturn:
    raise UserError(f"{where}: expected {expected}, found {found}")


def _check_keys(
    spec: dict, where: str, required: Iterable[str], optional: Iterable[str] = ()
) -> None:
    """Refuse a missing or an unknown key.

    Raises:
        UserError: the key and its place are told.
    """
    required, optional = list(required), list(optional)
    for key in spec:
        if key not in required + optional:
            hint = nearest(str(key), required + optional)
            raise UserError(f"{where}: unknown key {key!r}; {hint}")
    for key in required:
        if key not in spec:
            raise UserError(f"{where}: key {key!r} is missing")
