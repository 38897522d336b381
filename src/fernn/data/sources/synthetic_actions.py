"""Animated figures in place of KTH's people: its six classes, no download.

Twenty-five persons, each with proportions, a tempo and clothes of their own, do each
action twice in each of four scenarios: as usual, with varying scale, in other clothes,
and in dim light. They are bright on black, and walk round a torus.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import xarray as xr
from jaxtyping import Float

from fernn.videos import atlas
from labrun.errors import UserError
from labrun.random_words import words

SCENARIOS, TAKES = (1, 2, 3, 4), (1, 2)
NOISE = 0.04  # of white, its standard deviation
SMALLEST = 12  # pixels of a frame in which limbs are told apart
CITATION = "fernn: drawn by this program, no recording of anybody"


# In heights of the body.
THIGH, SHIN, TRUNK, UPPER_ARM, FOREARM, NECK = 0.24, 0.24, 0.3, 0.17, 0.16, 0.1
SHOULDER = 0.07  # half of their distance, seen from the front
EDGE = 0.5  # pixels over which a limb fades

Track = Float[np.ndarray, " frame"]


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
    columns: dict[str, list[int]] = {name: [] for name in atlas.CLIP_COLUMNS}
    for person in range(1, atlas.PERSONS + 1):
        for label in range(len(atlas.CLASSES)):
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
    return atlas.of_clips(
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
    action = atlas.CLASSES[label]
    gait = GAITS[action]
    time = np.arange(length)
    pace = (0.88 + 0.24 * own[0]) * (0.95 + 0.1 * drawn[0])
    phase = 2 * np.pi * (drawn[1] + time * pace / gait.period)
    height = size * (0.68 + 0.12 * own[1]) * np.ones(length)
    if scenario == 2:  # towards the camera and away
        height = height * (0.94 + 0.12 * np.sin(2 * np.pi * (drawn[2] + time / 48)))
    facing = 1 if take == 1 else -1
    body = Body(
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
    video = draw(action, body, phase, np.stack([row, column], -1), size)
    light = 0.55 + 0.15 * drawn[4] if scenario == 4 else 1.0
    noise = _uniform(seed, f"{person}/{label}/{scenario}/{take}/noise", video.size)
    speckle = NOISE * 12**0.5 * (noise.reshape(video.shape) - 0.5)
    return np.rint(255 * np.clip(light * video + speckle, 0, 1)).astype(np.uint8)


def _uniform(seed: int, name: str, count: int) -> np.ndarray:
    """Numbers in [0, 1) that are a pure function of their name."""
    return words(seed, name, 0, 0, 1, count)[0] / 2.0**32


@dataclass(frozen=True)
class Gait:
    """How legs and arms swing: amplitudes and bends in radians, period in frames.

    Tempos are about those of people at 25 frames a second, as KTH was filmed.
    """

    period: float
    swing: float = 0.0
    knee: float = 0.0
    arm: float = 0.0
    elbow: float = 0.0
    lean: float = 0.0
    drift: float = 0.0  # body heights a frame


GAITS = {
    "boxing": Gait(16.0, swing=0.25),
    "handclapping": Gait(14.0, swing=0.12),
    "handwaving": Gait(22.0, swing=0.12),
    "jogging": Gait(18.0, 0.6, 1.0, 0.6, 1.5, 0.1, 0.025),
    "running": Gait(14.0, 0.95, 1.5, 1.0, 1.6, 0.3, 0.045),
    "walking": Gait(24.0, 0.42, 0.35, 0.4, 0.2, 0.0, 0.015),
}


@dataclass(frozen=True)
class Body:
    """Who is drawn, and how.

    Attributes:
        height: pixels.
        legs: length of the legs, 1 is usual; the trunk makes up for it.
        girth: radius of the limbs in heights.
        inks: grey levels from 0 to 1 of trunk, arms, legs and head.
        facing: 1 to the right, -1 to the left.
        vigour: amplitude of all movements, 1 is usual.
    """

    height: Track
    legs: float
    girth: float
    inks: tuple[float, float, float, float]
    facing: int
    vigour: float


def draw(
    action: str,
    body: Body,
    phase: Track,
    place: Float[np.ndarray, "frame 2"],
    size: int,
) -> Float[np.ndarray, "frame size size"]:
    """The figure doing something, on a torus of ``size × size`` pixels.

    Args:
        action: a name in `GAITS`.
        body: who does it.
        phase: of the movement, radians.
        place: the hip's (row, column), pixels.
        size: height and width of the frame.
    """
    limbs, radius, inks = _limbs(action, body, phase)
    limbs = limbs * body.height[:, None, None, None] + place[:, None, None, :]
    radius = radius * body.height[:, None]
    image = np.zeros((len(phase), size * size))
    for limb, wide, ink in zip(limbs.swapaxes(0, 1), radius.T, inks, strict=True):
        cover = np.clip(EDGE + wide[:, None] - _distance(limb, size), 0, 1)
        np.maximum(image, ink * cover, out=image)
    return image.reshape(-1, size, size)


def _distance(limb: np.ndarray, size: int) -> np.ndarray:
    """(frame, pixel): to a limb (frame, end, 2), the short way round the torus."""
    place = np.arange(size)
    middle, half = limb.mean(1), (limb[:, 1] - limb[:, 0]) / 2
    row, column = (
        (place - middle[:, [axis]] + size / 2) % size - size / 2 for axis in (0, 1)
    )
    row, column = row[:, :, None], column[:, None, :]
    down, right = half[:, 0, None, None], half[:, 1, None, None]
    squared = np.maximum(down**2 + right**2, 1e-9)
    part = np.clip((row * down + column * right) / squared, -1, 1)
    apart = np.sqrt((row - part * down) ** 2 + (column - part * right) ** 2)
    return apart.reshape(len(limb), -1)


def _limbs(
    action: str, body: Body, phase: Track
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ends of the limbs about the hip (frame, limb, end, 2), radii, inks."""
    gait, still = GAITS[action], np.zeros_like(phase)
    vigour = body.vigour
    frontal = action in ("handclapping", "handwaving")
    lean = gait.lean * vigour + still
    hip = np.zeros((len(phase), 2))
    trunk = TRUNK * (2 - body.legs)
    neck = hip - trunk * _direction(lean)
    parts = [(hip, neck, 1.5, 0)]
    for side in (1, -1):
        swing = side * gait.swing * vigour * (np.ones_like(phase) if frontal else 1)
        bend = still
        if gait.drift:
            swing = side * gait.swing * vigour * np.sin(phase)
            bend = gait.knee * vigour * np.clip(side * np.cos(phase), 0, None)
        swing = swing + still
        knee = hip + THIGH * body.legs * _direction(swing)
        ankle = knee + SHIN * body.legs * _direction(swing - bend)
        parts += [(hip, knee, 1, 2), (knee, ankle, 1, 2)]
        upper, elbow = _arm(action, gait, vigour, phase, side)
        apart = np.array([0.0, SHOULDER * side if frontal else 0.0])
        shoulder = neck + apart
        joint = shoulder + UPPER_ARM * _direction(upper)
        hand = joint + FOREARM * _direction(upper + elbow)
        parts += [(shoulder, joint, 0.9, 1), (joint, hand, 0.9, 1)]
    crown = neck - NECK * _direction(lean)
    parts.append((crown, crown, 1.8, 3))
    limbs = np.stack([np.stack(part[:2], 1) for part in parts], 1)
    limbs[..., 1] *= body.facing
    radius = np.array([[part[2] * body.girth for part in parts]])
    inks = np.array([body.inks[part[3]] for part in parts])
    return limbs, np.broadcast_to(radius, limbs.shape[:2]), inks


def _arm(
    action: str, gait: Gait, vigour: float, phase: Track, side: int
) -> tuple[Track, Track]:
    """Angle of an upper arm from hanging, and the bend of its elbow."""
    if action == "boxing":
        thrust = np.clip(side * np.sin(phase), 0, None) * vigour
        return 0.5 + 1.0 * thrust, 1.9 * (1 - np.clip(thrust, 0, 1))
    open_ = 0.5 + 0.5 * np.sin(phase)
    if action == "handclapping":
        return side * (0.35 + 0.9 * vigour * open_), side * (1.0 - 2.2 * (1 - open_))
    if action == "handwaving":
        return side * (1.2 + 1.5 * vigour * open_), side * 0.3 + 0 * phase
    swing = -side * gait.arm * vigour * np.sin(phase)
    return swing, gait.elbow + 0 * phase


def _direction(angle: np.ndarray) -> np.ndarray:
    """(rows down, columns right) at an angle from straight down, radians."""
    return np.stack([np.cos(angle), np.sin(angle)], -1)
