r"""Persistence in the coordinates of the world: a map of what was seen, copied forward.

What the window shows is pasted into a map, over what was there; the agent's known steps
tell where. The forecast is what the window shows of the map, which has black where
nothing was seen. In a static world it is exact wherever something was.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fernn.flows import Size
from fernn.models._window import Actions, Corner, Corners, Video, Window, corners_of
from fernn.models.persistence import estimate, roll
from labrun.errors import UserError, require_known

TASK = "act"
TRAINED = False  # it has no weights
Motion = Literal["still", "estimated"]


class Recall(nn.Module):
    """The map, as it is or moved on by one velocity.

    Args:
        window: into the world.
        motion: ``still`` leaves the map as it is. ``estimated`` moves all of it, at
            each step, by the shift between the last two frames, found by phase
            correlation where the windows of both have seen the world.

    Raises:
        UserError: an unknown motion.
    """

    def __init__(self, window: Window, motion: Motion = "still"):
        super().__init__()
        require_known("motion", motion, get_args(Motion))
        self.view, self.motion = window, motion

    def predict(
        self, video: Video, horizon: int, actions: Actions, velocity: object = None
    ) -> Iterator[Float[Tensor, "batch 1 height width"]]:
        """The predicted frames one by one; see `fernn.models.world.World.predict`."""
        worlds = self.beliefs(video, horizon, actions)
        later = corners_of(actions)[:, video.shape[1] :].unbind(1)
        pairs = zip(worlds, later, strict=True)
        return (self.view.look(world, corner) for world, corner in pairs)

    def beliefs(
        self, video: Video, horizon: int, actions: Actions
    ) -> Iterator[Float[Tensor, "batch 1 tall wide"]]:
        """The map for each predicted frame; see `fernn.models.world.World.beliefs`.

        Raises:
            UserError: a shift is to be estimated from one frame; or what does not fit
                the window.
        """
        self.view.check(video, horizon, actions)
        if self.motion == "estimated" and video.shape[1] < 2:
            raise UserError("motion 'estimated' needs two observed frames, not 1")
        return self._believed(video, horizon, corners_of(actions))

    def _believed(
        self, video: Video, horizon: int, corners: Corners
    ) -> Iterator[Tensor]:
        pasted = self.view.write(video, corners)
        seen = self.view.write(torch.ones_like(video), corners)
        shift = self._shift(pasted, seen)
        *_, world = _pasted(pasted, seen, shift)
        for ahead in range(1, horizon + 1):
            yield roll(world, ahead * shift)

    def remembered(
        self, video: Video, actions: Actions
    ) -> Iterator[Float[Tensor, "batch 1 tall wide"]]:
        """The map after each frame, as it lies from the window on.

        Args:
            video: frames.
            actions: the steps between them.
        """
        corners = corners_of(actions)
        pasted = self.view.write(video, corners)
        seen = self.view.write(torch.ones_like(video), corners)
        worlds = _pasted(pasted, seen, self._shift(pasted, seen))
        for world, corner in zip(worlds, corners.unbind(1), strict=True):
            yield roll(world, -corner)

    def _shift(self, pasted: Video, seen: Video) -> Corner:
        """By which the map moves at each step."""
        if self.motion == "still":
            return torch.zeros(len(pasted), 2, dtype=torch.long, device=pasted.device)
        common = seen[:, -2] * seen[:, -1]
        return estimate(pasted[:, -2] * common, pasted[:, -1] * common)


def _pasted(pasted: Tensor, seen: Tensor, shift: Tensor) -> Iterator[Tensor]:
    """The map after each frame, which is moved before the next is pasted."""
    world = torch.zeros_like(pasted[:, 0])
    for frame, there in zip(pasted.unbind(1), seen.unbind(1), strict=True):
        world = torch.where(there > 0, frame, roll(world, shift))
        yield world


def build(size: Size, world: int, motion: Motion = "still") -> Recall:
    """A baseline from a specification; see `Recall`.

    Args:
        size: of a frame, which is the window.
        world: side of the torus, pixels.
        motion: of the map.
    """
    return Recall(Window.of(size, world), motion)
