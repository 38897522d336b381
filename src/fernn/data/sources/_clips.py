"""An atlas of clips: people who do one of a few things, told apart by person."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from jaxtyping import UInt8

from labrun.errors import UserError

CLASSES = ("boxing", "handclapping", "handwaving", "jogging", "running", "walking")
# Persons 1-16 to train on, 17-20 to validate, 21-25 to test, as the paper has it.
TRAINED, VALIDATED, PERSONS = 16, 20, 25
COLUMNS = {
    "label": (np.int8, "class, a place in `classes`"),
    "person": (np.int8, "who is seen"),
    "scenario": (np.int8, "d1 … d4: outdoors, scale varies, other clothes, indoors"),
}


def split(person: int) -> str:
    """The split that all clips of a person belong to."""
    if person <= TRAINED:
        return "train"
    return "val" if person <= VALIDATED else "test"


def build(
    clips: Sequence[UInt8[np.ndarray, "_ row column"]],
    columns: Mapping[str, Sequence[int]],
    *,
    source: str,
    citation: str,
    sha256: Mapping[str, str],
) -> xr.Dataset:
    """The atlas: the frames of all clips in a row, and where each clip begins.

    Args:
        clips: grey levels, 255 is white; of one size, and of any length.
        columns: ``label``, ``person`` (from 1) and ``scenario`` (from 1) of each.
        source: what figures call these clips.
        citation: whom to cite, under which licence.
        sha256: of what was read, by name.

    Raises:
        UserError: there is no clip.
    """
    if not clips:
        raise UserError(f"{source}: there is no clip")
    length = np.array([len(clip) for clip in clips], np.int32)
    first = np.concatenate([[0], np.cumsum(length)[:-1]]).astype(np.int32)
    table = {
        name: ("clip", np.array(columns[name], kind), {"long_name": meaning})
        for name, (kind, meaning) in COLUMNS.items()
    }
    splits = np.array([split(person) for person in columns["person"]])
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
            "classes": json.dumps(CLASSES),
        },
    )
