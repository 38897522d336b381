"""A window that moves over a world: where it is, what it writes and what it shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from fernn.cells import check_video
from fernn.flows import Frame, Size, frame_of
from fernn.models._options import check_horizon
from fernn.models.persistence import roll
from labrun.errors import UserError

CHANNELS = 1  # of a frame
Video = Float[Tensor, "batch time 1 height width"]
Actions = Int[Tensor, "batch steps 2"]
Corners = Int[Tensor, "batch frames 2"]
Corner = Int[Tensor, "batch 2"]


@dataclass(frozen=True)
class Window:
    """A window into a torus.

    Attributes:
        size: its height and width, pixels.
        world: those of the torus.

    Raises:
        UserError: it is larger than the torus.
    """

    size: Frame
    world: Frame

    @classmethod
    def of(cls, size: Size, world: Size) -> Window:
        """A window of sides in pixels; raises as the class."""
        return cls(frame_of(size), frame_of(world))

    def __post_init__(self):
        if any(side > whole for side, whole in zip(self.size, self.world, strict=True)):
            raise UserError(
                f"a window of {_sides(self.size)} pixels is larger than its world of"
                f" {_sides(self.world)} (world)"
            )

    def check(
        self, video: Any, horizon: int, actions: Any, weight: Tensor | None = None
    ) -> None:
        """Refuse what does not fit the window, or each other.

        Args:
            video: the observed frames.
            horizon: how many are predicted.
            actions: the agent's steps between all of these frames.
            weight: of the model, whose type and device the frames have.

        Raises:
            UserError: frames of another size, type or device, none at all, or other
                actions than one whole step between any two frames.
        """
        check_video(video, CHANNELS, weight)
        if tuple(video.shape[-2:]) != self.size:
            raise UserError(
                f"frames are {_sides(video.shape[-2:])} pixels, the window"
                f" {_sides(self.size)}"
            )
        check_actions(video, check_horizon(horizon), actions)

    def write(
        self, video: Video, corners: Corners
    ) -> Float[Tensor, "batch time 1 tall wide"]:
        """The frames where they are in the world, which is black elsewhere."""
        (height, width), (tall, wide) = self.size, self.world
        padded = F.pad(video, (0, wide - width, 0, tall - height)).flatten(0, 1)
        shifts = corners[:, : video.shape[1]].flatten(0, 1)
        return roll(padded, shifts).unflatten(0, video.shape[:2])

    def look(
        self, world: Float[Tensor, "batch channel tall wide"], corner: Corner
    ) -> Float[Tensor, "batch channel height width"]:
        """What the window shows of a world."""
        return roll(world, -corner)[..., : self.size[0], : self.size[1]]


def check_actions(video: Tensor, horizon: int, actions: Any) -> None:
    """Refuse what are no steps between observed and predicted frames.

    Raises:
        UserError: they have another shape, or are no whole numbers of pixels.
    """
    frames = video.shape[1] + horizon
    expected = (len(video), frames - 1, 2)
    if not isinstance(actions, Tensor) or tuple(actions.shape) != expected:
        got = tuple(getattr(actions, "shape", ())) or type(actions).__name__
        raise UserError(f"{frames} frames need actions of {expected}, got {got}")
    if actions.is_floating_point():
        raise UserError(
            f"actions are whole pixels, got {str(actions.dtype)[6:]}; convert them:"
            " .long()"
        )


def corners_of(actions: Actions) -> Corners:
    r"""Where the window is in each frame, :math:`p_t = \sum_{s < t} a_s`."""
    return F.pad(actions.cumsum(1), (0, 0, 1, 0))


def _sides(frame: Any) -> str:
    rows, columns = frame
    return f"{rows}×{columns}"
