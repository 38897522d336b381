"""What a synthetic figure does: KTH's actions, and pairs that differ in order only.

The two actions of a pair are each other's time reversal. They share every frame, so
that no model which ignores the order of the frames can tell them apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from fernn.data.sources._figures import SIDES, Limb, Pose, Track

RISING = 0.8  # share of a period in which a sawtooth rises; it falls in the rest


@dataclass(frozen=True)
class Action:
    """One class of clips.

    Attributes:
        name: of the class.
        period: of the movement in frames, of an average person. Tempos are about those
            of people at 25 frames a second, as KTH was filmed.
        pose: from phases in radians and a vigour to how the figure stands.
        drift: body heights a frame that the figure walks.
        scale: factor of the height at a phase.
        reverse_of: the action that this one shows backwards, and its place in the list.
    """

    name: str
    period: float
    pose: Callable[[Track, float], Pose]
    drift: float = 0.0
    scale: Callable[[Track], Track] = np.ones_like
    reverse_of: tuple[int, Action] | None = None


@dataclass(frozen=True)
class Gait:
    """Legs and arms that swing, seen from the side; amplitudes and bends in radians."""

    swing: float
    knee: float
    arm: float
    elbow: float
    lean: float

    def __call__(self, phase: Track, vigour: float) -> Pose:
        legs = [
            Limb(
                side * self.swing * vigour * np.sin(phase),
                self.knee * vigour * np.clip(side * np.cos(phase), 0, None),
            )
            for side in SIDES
        ]
        arms = [
            Limb(-side * self.arm * vigour * np.sin(phase), self.elbow + 0 * phase)
            for side in SIDES
        ]
        return Pose(legs, arms, self.lean * vigour + 0 * phase, frontal=False)


def _stand(
    phase: Track, vigour: float, swing: float, arms: list[Limb], frontal: bool = True
) -> Pose:
    still = np.zeros_like(phase)
    legs = [Limb(side * swing * vigour + still, still) for side in SIDES]
    return Pose(legs, arms, still, frontal)


def _box(phase: Track, vigour: float) -> Pose:
    arms = []
    for side in SIDES:
        thrust = np.clip(side * np.sin(phase), 0, None) * vigour
        arms.append(Limb(0.5 + 1.0 * thrust, 1.9 * (1 - np.clip(thrust, 0, 1))))
    return _stand(phase, vigour, 0.25, arms, frontal=False)


def _clap(phase: Track, vigour: float) -> Pose:
    open_ = 0.5 + 0.5 * np.sin(phase)
    arms = [
        Limb(side * (0.35 + 0.9 * vigour * open_), side * (1.0 - 2.2 * (1 - open_)))
        for side in SIDES
    ]
    return _stand(phase, vigour, 0.12, arms)


def _wave(phase: Track, vigour: float) -> Pose:
    open_ = 0.5 + 0.5 * np.sin(phase)
    arms = [
        Limb(side * (1.2 + 1.5 * vigour * open_), side * 0.3 + 0 * phase)
        for side in SIDES
    ]
    return _stand(phase, vigour, 0.12, arms)


def _raise(phase: Track, vigour: float) -> Pose:
    """Both arms from the hips to overhead; they return four times as fast."""
    angle = 0.2 + 2.6 * min(vigour, 1.0) * sawtooth(phase)
    return _stand(phase, vigour, 0.12, [Limb(s * angle, 0 * phase) for s in SIDES])


def _bow(phase: Track, vigour: float) -> Pose:
    """The trunk leans forwards, seen from the side; it returns four times as fast."""
    arms = [Limb(0.2 * side + 0 * phase, 0.3 + 0 * phase) for side in SIDES]
    pose = _stand(phase, vigour, 0.12, arms, frontal=False)
    return replace(pose, lean=1.4 * vigour * sawtooth(phase))


def _hang(phase: Track, vigour: float) -> Pose:
    arms = [Limb(side * 0.3 * vigour + 0 * phase, 0 * phase) for side in SIDES]
    return _stand(phase, vigour, 0.12, arms)


def _nearer(phase: Track) -> Track:
    return 0.65 + 0.45 * sawtooth(phase)


def sawtooth(phase: Track) -> Track:
    """From 0 to 1 and back to 0 in each period, slowly up and fast down."""
    part = np.mod(phase / (2 * np.pi), 1.0)
    return np.where(part < RISING, part / RISING, (1 - part) / (1 - RISING))


def _pairs(*actions: tuple[Action, str]) -> tuple[Action, ...]:
    """Each action, and after it the name that its time reversal has."""
    found: list[Action] = []
    for action, backwards in actions:
        reverse = replace(action, name=backwards, reverse_of=(len(found), action))
        found += [action, reverse]
    return tuple(found)


ACTIONS = {
    "kth": (
        Action("boxing", 16.0, _box),
        Action("handclapping", 14.0, _clap),
        Action("handwaving", 22.0, _wave),
        Action("jogging", 18.0, Gait(0.6, 1.0, 0.6, 1.5, 0.1), 0.025),
        Action("running", 14.0, Gait(0.95, 1.5, 1.0, 1.6, 0.3), 0.045),
        Action("walking", 24.0, Gait(0.42, 0.35, 0.4, 0.2, 0.0), 0.015),
    ),
    "ordered": _pairs(
        (Action("raising", 26.0, _raise), "lowering"),
        (Action("bowing", 22.0, _bow), "straightening"),
        (Action("approaching", 30.0, _hang, scale=_nearer), "retreating"),
    ),
}
