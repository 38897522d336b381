r"""A world larger than the window through which an agent sees it.

The world is a torus on which digits move, each with a velocity of its own. A frame is
what a window shows of it, and the window moves with the agent, whose steps are known:

.. math:: f_t(x) = w_t(x + p_t), \qquad p_{t+1} = p_t + a_t, \qquad p_0 = 0

with :math:`w_t` the world, x in the window and :math:`a_t` the agent's step. A window
as large as the world sees all of it (fully observed). After *Flow Equivariant World
Models* (Lillemark and others, arXiv 2601.01075), whose world has 50 pixels a side, the
window 32.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float, Int, UInt8

from fernn.data import Split, specified
from fernn.videos.base import DigitVideos, Tensor, pairs, pool_of
from fernn.videos.draws import COMPONENTS, MOVING, Redraw, Rows, per_digit, tabulated
from fernn.videos.visible import of_what_is_shown, since_seen
from labrun.errors import UserError, require_known
from labrun.random_words import below, words

TASK = "act"
FLOWS = ("translation", "pan")
DRAWS = ("sampled",)
OF_AGENT = {
    f"action_{axis}": ("pixel", f"step of the agent along {axis}")
    for axis in COMPONENTS
}


def synthesize(
    atlas: xr.Dataset,
    *,
    world: int,
    digits: int,
    max_speed: int,
    agent_speed: int,
    away: int = 0,
    flow: str = "translation",
    redraw: Redraw = "epoch",
    **split: Unpack[Split],
) -> xr.Dataset:
    """The recipe of a split.

    Args:
        atlas: images of the digits; see `fernn.data.sources`.
        world: of the torus, pixels; as large as the window, all of it is seen.
        digits: in a world.
        max_speed: of the digits along each axis, pixels per frame; 0 is a static world.
        agent_speed: the largest step of the agent along each axis, pixels per frame; 0
            is a window at rest.
        away: frames after which the agent goes to the other side of the torus, and
            comes back after as many, and so on; 0 for never.
        flow: translation, or pan: digits move along the columns alone.
        redraw: whether later epochs draw other sequences, or never; see `Videos`.
        split: see `fernn.data.Split`.

    Returns:
        Integers ``digit_index``, ``offset_*`` and ``velocity_*`` (sample × digit), and
        ``action_*`` (sample × step), where step t leads from frame t to the next.

    Raises:
        UserError: the digits or the window do not fit the world, the pool is empty, a
            speed is negative or a name is unknown.
    """
    require_known("flow", flow, FLOWS)
    require_known("draw", split["draw"], DRAWS)
    frame_size = split["frame_size"]
    largest = max(*(int(side) for side in atlas.image.shape[1:]), frame_size)
    if largest > world:
        raise UserError(
            f"a world of {world}×{world} pixels (world) is smaller than its window of"
            f" {frame_size}×{frame_size} (frame_size) or a digit; the larger has"
            f" {largest}"
        )
    spec = specified(
        "world",
        split,
        world=world,
        digits=digits,
        max_speed=max_speed,
        agent_speed=agent_speed,
        away=away,
        flow=flow,
        redraw=redraw,
    )
    for name in ("max_speed", "agent_speed", "away"):
        if spec[name] < 0:
            raise UserError(f"{name} must not be negative, got {spec[name]}")
    rows = _drawn(spec, pool_of(spec, atlas), 0, 0, spec["sequences"])
    kinds = dict.fromkeys([*MOVING, *OF_AGENT], np.int32)
    recipe = tabulated(MOVING, rows, ("sample", "digit"), kinds)
    recipe = recipe.assign(tabulated(OF_AGENT, rows, ("sample", "step"), kinds))
    return recipe.assign_attrs(spec, source=atlas.attrs.get("source", ""))


def _drawn(
    spec: Mapping[str, Any], pool: np.ndarray, epoch: int, first: int, count: int
) -> Rows:
    """Every digit with its own velocity, and every step of the agent, uniform."""
    speed, world = spec["max_speed"], spec["world"]
    which, row, column, down, across = per_digit(spec, epoch, first, count, 5)
    down, across = (below(each, 2 * speed + 1) - speed for each in (down, across))
    found = {
        "digit_index": pool[below(which, len(pool))],
        "offset_rows": below(row, world),
        "offset_columns": below(column, world),
        "velocity_rows": down * (spec["flow"] != "pan"),
        "velocity_columns": across,
    }
    steps = _steps(spec, epoch, first, count)
    return found | {
        f"action_{axis}": steps[..., i] for i, axis in enumerate(COMPONENTS)
    }


def _steps(
    spec: Mapping[str, Any], epoch: int, first: int, count: int
) -> Int[np.ndarray, "sample step 2"]:
    """The agent's steps: uniform in a square, and to the other side and back."""
    number, speed = spec["frames"] - 1, spec["agent_speed"]
    where = spec["seed"], f"{spec['split']}/steps", epoch, first, count
    drawn = words(*where, 2 * number).reshape(count, number, 2)
    steps = below(drawn, 2 * speed + 1) - speed
    if spec["away"]:
        leaves = np.arange(number) % spec["away"] == spec["away"] - 1
        backward = np.arange(number) // spec["away"] % 2
        far = spec["world"] // 2
        steps += (leaves * (1 - 2 * backward) * far)[:, None]
    return steps


