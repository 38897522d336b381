"""Animated figures in place of KTH's people: its six classes, no download.

Twenty-five persons, each with proportions, a tempo and clothes of their own, do each
action twice in each of four scenarios: as usual, with varying scale, in other clothes,
and in dim light. They are bright on black, and walk round a torus.
"""

from __future__ import annotations

import hashlib

import numpy as np
import xarray as xr

from fernn.data.sources import _clips, _figure
from labrun.errors import UserError
from labrun.random_words import words

SCENARIOS, TAKES = (1, 2, 3, 4), (1, 2)
NOISE = 0.04  # of white, its standard deviation
SMALLEST = 12  # pixels of a frame in which limbs are told apart
CITATION = "fernn: drawn by this program, no recording of anybody"


def fetch(size: int = 16, length: int = 40, seed: int = 0) -> xr.Dataset:
    """The 1200 clips as an atlas; needs no network.

    Args:
        size: height and width of a frame, pixels.
        length: frames of a clip.
        seed: of the persons and of what they do.

    Raises:
        UserError: the frame is too small, or a clip has no frame.
    """
    if size < SMALLEST or length < 1:
        raise UserError(
            f"synthetic_actions: size must be at least {SMALLEST} and length 1,"
            f" got {size} and {length}"
        )
    clips: list[np.ndarray] = []
    columns: dict[str, list[int]] = {name: [] for name in _clips.COLUMNS}
    for person in range(1, _clips.PERSONS + 1):
        for label in range(len(_clips.CLASSES)):
            for scenario in SCENARIOS:
                for take in TAKES:
                    clips.append(
                        _clip(seed, person, label, scenario, take, *(size, length))
                    )
                    for name, value in zip(
                        columns, (label, person, scenario), strict=True
                    ):
                        columns[name].append(value)
    content = hashlib.sha256(b"".join(clip.tobytes() for clip in clips)).hexdigest()
    return _clips.build(
        clips,
        columns,
        source=f"synthetic actions ({size}x{size})",
        citation=CITATION,
        sha256={"frames": content},
    )


def _clip(
    seed: int, person: int, label: int, scenario: int, take: int, size: int, length: int
) -> np.ndarray:
    own = _uniform(seed, f"person {person}", 8)
    dress = _uniform(seed, f"person {person} clothes {scenario == 3}", 4)
    drawn = _uniform(seed, f"{person}/{label}/{scenario}/{take}", 6)
    action = _clips.CLASSES[label]
    gait = _figure.GAITS[action]
    time = np.arange(length)
    pace = (0.88 + 0.24 * own[0]) * (0.95 + 0.1 * drawn[0])
    phase = 2 * np.pi * (drawn[1] + time * pace / gait.period)
    height = size * (0.68 + 0.12 * own[1]) * np.ones(length)
    if scenario == 2:  # towards the camera and away
        height = height * (0.94 + 0.12 * np.sin(2 * np.pi * (drawn[2] + time / 48)))
    facing = 1 if take == 1 else -1
    body = _figure.Body(
        height,
        legs=0.9 + 0.2 * own[2],
        girth=0.045 + 0.02 * own[3] + (0.015 if scenario == 3 else 0),
        inks=tuple(0.6 + 0.4 * dress),
        facing=facing,
        vigour=0.9 + 0.2 * own[4],
    )
    drift = facing * gait.drift * pace * height
    row = 0.52 * size + np.zeros(length)
    column = size * drawn[3] + np.cumsum(drift)
    video = _figure.draw(action, body, phase, np.stack([row, column], -1), size)
    light = 0.55 + 0.15 * drawn[4] if scenario == 4 else 1.0
    noise = _uniform(seed, f"{person}/{label}/{scenario}/{take}/noise", video.size)
    speckle = NOISE * 12**0.5 * (noise.reshape(video.shape) - 0.5)
    return np.rint(255 * np.clip(light * video + speckle, 0, 1)).astype(np.uint8)


def _uniform(seed: int, name: str, count: int) -> np.ndarray:
    """Numbers in [0, 1) that are a pure function of their name."""
    return words(seed, name, 0, 0, 1, count)[0] / 2.0**32
