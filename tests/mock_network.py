"""A digit, a video of it, and a FERNN of a few lines with random weights. No torch."""

from __future__ import annotations

import functools
import itertools

import numpy as np

SIZE = 12
GLYPH = """
.####.
....#.
...#..
.####.
..#...
.#....
"""


def digit() -> np.ndarray:
    rows = GLYPH.split()
    frame = np.zeros((SIZE, SIZE), np.float32)
    ink = np.array([[char == "#" for char in row] for row in rows])
    frame[2 : 2 + ink.shape[0], 3 : 3 + ink.shape[1]] = ink
    return frame


def video(frame: np.ndarray, flow: tuple[int, int], count: int) -> np.ndarray:
    moved = [(t * flow[0], t * flow[1]) for t in range(count)]
    return np.stack([np.roll(frame, shift, (0, 1)) for shift in moved])


def convolve(kernel: np.ndarray, signal: np.ndarray) -> np.ndarray:
    """Circular 3x3; kernel (out, in, 3, 3), signal (..., in, row, column)."""
    total = np.zeros((*signal.shape[:-3], len(kernel), SIZE, SIZE), np.float32)
    for i, j in itertools.product(range(3), range(3)):
        rolled = np.roll(signal, (i - 1, j - 1), (-2, -1))
        total += np.einsum("oi,...irc->...orc", kernel[:, :, i, j], rolled)
    return total


class Network:
    """A FERNN with random weights: states per slot, and a free roll-out."""

    def __init__(self, velocities: list[list[int]], seed: int, channels: int = 2):
        rng = np.random.default_rng(seed)
        self.velocities = [tuple(velocity) for velocity in velocities]
        normal = functools.partial(rng.normal, 0, 0.08)
        self.lift = normal(size=(channels, 1, 3, 3)).astype(np.float32)
        self.lift[:, :, 1, 1] += 0.5
        self.recur = normal(size=(channels, channels, 3, 3)).astype(np.float32)
        self.recur[range(channels), range(channels), 1, 1] += 0.7

    def _flow(self, hidden: np.ndarray) -> np.ndarray:
        pairs = zip(hidden, self.velocities, strict=True)
        return np.stack([np.roll(h, v, (-2, -1)) for h, v in pairs])

    def states(self, frames: np.ndarray) -> np.ndarray:
        """(frame, slot, channel, row, column)."""
        slots = len(self.velocities)
        hidden = np.zeros((slots, len(self.lift), SIZE, SIZE), np.float32)
        found = []
        for frame in frames:
            driven = convolve(self.lift, frame[None])
            hidden = self._flow(convolve(self.recur, hidden)) + driven
            hidden = np.maximum(hidden, 0)
            found.append(hidden)
        return np.stack(found)

    def predict(self, hidden: np.ndarray, horizon: int) -> np.ndarray:
        """(frame, row, column), from the state after the last observed frame."""
        frames = []
        for _ in range(horizon):
            hidden = np.maximum(self._flow(convolve(self.recur, hidden)), 0)
            frames.append(hidden.max(axis=0).mean(axis=0))
        return np.stack(frames)
