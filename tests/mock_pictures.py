"""Small cubes of frames: of a digit that moves, of what is predicted, of hidden states.

Hidden states are those of a linear recurrence that is equivariant.
"""

from __future__ import annotations

import itertools

import numpy as np
import xarray as xr

from mock_cubes import (
    CLIPS,
    CONTEXT,
    HORIZON,
    LEVEL,
    MODELS,
    SEEDS,
    SIZE,
    TRAINED,
    attrs,
)

GLYPH = """
.####.
....#.
...#..
.####.
..#...
.#....
"""


def digit() -> np.ndarray:
    ink = np.array([[char == "#" for char in row] for row in GLYPH.split()])
    frame = np.zeros((SIZE, SIZE), np.float32)
    frame[2 : 2 + ink.shape[0], 3 : 3 + ink.shape[1]] = ink
    return frame


def video(frame: np.ndarray, flow: tuple[int, int], count: int) -> np.ndarray:
    moved = [(t * flow[0], t * flow[1]) for t in range(count)]
    return np.stack([np.roll(frame, shift, (0, 1)) for shift in moved])


def rollouts(**changes) -> xr.Dataset:
    flows = [(1, 2), (-2, 1)]
    count, last = CONTEXT + 7 * HORIZON, 7 * HORIZON
    rng = np.random.default_rng(4)
    truth = np.stack([video(digit(), flow, count) for flow in flows])
    shape = (len(TRAINED), 2, *truth.shape)
    prediction = np.full(shape, np.nan, np.float32)
    near = [*itertools.product((-1, 0, 1), repeat=2)]
    for i, name in enumerate(TRAINED):
        seen = truth[:, CONTEXT:]
        soft = np.mean([np.roll(seen, shift, (-2, -1)) for shift in near], axis=0)
        grow = 1 - np.exp(-np.arange(1, last + 1) * LEVEL[name])[:, None, None]
        noise = rng.normal(0, LEVEL[name], (2, *seen.shape))
        prediction[i, :, :, CONTEXT:] = seen + 1.5 * grow * (soft - seen) + noise
    dims = ("sample", "frame", "row", "column")
    return xr.Dataset(
        {
            "truth": (dims, truth),
            "prediction": (("model", "seed", *dims), prediction),
        },
        coords={
            "model": TRAINED,
            "seed": [0, 1],
            "sample": [0, 1],
            "frame": np.arange(1 - CONTEXT, last + 1),
        },
        attrs=attrs("rollouts", **changes),
    )


def hidden_state(flow: tuple[int, int] = (0, 1), **changes) -> xr.Dataset:
    """Slot ν holds h ← 0.7 ψ(ν) h + x: it is moved and permuted as the theorem says."""
    videos = np.stack([video(digit(), f, CONTEXT) for f in ((0, 0), flow)])
    shape = (len(TRAINED), 1, 2, 5, 5, CONTEXT, SIZE, SIZE)
    hidden = np.full(shape, np.nan, np.float32)
    for i, name in enumerate(TRAINED):
        for m, (row, column) in itertools.product(range(2), MODELS[name]["velocities"]):
            state = np.zeros((SIZE, SIZE))
            for t, frame in enumerate(videos[m]):
                state = 0.7 * np.roll(state, (row, column), (0, 1)) + frame
                hidden[i, 0, m, row + 2, column + 2, t] = state
    dims = ("model", "seed", "motion", "slot_rows", "slot_columns")
    return xr.Dataset(
        {
            "hidden": ((*dims, "frame", "row", "column"), hidden),
            "video": (("motion", "frame", "row", "column"), videos),
        },
        coords={
            "model": TRAINED,
            "seed": [0],
            "motion": ["still", "moving"],
            "slot_rows": range(-2, 3),
            "slot_columns": range(-2, 3),
            "frame": np.arange(1 - CONTEXT, 1),
        },
        attrs=attrs("hidden_state", **changes)
        | {"flow_rows": flow[0], "flow_columns": flow[1]},
    )


def footage(**changes) -> xr.Dataset:
    """Two clips at two velocities, of three frames."""
    films = np.stack([video(digit(), (0, step), 3) for step in (0, 0, 2, 2)])
    return xr.Dataset(
        {"video": (("sample", "frame", "row", "column"), films)},
        coords={
            "model": TRAINED,
            "seed": list(SEEDS),
            "label": ("sample", [0, 1, 0, 1]),
            "velocity_rows": ("sample", [0, 0, 0, 0]),
            "velocity_columns": ("sample", [0, 0, 2, 2]),
        },
        attrs=attrs("footage", experiment="actions", **CLIPS) | changes,
    )
