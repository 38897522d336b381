"""An articulated figure: poses of six actions, drawn as rounded limbs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

# In heights of the body.
THIGH, SHIN, TRUNK, UPPER_ARM, FOREARM, NECK = 0.24, 0.24, 0.3, 0.17, 0.16, 0.1
SHOULDER = 0.07  # half of their distance, seen from the front
EDGE = 0.5  # pixels over which a limb fades

Track = Float[np.ndarray, " frame"]


@dataclass(frozen=True)
class Gait:
    """How legs and arms swing: amplitudes and bends in radians, period in frames."""

    period: float
    swing: float = 0.0
    knee: float = 0.0
    arm: float = 0.0
    elbow: float = 0.0
    lean: float = 0.0
    drift: float = 0.0  # body heights a frame


GAITS = {
    "boxing": Gait(8, swing=0.25),
    "handclapping": Gait(7, swing=0.12),
    "handwaving": Gait(11, swing=0.12),
    "jogging": Gait(9, 0.6, 1.0, 0.6, 1.5, 0.1, 0.05),
    "running": Gait(7, 0.95, 1.5, 1.0, 1.6, 0.3, 0.09),
    "walking": Gait(12, 0.42, 0.35, 0.4, 0.2, 0.0, 0.03),
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


def _distance(
    limb: Float[np.ndarray, "frame 2 2"], size: int
) -> Float[np.ndarray, "frame pixel"]:
    """Of every pixel to a limb, the short way round the torus."""
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


def _direction(angle: Track) -> Float[np.ndarray, "frame 2"]:
    """(rows down, columns right) at an angle from straight down, radians."""
    return np.stack([np.cos(angle), np.sin(angle)], -1)
