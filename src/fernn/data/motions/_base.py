"""What every motion offers, and where digits start unless it says otherwise."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, UInt64

from labrun.random_words import below

Words = UInt64[np.ndarray, "sample digit *numbers"]
Pairs = Int[np.ndarray, "sample digit 2"]
Changes = Int[np.ndarray, "sample digit change 2"]
Path = Int[np.ndarray, "sample digit frame 2"]


class Room(NamedTuple):
    """Where digits move, and how long.

    Attributes:
        size: height and width of the frame, pixels.
        image: height and width of a digit, pixels.
        digits: how many.
        max_speed: at first, along each axis, pixels per frame.
        frames: how many.
    """

    size: int
    image: tuple[int, int]
    digits: int
    max_speed: int
    frames: int


class Motion(ABC):
    """A digit's path as a function of a few integers.

    Attributes:
        room: where.
        changes: pairs of integers that a digit has beyond its offset and velocity.
        meaning: of these pairs.
        parts: of a pixel that offsets and velocities are whole multiples of.
    """

    changes = 0
    meaning = ""
    parts = 1

    def __init__(self, room: Room):
        self.room = room

    def offsets(self, words: Words) -> Pairs:
        """Where the corners start, from two random numbers each; anywhere."""
        return below(words, self.room.size)

    def velocities(self, words: Words) -> Int[np.ndarray, "sample digit *numbers"]:
        """The first ones, from two random numbers each: uniform in a square."""
        return below(words, 2 * self.room.max_speed + 1) - self.room.max_speed

    def draw_changes(self, words: Words) -> Changes:
        """The pairs that change the motion, from two random numbers each."""
        return self.velocities(words)

    @abstractmethod
    def path(
        self, offset: Pairs, velocity: Pairs, change: Changes, frames: int
    ) -> Path:
        """The corners in frames 0 … `frames` - 1, pixels; a torus takes any integer."""


def integrated(offset: Pairs, steps: Int[np.ndarray, "sample digit step 2"]) -> Path:
    """Positions from the steps between them; one more than steps."""
    return np.cumsum(np.concatenate([offset[:, :, None], steps], axis=2), axis=2)
