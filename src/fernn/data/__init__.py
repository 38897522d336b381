"""Digits and the sequences made from them."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

Draw = Literal["sampled", "grid", "flowed"]  # how the velocities of a set are chosen


class Split(TypedDict):
    """What a recipe is of: options that all kinds of data have.

    Attributes:
        split: the recipe's name; with the seed it decides what is drawn.
        pool: of the atlas: train, val or test.
        draw: how velocities are chosen: sampled, grid or flowed, of those that the kind
            has.
        seed: of the data.
        sequences: how many; for a grid of each velocity, for flowed under each flow.
        frames: how many the sequences have.
        frame_size: height and width of a frame, pixels.
    """

    split: str
    pool: str
    draw: str
    seed: int
    sequences: int
    frames: int
    frame_size: int


def specified(kind: str, split: Split, **own: Any) -> dict[str, Any]:
    """What a recipe keeps of how it was asked for, in one order.

    Args:
        kind: of data.
        split: what the recipe is of.
        own: the kind's own options.

    Raises:
        TypeError: a key of `split` is missing, or it has another.
    """
    names = list(Split.__annotations__)
    if split.keys() != {*names}:
        wrong = sorted(split.keys() ^ {*names})
        raise TypeError(f"{kind}: missing or unexpected: {', '.join(wrong)}")
    return {"kind": kind, **{name: split[name] for name in names}, **own}
