"""Articulated figures on a torus: persons, how their limbs stand, and their picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

# In heights of the body.
THIGH, SHIN, TRUNK, UPPER_ARM, FOREARM, NECK = 0.24, 0.24, 0.3, 0.17, 0.16, 0.1
SHOULDER = 0.07  # half of their distance, seen from the front
EDGE = 0.5  # pixels over which a limb fades
SIDES = (1, -1)

Track = Float[np.ndarray, " frame"]


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


class Limb(NamedTuple):
    """An arm or a leg in each frame, radians."""

    angle: Track  # of its upper part, from hanging
    bend: Track  # of its joint


@dataclass(frozen=True)
class Pose:
    """How a figure stands in each frame.

    Attributes:
        legs: of each of the `SIDES`.
        arms: of each of the `SIDES`; a bend adds to the angle.
        lean: of the trunk, radians.
        frontal: whether it is seen from the front, with the shoulders apart.
    """

    legs: Sequence[Limb]
    arms: Sequence[Limb]
    lean: Track
    frontal: bool


def draw(
    pose: Pose, body: Body, place: Float[np.ndarray, "frame 2"], size: int
) -> Float[np.ndarray, "frame size size"]:
    """The figure on a torus of ``size × size`` pixels, grey levels from 0 to 1.

    Args:
        pose: how it stands.
        body: whose figure it is.
        place: the hip's (row, column), pixels.
        size: height and width of the frame.
    """
    limbs, radius, inks = _limbs(pose, body)
    limbs = limbs * body.height[:, None, None, None] + place[:, None, None, :]
    radius = radius * body.height[:, None]
    image = np.zeros((len(place), size * size))
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


def _limbs(pose: Pose, body: Body) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ends of the limbs about the hip (frame, limb, end, 2), radii, inks."""
    hip = np.zeros((len(pose.lean), 2))
    neck = hip - TRUNK * (2 - body.legs) * _direction(pose.lean)
    parts = [(hip, neck, 1.5, 0)]
    for side, leg, arm in zip(SIDES, pose.legs, pose.arms, strict=True):
        knee = hip + THIGH * body.legs * _direction(leg.angle)
        ankle = knee + SHIN * body.legs * _direction(leg.angle - leg.bend)
        parts += [(hip, knee, 1, 2), (knee, ankle, 1, 2)]
        apart = np.array([0.0, SHOULDER * side if pose.frontal else 0.0])
        shoulder = neck + apart
        elbow = shoulder + UPPER_ARM * _direction(arm.angle)
        hand = elbow + FOREARM * _direction(arm.angle + arm.bend)
        parts += [(shoulder, elbow, 0.9, 1), (elbow, hand, 0.9, 1)]
    crown = neck - NECK * _direction(pose.lean)
    parts.append((crown, crown, 1.8, 3))
    limbs = np.stack([np.stack(part[:2], 1) for part in parts], 1)
    limbs[..., 1] *= body.facing
    radius = np.array([[part[2] * body.girth for part in parts]])
    inks = np.array([body.inks[part[3]] for part in parts])
    return limbs, np.broadcast_to(radius, limbs.shape[:2]), inks


def _direction(angle: np.ndarray) -> np.ndarray:
    """(rows down, columns right) at an angle from straight down, radians."""
    return np.stack([np.cos(angle), np.sin(angle)], -1)
