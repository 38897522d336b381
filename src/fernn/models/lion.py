r"""Linear recurrences over the tokens of windows of space and time: LION.

A token is a pixel of a frame. The tokens of a window, w×w pixels of all T observed
frames, are ordered by row, column and time, and then by column, row and time, and in
each order cut into groups of K. A group is read in both directions by a gated linear
recurrence, whose cost grows as its length:

.. math::
   h_i = a_i \odot h_{i-1} + (1 - a_i) \odot v_i, \qquad
   x_i \leftarrow x_i + W (\mathrm{SiLU}(g_i) \odot (h_i^\to + h_i^\leftarrow))

with a, v and g linear in LN(x) and a sigmoid for a. Before both, a 3×3×3 convolution
describes where a token is, :math:`x \leftarrow x + \mathrm{GELU}(\mathrm{LN}(D * x))`,
and after both comes a network. Every second layer has its windows moved by half a
window, so that all pixels hear of one another.

In the paper tokens are the occupied voxels of a laser scan: here all pixels are, so
nothing is sparse, and T frames become the next T, as in `fernn.models.simvp`. On the
torus the forecast moves with a static shift by a whole window, and with no other and no
flow.

Source: Z. Liu and others, NeurIPS 2024, arXiv 2407.18232.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from fernn.flows import Size
from fernn.flows._base import frame_of
from fernn.models._blocks import Blocks, Video
from fernn.models._recurrent import CHANNELS
from fernn.models.temporal._scan import linear_scan
from fernn.velocities import whole
from labrun.errors import UserError

Order = Literal["rows", "columns"]
Volume = Float[Tensor, "batch time height width hidden"]
Groups = Float[Tensor, "group token hidden"]
ORDERS: tuple[Order, Order] = ("rows", "columns")
WINDOWS = "b t (p y) (q x) c"
TOKENS = {
    "rows": "(b p q) (y x t) c",
    "columns": "(b p q) (x y t) c",
}


def grouped(
    volume: Volume, window: int, group: int, shift: int, order: Order
) -> Groups:
    """Tokens of all windows in an order, in groups of so many."""
    moved = volume.roll((-shift, -shift), (2, 3))
    tokens = rearrange(moved, f"{WINDOWS} -> {TOKENS[order]}", y=window, x=window)
    return tokens.reshape(-1, group, volume.shape[-1])


def ungrouped(
    groups: Groups, shape: torch.Size, window: int, shift: int, order: Order
) -> Volume:
    """The inverse of `grouped`, for a volume of this shape."""
    _, time, height, width, channels = shape
    tokens = groups.reshape(-1, window * window * time, channels)
    sizes = {"y": window, "x": window, "t": time}
    sizes |= {"p": height // window, "q": width // window}
    moved = rearrange(tokens, f"{TOKENS[order]} -> {WINDOWS}", **sizes)
    return moved.roll((shift, shift), (2, 3))


class Recurrence(nn.Module):
    """The gated linear recurrence of a group, in both directions.

    Args:
        hidden: channels of a token.
    """

    def __init__(self, hidden: int):
        super().__init__()
        self.norm = nn.LayerNorm(hidden)
        self.drive = nn.Linear(hidden, 5 * hidden)
        self.out = nn.Linear(hidden, hidden)

    def forward(self, groups: Groups) -> Groups:
        """What is added to each token."""
        gate, *directions = self.drive(self.norm(groups)).chunk(5, dim=-1)
        there = self._scanned(*directions[:2])
        back = self._scanned(*(each.flip(1) for each in directions[2:])).flip(1)
        return self.out(F.silu(gate) * (there + back))

    def _scanned(self, keep: Groups, value: Groups) -> Groups:
        keep = keep.sigmoid().movedim(1, 0)
        return linear_scan(keep, (1 - keep) * value.movedim(1, 0)).movedim(0, 1)


class Layer(nn.Module):
    """The descriptor, the recurrences in both orders, and a network.

    Args:
        hidden: channels of a token.
        window: side of a window, pixels.
        group: tokens of a group.
        shift: by which windows are moved, pixels.
    """

    def __init__(self, hidden: int, window: int, group: int, shift: int):
        super().__init__()
        self.window, self.group, self.shift = window, group, shift
        self.describe = nn.Conv3d(hidden, hidden, 3)
        self.norm = nn.LayerNorm(hidden)
        self.recurrences = nn.ModuleList(Recurrence(hidden) for _ in ORDERS)
        self.network = nn.Sequential(
            nn.LayerNorm(hidden),
            nn.Linear(hidden, 2 * hidden),
            nn.GELU(),
            nn.Linear(2 * hidden, hidden),
        )

    def forward(self, volume: Volume) -> Volume:
        """The tokens after the layer."""
        padded = F.pad(volume.movedim(-1, 1), (1, 1, 1, 1, 0, 0), mode="circular")
        padded = F.pad(padded, (0, 0, 0, 0, 1, 1))  # no frame before the first
        near = self.describe(padded).movedim(1, -1)
        volume = volume + F.gelu(self.norm(near))
        for order, recurrence in zip(ORDERS, self.recurrences, strict=True):
            groups = grouped(volume, self.window, self.group, self.shift, order)
            groups = groups + recurrence(groups)
            place = volume.shape, self.window, self.shift, order
            volume = ungrouped(groups, *place)
        return volume + self.network(volume)


class Lion(Blocks):
    """An embedding, layers, and a linear read-out of each token.

    Args:
        size: height and width of a frame, pixels.
        context: frames of a block, T.
        hidden: channels of a token.
        layers: how many.
        window: side of a window, pixels.
        group: tokens of a group, K; None for all of a window.

    Raises:
        UserError: a number below one, a group that does not divide a window, or windows
            that do not divide a frame.
    """

    def __init__(
        self,
        size: Size,
        context: int = 10,
        hidden: int = 32,
        layers: int = 2,
        window: int = 4,
        group: int | None = None,
    ):
        super().__init__(context)
        for name, value in (("hidden", hidden), ("layers", layers), ("window", window)):
            whole(value, f"{name} must be positive", least=1)
        self.window, tokens = window, window**2 * context
        group = tokens if group is None else whole(group, "group must be positive", 1)
        if tokens % group:
            raise UserError(
                f"a group must divide the {tokens} tokens of a window, got {group}"
            )
        self.embed = nn.Conv2d(CHANNELS, hidden, 3, padding=1, padding_mode="circular")
        self.layers = nn.ModuleList(
            Layer(hidden, window, group, window // 2 * (index % 2))
            for index in range(layers)
        )
        self.readout = nn.Sequential(nn.LayerNorm(hidden), nn.Linear(hidden, CHANNELS))
        self.check_frame(*frame_of(size))

    def check_frame(self, rows: int, columns: int) -> None:
        """Refuse frames that windows do not divide.

        Raises:
            UserError: they do not.
        """
        if rows % self.window or columns % self.window:
            raise UserError(
                f"windows of {self.window} pixels do not divide frames of"
                f" {rows}×{columns}"
            )

    def block(self, video: Video) -> Video:
        """The frames that follow a block, as many."""
        volume = self.embed(video.flatten(0, 1)).unflatten(0, video.shape[:2])
        volume = volume.movedim(2, -1)
        for layer in self.layers:
            volume = layer(volume)
        return self.readout(volume).movedim(-1, 2)


build = Lion
