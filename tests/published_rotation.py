"""The published rotation network, written anew from its equations, in float64.

Every kernel is evaluated at turned coordinates, every frame sampled pixel by pixel; no
line is shared with the project. State: (velocity, orientation, row, column), one hidden
channel.
"""

import functools
import math

import numpy as np

GROUP, SIZE, VELOCITIES = 8, 5, (-45, 0, 45)
RING = {0: (0.0, 0.005), 1: (1.0, 0.4)}  # radius and width of each
PARTS = [(0, 0, 0), (0, 1, 0), (1, 1, 0), (1, 1, 1), (2, 1, 0), (2, 1, 1)]
NEAR = [(rows, columns) for rows in (-1, 0, 1) for columns in (-1, 0, 1)]


def weight(*place):
    """Numbers that no symmetry relates."""
    return math.sin(1 + 1.7 * place[0] + 0.9 * sum(place[1:]) ** 2) / 3


def frames(count):
    grid = np.arange(count * SIZE * SIZE, dtype=float).reshape(count, SIZE, SIZE)
    return np.abs(np.sin(0.3 * grid**1.1))


def function(part, rows, columns, turn):
    """A ring times a circular harmonic of the angle, turned; not normalised."""
    order, ring, phase = PARTS[part]
    if ring == 1 and (rows, columns) == (0, 0):
        return 0.0  # what the centre's own function spans already
    middle, width = RING[ring]
    radius = math.hypot(rows, columns)
    angle = math.atan2(-rows, columns) - turn
    wave = math.sin if phase else math.cos
    return math.exp(-((radius - middle) ** 2) / (2 * width**2)) * wave(order * angle)


def norm(part):
    """Of both phases of a function together."""
    order, ring, _ = PARTS[part]
    pair = [at for at, each in enumerate(PARTS) if each[:2] == (order, ring)]
    total = sum(function(at, *u, 0.0) ** 2 for at in pair for u in NEAR)
    return math.sqrt(total)


@functools.cache
def kernel(numbers, turn):
    """Three by three, of a weight for each function, turned."""
    return np.array([
        sum(w * function(at, *u, turn) / norm(at) for at, w in enumerate(numbers))
        for u in NEAR
    ]).reshape(3, 3)  # fmt: skip


def correlate(frame, filters):
    padded = np.pad(frame, 1)
    return sum(
        filters[1 + rows, 1 + columns]
        * padded[1 + rows : 1 + rows + SIZE, 1 + columns : 1 + columns + SIZE]
        for rows, columns in NEAR
    )


def turned(frame, degrees):
    """Counter-clockwise about the centre, bilinear, zero beyond the border."""
    found, middle = np.zeros_like(frame), (SIZE - 1) / 2
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    for row, column in np.ndindex(frame.shape):
        up, right = middle - row, column - middle
        row_from = middle - (cos * up - sin * right)
        column_from = middle + (cos * right + sin * up)
        top, left = math.floor(row_from), math.floor(column_from)
        for r, c in (
            (top, left),
            (top, left + 1),
            (top + 1, left),
            (top + 1, left + 1),
        ):
            if 0 <= r < SIZE and 0 <= c < SIZE:
                share = (1 - abs(r - row_from)) * (1 - abs(c - column_from))
                found[row, column] += share * frame[r, c]
    return found


def act(state, degrees):
    """Frames turn, and orientation s becomes that of s plus the turn's steps."""
    moved = np.roll(state, degrees * GROUP // 360, axis=0)
    return np.array([turned(frame, degrees) for frame in moved])


def convolved(state):
    r"""h ⋆ W at the orientation s: the sum over r of κ_{r-s}, turned by s, on h(r)."""
    found = np.zeros_like(state)
    for s, r in np.ndindex(GROUP, GROUP):
        numbers = tuple(weight(at, (r - s) % GROUP) for at in range(6))
        found[s] += correlate(state[r], kernel(numbers, 2 * math.pi * s / GROUP))
    return found


def lifted(frame):
    numbers = tuple(weight(at, 0, 2) for at in range(6))
    turns = [2 * math.pi * s / GROUP for s in range(GROUP)]
    return np.array([correlate(frame, kernel(numbers, turn)) for turn in turns])


def decoded(pooled):
    """One ordinary layer of 3×3 kernels from all orientations to a frame."""
    found = np.zeros((SIZE, SIZE))
    for s in range(GROUP):
        filters = np.array([weight(s, at, 1) for at in range(9)]).reshape(3, 3)
        found += correlate(pooled[s], filters)
    return found


def predicted(video, horizon):
    """The last observed frame is fed twice, then the predictions are."""
    state = np.zeros((len(VELOCITIES), GROUP, SIZE, SIZE))
    found, fed = [], [*video, video[-1]]
    for time in range(len(video) + horizon):
        drive = lifted(fed[time])
        pairs = zip(state, VELOCITIES, strict=True)
        moved = [convolved(act(slot, degrees)) for slot, degrees in pairs]
        state = np.maximum(np.array(moved) + drive, 0)
        if time >= len(video):
            found.append(decoded(state.max(0)))
            fed.append(found[-1])
    return np.array(found)
