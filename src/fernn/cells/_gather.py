"""Reading a state from where its slots' velocities put it, channels last in memory.

A step calls these a few dozen times, so they are torch's own operations: a pattern of
axes would cost as much as a small copy.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from fernn.flows import Frame, Velocity

WORD = 16  # bytes of the largest number that torch copies


def sources(
    velocities: Sequence[Velocity], frame: Frame, margin: int, shared: bool = False
) -> Int[Tensor, " rows"]:
    """For each slot and padded pixel, the row of the flattened state it comes from.

    Args:
        velocities: the shift of each slot, pixels.
        frame: height and width, pixels.
        margin: width of the wrapped border, pixels.
        shared: the state has one slot, which every shift reads.
    """
    height, width = frame
    down = torch.arange(-margin, height + margin)
    along = torch.arange(-margin, width + margin)
    tables = []
    for slot, (rows, columns) in enumerate(velocities):
        row, column = (down - rows) % height, (along - columns) % width
        first = 0 if shared else slot * height * width
        tables.append((first + row[:, None] * width + column).flatten())
    return torch.cat(tables)


def opposite(velocities: Sequence[Velocity]) -> list[Velocity]:
    """The velocities that undo these."""
    return [tuple(-component for component in velocity) for velocity in velocities]


def gather(
    state: Float[Tensor, "batch slot height width hidden"],
    table: Int[Tensor, " rows"],
    slots: int,
    margin: int = 0,
) -> Float[Tensor, "batch velocity tall wide hidden"]:
    """Read rows of `hidden` numbers from the places a table of `sources` names."""
    batch, _, height, width, hidden = state.shape
    rows = _select(state.flatten(1, 3), table)
    return rows.view(batch, slots, height + 2 * margin, width + 2 * margin, hidden)


def _select(rows: Tensor, table: Int[Tensor, " rows"]) -> Tensor:
    """The rows of each sample that a table names; the same bits on every device.

    A GPU moves a number per thread, so it is given the largest there are, 16 bytes.
    """
    wide = WORD // rows.element_size()
    if rows.device.type != "cuda" or rows.shape[-1] % wide:
        return rows.index_select(1, table)
    words = rows.view(torch.complex128).index_select(1, table)
    return words.view(rows.dtype)


def images(
    state: Float[Tensor, "batch velocity height width hidden"],
) -> Float[Tensor, "sample hidden height width"]:
    """Slots as images, channels last in memory: a view."""
    return state.flatten(0, 1).permute(0, 3, 1, 2)


def slots_of(
    images: Float[Tensor, "sample hidden height width"], batch: int
) -> Float[Tensor, "batch velocity height width hidden"]:
    """The inverse of `images`: a view."""
    return images.permute(0, 2, 3, 1).unflatten(0, (batch, -1))


def pixels_last(
    state: Float[Tensor, "batch velocity hidden height width"],
) -> Float[Tensor, "batch velocity height width hidden"]:
    """The state with its channels last in memory; no copy if they are already."""
    return state.permute(0, 1, 3, 4, 2).contiguous()


def channels_third(
    state: Float[Tensor, "batch velocity height width hidden"],
) -> Float[Tensor, "batch velocity hidden height width"]:
    """The inverse of `pixels_last`: a view."""
    return state.permute(0, 1, 4, 2, 3)
