"""Rendering: recipes to frames, beside a loop that rolls each digit."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from time import process_time
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from fernn.data.flowing_digits import Sequences
from fernn.training.loop import train
from fernn.videos.rendering import translate
from fernn_bench.demo import Demo
from fernn_bench.meters import interleaved, ratio
from fernn_bench.report import Row
from fernn_bench.steps import LABELS

FASTER = 15  # than the loop
SHARE = 1  # of training, percent
SCALE = 255.0
SEQUENCES = 128  # in a turn, at least


class Scene(NamedTuple):
    """Sizes of a batch of sequences."""

    batch: int
    digits: int
    digit_size: int
    frame_size: int
    frames: int


SCENES = {
    "2 digits, 28×28, 20 frames, batch 128": Scene(128, 2, 28, 28, 20),
    "1 digit, 12×12, 10 frames, batch 8": Scene(8, 1, 8, 12, 10),
}
QUICK = {"2 digits, 7×7, 3 frames, batch 4": Scene(4, 2, 5, 7, 3)}


def rendering(quick: bool) -> Iterator[Row]:
    """Rendering frames.

    Digits in translation, from a recipe to frames, one thread, in batches as in
    training: the paper's sizes and the demo's. The loop it is compared with takes one
    sequence at a time and rolls each digit for each frame; its frames are equal to the
    last bit, which is checked before measuring. Medians over turns. Then the share of
    the demo's training that is rendering, with what draws the recipes of later epochs.
    """
    for name, scene in (QUICK if quick else SCENES).items():
        yield from _compared(name, scene, rounds=1 if quick else 15)
    demo = Demo(sequences=8, validation=8) if quick else Demo()
    for max_speed, label in LABELS.items():
        share = _share(demo, max_speed)
        yield Row(f"{label}, demo: rendering", share, "% of training", at_most=SHARE)


def _compared(name: str, scene: Scene, rounds: int) -> Iterator[Row]:
    drawn = _drawn(scene)
    sizes = (scene.frames, scene.frame_size, SCALE)
    if not torch.equal(translate(*drawn, *sizes), rolled(*drawn, *sizes)):
        raise AssertionError(f"the frames differ from those of the loop: {scene}")
    batches = -(-SEQUENCES // scene.batch)
    calls = {
        "batched": lambda: [translate(*drawn, *sizes) for _ in range(batches)],
        "loop": lambda: [rolled(*drawn, *sizes) for _ in range(batches)],
    }
    times = interleaved(calls, rounds)
    speed = batches * scene.batch / median(times["batched"])
    yield Row(f"{name}: sequences", speed, "1/s")
    yield Row(f"{name}: frames", speed * scene.frames, "1/s")
    slower = ratio(times, "loop", "batched")
    yield Row(f"{name}: loop / batched", slower, "×", at_least=FASTER)


class Timed(Sequences):
    """Sequences that sum the processor time of their rendering."""

    seconds = 0.0

    def video(self, first: int, count: int, frames: int, epoch: int = 0) -> Tensor:
        """See `fernn.videos.base.DigitVideos`."""
        started = process_time()
        made = super().video(first, count, frames, epoch)
        self.seconds += process_time() - started
        return made


def _share(demo: Demo, max_speed: int) -> float:
    """Rendering's part of the processor time of training, percent."""
    splits = [Timed(split.recipe, demo.atlas) for split in demo.splits()]
    model, started = demo.model(max_speed), process_time()
    train(model, splits[0], splits[1], demo.settings)
    spent = process_time() - started
    return 100 * sum(split.seconds for split in splits) / spent


def _drawn(scene: Scene) -> tuple[Tensor, Tensor, Tensor]:
    """Random images, offsets and velocities."""
    draw = torch.Generator().manual_seed(0)
    digit = (scene.batch, scene.digits)
    side = (scene.digit_size, scene.digit_size)
    return (
        torch.randint(256, (*digit, *side), generator=draw, dtype=torch.uint8),
        torch.randint(scene.frame_size, (*digit, 2), generator=draw),
        torch.randint(-2, 3, (*digit, 2), generator=draw),
    )


def rolled(
    digits: Tensor,
    offset: Tensor,
    velocity: Tensor,
    frames: int,
    size: int,
    scale: float,
) -> Float[Tensor, "sample frame 1 height width"]:
    """As `translate`, one roll for every sample, frame and digit."""
    rows, columns = digits.shape[-2:]
    video = torch.zeros(len(digits), frames, 1, size, size)
    for sample, images in enumerate(digits):
        canvas = torch.zeros(len(images), size, size)
        canvas[:, :rows, :columns] = images.float() / scale
        for time in range(frames):
            frame = video[sample, time, 0]
            for digit, image in enumerate(canvas):
                shift = offset[sample, digit] + time * velocity[sample, digit]
                frame += torch.roll(image, shift.tolist(), (0, 1))
            frame.clamp_(max=1)
    return video
