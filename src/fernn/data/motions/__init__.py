"""How digits move when their velocity changes; one module a kind of motion.

Each offers ``build(room, **options) -> Motion``; the options are those of the data's
``motion:``. Positions are whole pixels, so that frames are rendered exactly.
"""

from __future__ import annotations

from typing import Any

from fernn.data.motions._base import Motion, Room
from labrun.modules import load

__all__ = ["Motion", "Room", "build"]


def build(spec: dict[str, Any], room: Room) -> Motion:
    """The motion a specification names, ``{"kind": ..., **options}``, in a room."""
    options = dict(spec)
    return load("fernn.data.motions", options.pop("kind")).build(room, **options)
