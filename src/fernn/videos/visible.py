"""Since when a window has not shown what moves through a torus."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Int

NEVER = -1


def since_seen(
    corner: Int[np.ndarray, "sample frame 2"],
    velocity: Int[np.ndarray, "sample mover 2"],
    context: int,
    size: int,
    world: int,
) -> Int[np.ndarray, "sample mover later height width"]:
    r"""For each pixel of later frames, how long what is there has not been seen.

    What moves by :math:`\nu` and is at pixel x of frame t was in frame s at

    .. math:: x + p_t - p_s - (t - s) \nu

    of the window, whose corner is :math:`p`; it was seen if that is within the window.

    Args:
        corner: of the window in every frame, pixels.
        velocity: of what may move, pixels per frame.
        context: frames that count as seen; those after them are told of.
        size: side of the window.
        world: of the torus.

    Returns:
        Frames since the last one that showed it; `NEVER` if none did.
    """
    later = np.arange(context, corner.shape[1])
    shape = (*velocity.shape[:2], len(later), size, size)
    found = np.full(shape, NEVER)
    for seen in range(context):
        since = (later - seen)[:, None]
        apart = (corner[:, context:] - corner[:, [seen]])[:, None]
        apart = apart - since * velocity[:, :, None]
        place = np.arange(size) + apart[..., None]
        rows, columns = np.moveaxis(place % world < size, -2, 0)
        both = rows[..., :, None] & columns[..., None, :]
        found = np.where(both, since[..., None], found)
    return found


def of_what_is_shown(
    ages: Int[Any, "sample mover later height width"],
    covers: Bool[Any, "sample digit later height width"],
) -> tuple[
    Int[np.ndarray, "sample later height width"],
    Bool[np.ndarray, "sample later height width"],
]:
    """The age of what each pixel shows, and whether that is a digit.

    Args:
        ages: of the background, which is the first mover, and of each digit.
        covers: whether a digit covers the pixel; of several the newest counts.
    """
    largest = np.iinfo(ages.dtype).max
    digits = np.where(ages[:, 1:] == NEVER, largest, ages[:, 1:])
    newest = np.where(covers, digits, largest).min(1)
    ink = covers.any(1)
    found = np.where(ink, np.where(newest == largest, NEVER, newest), ages[:, 0])
    return found, ink
