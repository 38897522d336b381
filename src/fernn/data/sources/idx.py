"""Data sets kept as four idx files: MNIST, Fashion-MNIST, KMNIST, your own."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from fernn.data.sources import _atlas, _files, _idx_format, _limits
from fernn.data.sources._spec import check_keys
from labrun.errors import UserError

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
    check_keys(files, "source idx: files", ROLES)
    for role in ROLES:
        check_keys(files[role], f"source idx: {role}", ["name"], ["sha256"])
        for key, value in files[role].items():
            if not isinstance(value, str) and not (key == "sha256" and value is None):
                raise UserError(f"source idx: {role}: {key} is a text, got {value!r}")
    spec = {"files": files, "label": label, "urls": urls or [], "folder": folder}
    read = {role: _read(role, spec) for role in ROLES}
    arrays = {role: array for role, (array, _) in read.items()}
    _check_sizes(arrays, spec)
    train = _atlas.partition(len(arrays["train_labels"]), {"val": validation})
    test = np.full(len(arrays["test_labels"]), "test")
    images = np.concatenate([arrays["train_images"], arrays["test_images"]])
    images = _atlas.shrink(images, shrink)
    rows, columns = images.shape[1:]
    return _atlas.build(
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
    decode = partial(
        _idx_format.decode,
        dimensions=DIMENSIONS[role.partition("_")[2]],
        checksum=checksum,
    )
    variable = spec["folder"]
    if folder := _limits.own_folder(variable):
        return _files.from_folder(folder, spec["label"], name, decode)
    try:
        return _files.from_mirrors(spec["urls"], name, checksum, decode)
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
