"""Atlases: the digits or clips that recipes point into, divided among splits."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from jaxtyping import Shaped, UInt8

from labrun.errors import UserError

SEED = 0


def partition(
    count: int, held_out: dict[str, int], seed: int = SEED
) -> Shaped[np.ndarray, " digit"]:
    """The split of each of `count` digits: those held out at random, else ``train``.

    The permutation sorts raw Philox words: NumPy promises that stream for good, and
    promises nothing of the kind for ``Generator.permutation``.

    Args:
        count: number of digits.
        held_out: number of digits of every split but ``train``.
        seed: key of the permutation.

    Raises:
        UserError: nothing would be left for training.
    """
    wanted = sum(held_out.values())
    if min(held_out.values()) < 0 or wanted >= count:
        raise UserError(f"cannot hold out {held_out} of {count} training digits")
    order = np.argsort(np.random.Philox(key=seed).random_raw(count), kind="stable")
    split = np.full(count, "train")
    start = 0
    for name, size in held_out.items():
        split[order[start : start + size]] = name
        start += size
    return split


def shrink(
    image: UInt8[np.ndarray, "digit row column"], factor: int
) -> UInt8[np.ndarray, "digit small_row small_column"]:
    """Means over `factor` x `factor` pixels, rounded half up.

    Raises:
        UserError: the factor does not divide the size.
    """
    digits, rows, columns = image.shape
    if factor < 1 or rows % factor or columns % factor:
        raise UserError(f"`shrink` {factor} does not divide {rows}x{columns} pixels")
    blocks = image.reshape(
        digits, rows // factor, factor, columns // factor, factor
    ).sum(axis=(2, 4), dtype=np.uint32)
    area = factor**2
    return ((2 * blocks + area) // (2 * area)).astype(np.uint8)


def of_digits(
    image: UInt8[np.ndarray, "digit row column"],
    label: UInt8[np.ndarray, " digit"],
    split: Shaped[np.ndarray, " digit"],
    *,
    scale: int,
    source: str,
    citation: str,
    sha256: dict[str, str],
) -> xr.Dataset:
    """The atlas.

    Args:
        image: grey levels.
        label: class of each digit.
        split: ``train``, ``val`` or ``test`` for each digit.
        scale: grey level of full ink.
        source: what figures call these digits.
        citation: whom to cite, under which licence.
        sha256: of what was read, by name.

    Raises:
        UserError: a label does not fit in int8.
    """
    if label.size and label.max() > np.iinfo(np.int8).max:
        raise UserError(f"{source}: labels run to {label.max()}; at most 127 is stored")
    ink = {"units": "1", "long_name": "ink, from 0 to `scale`", "scale": scale}
    return xr.Dataset(
        {"image": (("digit", "row", "column"), image, ink)},
        coords={
            "label": ("digit", label.astype(np.int8), {"long_name": "class"}),
            "split": ("digit", split, {"long_name": "split the digit belongs to"}),
        },
        attrs={
            "source": source,
            "citation": citation,
            "sha256": json.dumps(sha256),
            "split_seed": SEED,
        },
    )


CLASSES = ("boxing", "handclapping", "handwaving", "jogging", "running", "walking")
# Persons 1-16 to train on, 17-20 to validate, 21-25 to test, as the paper has it.
TRAINED, VALIDATED, PERSONS = 16, 20, 25
CLIP_COLUMNS = {
    "label": (np.int8, "class, a place in `classes`"),
    "person": (np.int8, "who is seen"),
    "scenario": (np.int8, "d1 … d4: outdoors, scale varies, other clothes, indoors"),
}


def split_of(person: int) -> str:
    """The split that all clips of a person belong to."""
    if person <= TRAINED:
        return "train"
    return "val" if person <= VALIDATED else "test"


def of_clips(
    clips: Sequence[UInt8[np.ndarray, "_ row column"]],
    columns: Mapping[str, Sequence[int]],
    *,
    source: str,
    citation: str,
    sha256: Mapping[str, str],
    classes: Sequence[str] = CLASSES,
) -> xr.Dataset:
    """The atlas: the frames of all clips in a row, and where each clip begins.

    Args:
        clips: grey levels, 255 is white; of one size, and of any length.
        columns: ``label``, ``person`` (from 1) and ``scenario`` (from 1) of each.
        source: what figures call these clips.
        citation: whom to cite, under which licence.
        sha256: of what was read, by name.
        classes: the names that labels count.

    Raises:
        UserError: there is no clip.
    """
    if not clips:
        raise UserError(f"{source}: there is no clip")
    length = np.array([len(clip) for clip in clips], np.int32)
    first = np.concatenate([[0], np.cumsum(length)[:-1]]).astype(np.int32)
    table = {
        name: ("clip", np.array(columns[name], kind), {"long_name": meaning})
        for name, (kind, meaning) in CLIP_COLUMNS.items()
    }
    splits = np.array([split_of(person) for person in columns["person"]])
    grey = {"units": "1", "long_name": "grey level, from 0 to `scale`", "scale": 255}
    return xr.Dataset(
        {"image": (("frame", "row", "column"), np.concatenate(clips), grey)},
        coords={
            **table,
            "first": ("clip", first, {"long_name": "its first frame in the atlas"}),
            "length": ("clip", length, {"units": "frame"}),
            "split": ("clip", splits, {"long_name": "split the person belongs to"}),
        },
        attrs={
            "source": source,
            "citation": citation,
            "sha256": json.dumps(dict(sha256)),
            "classes": json.dumps(list(classes)),
        },
    )
