"""The published sizes, and tiny ones to rehearse with on a processor."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """All sizes of a sitting.

    Attributes:
        frame: height and width, pixels.
        hidden: channels of each slot.
        layers: hidden layers of the decoder.
        batch: sequences in an optimiser step.
        context: observed frames.
        horizon: predicted frames.
        far: predicted frames of the test of length.
        validation: sequences of the validation split.
        tests: sequences of the tests in distribution, of length, and of each velocity.
        widest: largest speed of the test of velocities, pixels per frame.
        rounds: timed steps of each form.
        probe: steps of a trial of a learning rate.
        instalment: steps of an epoch of the published protocol, two epochs of it; None
            for the published ones.
    """

    frame: int = 28
    hidden: int = 128
    layers: int = 4
    batch: int = 32
    context: int = 10
    horizon: int = 10
    far: int = 70
    validation: int = 2000
    tests: tuple[int, int, int] = (10000, 1000, 100)
    widest: int = 4
    rounds: int = 8
    probe: int = 400
    instalment: int | None = None


PUBLISHED = Sizes()
TINY = Sizes(
    hidden=4,
    layers=1,
    batch=2,
    context=3,
    horizon=3,
    far=8,
    validation=4,
    tests=(4, 4, 1),
    rounds=1,
    probe=8,
    instalment=3,
)
