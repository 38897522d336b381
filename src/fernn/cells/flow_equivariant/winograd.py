r"""The fused step by Winograd's minimal filtering: half the multiplications.

F(4, 3) along the rows, in tiles that stay in the cache.

A tile of 6 rows gives 4 rows of output from 6 products instead of 12,
:math:`y = A^T [(G g) \odot (B^T d)]` (Winograd, 1980; Lavin and Gray, 2016, with the
points 0, ±1, ±2 and infinity). The products are convolutions along the columns, which
a library does as fast as those it replaces. Filtering both axes would halve their
number again, but its matrix products are slower and its tiles larger.

It rounds states up to 5.2 times as coarsely as `FlowEquivariantCell`, so that ``auto``
does not take it (docs/speed.md). A sum of zeros is not exactly zero if its tile has
other numbers, and a rectifier lets it pass if it is positive. No weight's gradient
gains by it: it multiplies those zeros.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from fernn.cells._base import State
from fernn.cells.flow_equivariant._gather import ChannelsLast, opposite
from fernn.cells.flow_equivariant._step import Convolution, kernel_gradient
from fernn.cells.flow_equivariant.fused import FusedCell
from fernn.flows import Flow, Frame, Velocity
from labrun.errors import UserError

OUT, IN = 4, 6  # rows of a tile's outputs and inputs
CACHE = 2**23  # bytes of tiles that are worked on at once
INPUT = (
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
FILTER = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
OUTPUT = (
    (1, 1, 1, 1, 1, 0),
    (0, 1, -1, 2, -2, 0),
    (0, 1, 1, 4, 4, 0),
    (0, 1, -1, 8, -8, 1),
)

Images = Float[Tensor, "image height width hidden"]
Tiles = Float[Tensor, "place image tile column hidden"]


class WinogradCell(FusedCell):
    """`FusedCell` for 3×3 kernels: the shift is fused into the reading of tiles.

    Args are those of `FlowEquivariantCell`.

    Raises:
        UserError: the flow is not a translation, or the kernel not 3×3.
    """

    def __init__(self, flow: Flow, *args: Any, **kwargs: Any):
        super().__init__(flow, *args, **kwargs)
        if self.kernel != 3:
            raise UserError(
                f"execution 'winograd' needs a kernel of 3, got {self.kernel};"
                " use execution 'fused'"
            )

    def convolution(self, state: State) -> Convolution:
        """See `FusedCell.convolution`."""
        return WinogradConvolution(self.flow.velocities)


build = WinogradCell


@dataclass(frozen=True)
class WinogradConvolution(Convolution):
    """Shift and padding in the reading of tiles, a few slots at a time.

    Attributes:
        velocities: V.
    """

    velocities: tuple[Velocity, ...]

    def forward(self, state: ChannelsLast, weight: Tensor) -> ChannelsLast:
        """Every slot moved by its velocity and convolved."""
        return _convolve(state, self.velocities, weight)

    def backward(self, gradient: ChannelsLast, weight: Tensor) -> ChannelsLast:
        """The gradient of the state: the same with all turned round."""
        turned = weight.flip(-2, -1).transpose(0, 1)
        return _convolve(gradient, tuple(opposite(self.velocities)), turned)

    def weight_gradient(
        self, state: ChannelsLast, gradient: ChannelsLast, weight: Tensor
    ) -> Tensor:
        """The gradient of the weight."""
        filters = torch.zeros_like(_filters(weight))
        for chunk, tiles in _chunks(state, self.velocities):
            outputs = _untiled(gradient.flatten(0, 1)[chunk])
            for place, total in enumerate(filters):
                total += kernel_gradient(
                    _image(outputs[place]), _image(tiles[place]), total
                )
        matrix = weight.new_tensor(FILTER)
        return torch.einsum("pa,poixb->oiab", matrix, filters)


def _convolve(
    state: ChannelsLast, velocities: tuple[Velocity, ...], weight: Tensor
) -> ChannelsLast:
    filters = _filters(weight).to(state.dtype)
    result = torch.empty_like(state)
    for chunk, tiles in _chunks(state, velocities):
        products = [
            F.conv2d(_image(rows), kernel).movedim(1, -1)
            for rows, kernel in zip(tiles, filters, strict=True)
        ]
        _write(products, result.flatten(0, 1)[chunk])
    return result


def _filters(weight: Tensor) -> Float[Tensor, "6 to hidden 1 3"]:
    """The transformed kernels, channels last in memory."""
    matrix = weight.new_tensor(FILTER)
    filters = torch.einsum("pa,oiab->pobi", matrix, weight).contiguous()
    return filters[:, :, None].movedim(-1, 2)


def _image(rows: Float[Tensor, "image tile column hidden"]) -> Tensor:
    return rows.movedim(-1, 1)


def _chunks(
    state: ChannelsLast, velocities: tuple[Velocity, ...]
) -> Iterator[tuple[slice, Tiles]]:
    """Images and their transformed tiles, as many at a time as fit in the cache."""
    batch, slots, height, width, hidden = state.shape
    count = -(-height // OUT)
    image = IN * count * (width + 2) * hidden * state.element_size()
    step = batch * slots
    if state.device.type == "cpu":
        step = _fitting(max(1, CACHE // image), slots)
    matrix = state.new_tensor(INPUT)
    rows = state.view(batch * slots, height * width, hidden)
    # One piece of memory for all chunks: a new one each costs as much as the sums.
    read = state.new_empty(IN * step * count * (width + 2), hidden)
    tiles = torch.empty_like(read)
    for first in range(0, batch * slots, step):
        images = min(step, batch * slots - first)
        chunk = slice(first, first + images)
        table = _sources(
            velocities, (height, width), first % slots, images, state.device
        )
        inputs, outputs = read[: len(table)], tiles[: len(table)]
        torch.index_select(rows[chunk].flatten(0, 1), 0, table, out=inputs)
        torch.mm(matrix, inputs.view(IN, -1), out=outputs.view(IN, -1))
        yield chunk, outputs.view(IN, images, count, width + 2, hidden)


def _fitting(most: int, slots: int) -> int:
    """At most that many images: whole samples, or even shares of one's slots."""
    if most >= slots:
        return most // slots * slots
    return -(-slots // -(-slots // most))


@functools.lru_cache(maxsize=256)
def _sources(
    velocities: tuple[Velocity, ...],
    frame: Frame,
    slot: int,
    images: int,
    device: torch.device,
) -> Int[Tensor, " rows"]:
    """For each place, image, tile and column, the row of the images it comes from.

    Args:
        velocities: V.
        frame: height and width, pixels.
        slot: of the first image; the others follow, sample after sample.
        images: how many.
        device: of the table.
    """
    height, width = frame
    number = torch.arange(images, device=device)
    shifts = torch.tensor(velocities, device=device)[(slot + number) % len(velocities)]
    start = torch.arange(0, height, OUT, device=device) - 1
    places = torch.arange(IN, device=device)[:, None, None] + start
    row = (places - shifts[:, :1]) % height  # place × image × tile
    column = (torch.arange(-1, width + 1, device=device) - shifts[:, 1:]) % width
    first = (number * height)[:, None] + row
    return (first[..., None] * width + column[:, None]).flatten()


def _write(products: list[Tensor], out: Images) -> None:
    """Combine the six products into four rows of each tile; cut off what is beyond."""
    zero, one, minus, two, less, last = products
    even, odd = one + minus, one.sub_(minus)
    far_even, far_odd = two + less, two.sub_(less)
    rows = [
        (zero.add_(even), far_even, 1),
        (odd, far_odd, 2),
        (even, far_even, 4),
        (last.add_(odd), far_odd, 8),
    ]
    for row, (near, far, times) in enumerate(rows):
        target = out[:, row::OUT]
        tiles = target.shape[1]
        torch.add(near[:, :tiles], far[:, :tiles], alpha=times, out=target)


def _untiled(gradient: Images) -> Tiles:
    """The transformed rows of a gradient, whose tiles are zero beyond the frame."""
    images, size, width, hidden = gradient.shape
    rows = gradient.new_zeros(OUT, images, -(-size // OUT), width, hidden)
    for row in range(OUT):
        source = gradient[:, row::OUT]
        rows[row, :, : source.shape[1]] = source
    matrix = gradient.new_tensor(OUTPUT).T.contiguous()
    return torch.mm(matrix, rows.view(OUT, -1)).view(IN, *rows.shape[1:])
