"""The slots of V laid out over rows and columns."""

from __future__ import annotations

from collections.abc import Sequence

from fernn.flows import Velocity


def slot_axes(
    velocities: Sequence[Velocity],
) -> tuple[list[int], list[int], list[tuple[int, int]]]:
    """The sorted speeds along rows and columns, and each slot's place among them."""
    rows = sorted({velocity[0] for velocity in velocities})
    columns = sorted({velocity[1] for velocity in velocities})
    return rows, columns, [(rows.index(a), columns.index(b)) for a, b in velocities]