class Sequences(DigitVideos):
    """Videos rendered from a recipe, and the steps of the agent.

    See `fernn.videos.base.DigitVideos` and `fernn.videos.recipes.Acted`.
    """

    def redrawn(self, epoch: int, first: int, count: int) -> Rows:
        """The columns of samples in a later epoch."""
        return _drawn(self.recipe.attrs, self._pool, epoch, first, count)

    def actions(
        self, first: int, count: int, frames: int, epoch: int = 0
    ) -> Int[Tensor, "sample step 2"]:
        """The steps between so many frames, one fewer than these, (rows, columns)."""
        steps = pairs(self.rows(epoch, first, count), "action")
        return self.tensor(steps[:, : self._known(frames) - 1])

    def render(
        self,
        digits: UInt8[Tensor, "sample digit tall wide"],
        rows: Rows,
        start: int,
        frames: int,
    ) -> Float[Tensor, "sample frame 1 height width"]:
        """What the window shows from frame `start` on, of rows of a recipe.

        Raises:
            UserError: more frames than the recipe tells of.
        """
        return self._whole(digits, rows, start, frames)[..., : self.size, : self.size]

    def worlds(
        self, first: int, count: int, frames: int, epoch: int = 0
    ) -> Float[Tensor, "sample frame 1 world world"]:
        """The whole world, as it lies from the window on; its corner is the window."""
        rows = self.rows(epoch, first, count)
        digits = self._images[self.tensor(rows["digit_index"])]
        return self._whole(digits, rows, 0, frames)

    def last_seen(
        self, first: int, count: int, context: int, frames: int
    ) -> tuple[
        Int[Tensor, "sample frame height width"],
        Bool[Tensor, "sample frame height width"],
    ]:
        """Since when the window last showed what its pixels show; and whether a digit.

        Of a pixel of a digit it is that point of the digit; where several digits
        overlap, of the one seen last. Of any other pixel it is that place of the world.

        Args:
            first: sample.
            count: of samples.
            context: observed frames: what is seen later does not count.
            frames: observed and predicted ones; told of are the predicted ones.

        Returns:
            Frames since then, -1 for never; and whether the pixel shows a digit.
        """
        rows = self.rows(0, first, count)
        corner, velocity = self._corners(rows, frames), pairs(rows, "velocity")
        still = np.zeros_like(velocity[:, :1])
        moves = np.concatenate([still, velocity], axis=1)
        world = int(self.recipe.attrs["world"])
        ages = since_seen(corner, moves, context, self.size, world)
        found, ink = of_what_is_shown(ages, self._covers(rows, context, frames))
        return self.tensor(found), self.tensor(ink)

    def _covers(
        self, rows: Rows, start: int, end: int
    ) -> Bool[np.ndarray, "sample digit frame height width"]:
        """Whether a digit has ink at a pixel of the window."""
        images = self._images[self.tensor(rows["digit_index"])]
        path = self._path(rows, start, end)
        each = [
            self._follow(images[:, [digit]], path[:, [digit]])[:, :, 0]
            for digit in range(path.shape[1])
        ]
        inks = [(seen[..., : self.size, : self.size] > 0).cpu() for seen in each]
        return np.stack([ink.numpy() for ink in inks], axis=1)

    def _whole(self, digits: Tensor, rows: Rows, start: int, frames: int) -> Tensor:
        return self._follow(digits, self._path(rows, start, start + frames))

    def _follow(self, digits: Tensor, path: np.ndarray) -> Tensor:
        """The world with digits that take a path."""
        from fernn.videos.rendering import follow

        world = int(self.recipe.attrs["world"])
        return follow(digits, self.tensor(path), world, self._scale)

    def _path(self, rows: Rows, start: int, end: int) -> np.ndarray:
        """Where the digits are from the window's corner, sample × digit × frame × 2."""
        time = np.arange(start, self._known(end))[:, None]
        offset, velocity = pairs(rows, "offset"), pairs(rows, "velocity")
        path = offset[:, :, None] + time * velocity[:, :, None]
        return path - self._corners(rows, end)[:, None, start:]

    def _corners(self, rows: Rows, frames: int) -> Int[np.ndarray, "sample frame 2"]:
        """Where the window's corner is in the world."""
        steps = pairs(rows, "action")[:, : frames - 1]
        return np.pad(steps.cumsum(1), ((0, 0), (1, 0), (0, 0)))

    def _known(self, end: int) -> int:
        known = int(self.recipe.attrs["frames"])
        if end > known:
            raise UserError(f"the recipe tells of {known} frames, not of {end}")
        return end
