"""Animated figures in place of people on video, no download.

Twenty-five persons, each with proportions, a tempo and clothes of their own, do each
action twice in each of four scenarios: as usual, with varying scale, in other clothes,
and in dim light. They are bright on black, on a torus.
"""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr
from jaxtyping import UInt8

from fernn.data.sources._actions import ACTIONS, Action
from fernn.data.sources._figures import Body, Track, draw
from fernn.videos import atlas
from labrun.errors import UserError, require_known
from labrun.random_words import words

Actions = Literal["kth", "ordered"]
SCENARIOS, TAKES = (1, 2, 3, 4), (1, 2)
NOISE = 0.04  # of white, its standard deviation
SMALLEST = 12  # pixels of a frame in which limbs are told apart
CITATION = "fernn: drawn by this program, no recording of anybody"


@dataclass(frozen=True)
class Take:
    """Who does which action (a place in the list), where, and which time."""

    person: int
    label: int
    scenario: int
    number: int


def fetch(
    size: int = 16, length: int = 40, seed: int = 0, actions: Actions = "kth"
) -> xr.Dataset:
    """The 1200 clips as an atlas; needs no network.

    Args:
        size: height and width of a frame, pixels.
        length: frames of a clip.
        seed: of the persons and of what they do.
        actions: ``kth``, its six classes; or ``ordered``, three pairs of classes that
            share every frame and differ only in the order of the frames.

    Raises:
        UserError: the frame is too small, a clip has no frame, or the actions are
            unknown.
    """
    if size < SMALLEST or length < 1:
        raise UserError(
            f"synthetic_actions: size must be at least {SMALLEST} and length 1,"
            f" got {size} and {length}"
        )
    require_known("actions", actions, ACTIONS)
    shown = ACTIONS[actions]
    persons, labels = range(1, atlas.PERSONS + 1), range(len(shown))
    takes = [
        Take(*each) for each in itertools.product(persons, labels, SCENARIOS, TAKES)
    ]
    clips = [_clip(seed, take, shown[take.label], size, length) for take in takes]
    content = hashlib.sha256(b"".join(clip.tobytes() for clip in clips)).hexdigest()
    return atlas.of_clips(
        clips,
        {name: [getattr(take, name) for take in takes] for name in atlas.CLIP_COLUMNS},
        source=f"synthetic actions ({size}x{size})",
        citation=CITATION,
        sha256={"frames": content},
        classes=[action.name for action in shown],
    )


def _clip(
    seed: int, take: Take, action: Action, size: int, length: int
) -> UInt8[np.ndarray, "frame row column"]:
    if action.reverse_of is not None:
        label, forwards = action.reverse_of
        take = Take(take.person, label, take.scenario, take.number)
        return _clip(seed, take, forwards, size, length)[::-1]
    name = f"{take.person}/{take.label}/{take.scenario}/{take.number}"
    drawn = _uniform(seed, name, 6)
    own = _uniform(seed, f"person {take.person}", 8)
    time = np.arange(length)
    pace = (0.88 + 0.24 * own[0]) * (0.95 + 0.1 * drawn[0])
    phase = 2 * np.pi * (drawn[1] + time * pace / action.period)
    height = size * (0.68 + 0.12 * own[1]) * action.scale(phase)
    if take.scenario == 2:  # towards the camera and away
        height = height * (0.94 + 0.12 * np.sin(2 * np.pi * (drawn[2] + time / 48)))
    body = _body(seed, take, own, height)
    drift = body.facing * action.drift * pace * height
    row = 0.52 * size + np.zeros(length)
    column = size * drawn[3] + np.cumsum(drift)
    pose = action.pose(phase, body.vigour)
    video = draw(pose, body, np.stack([row, column], -1), size)
    light = 0.55 + 0.15 * drawn[4] if take.scenario == 4 else 1.0
    noise = _uniform(seed, f"{name}/noise", video.size)
    speckle = NOISE * 12**0.5 * (noise.reshape(video.shape) - 0.5)
    return np.rint(255 * np.clip(light * video + speckle, 0, 1)).astype(np.uint8)


def _body(seed: int, take: Take, own: np.ndarray, height: Track) -> Body:
    other_clothes = take.scenario == 3
    dress = _uniform(seed, f"person {take.person} clothes {other_clothes}", 4)
    return Body(
        height,
        legs=0.9 + 0.2 * own[2],
        girth=0.045 + 0.02 * own[3] + (0.015 if other_clothes else 0),
        inks=tuple(0.6 + 0.4 * dress),
        facing=1 if take.number == 1 else -1,
        vigour=0.9 + 0.2 * own[4],
    )


def _uniform(seed: int, name: str, count: int) -> np.ndarray:
    """Numbers in [0, 1) that are a pure function of their name."""
    return words(seed, name, 0, 0, 1, count)[0] / 2.0**32
