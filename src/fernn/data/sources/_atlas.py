"""An atlas of digits, and the one way to divide digits among splits."""

from __future__ import annotations

import json

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


def build(
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
