"""The same recurrence with each slot's shift fused into the circular padding."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from fernn.cells.flow_equivariant import FlowEquivariantCell
from fernn.flows import Flow, Velocity
from fernn.flows.translation import Translation


class FusedCell(FlowEquivariantCell):
    """`FlowEquivariantCell` for translations, with one gather for shift and padding.

    A circular convolution needs its border wrapped, which copies the state once. The
    same copy can read every slot from where its velocity puts it, so the flow is free.
    Channels lie last in memory. The step keeps one hidden tensor for the backward
    pass, whose own convolution is the same gather with the opposite velocity. The
    state after the first frame is equal in all slots and is convolved once.

    Args are those of `FlowEquivariantCell`.

    Raises:
        UserError: the flow is not a translation.
    """

    ahead: Tensor
    back: Tensor
    moved: Tensor
    spread: Tensor

    def __init__(self, flow: Flow, *args: Any, **kwargs: Any):
        super().__init__(flow, *args, **kwargs)
        assert isinstance(flow, Translation)
        margin = self.kernel // 2
        backwards = [(-rows, -columns) for rows, columns in flow.velocities]
        tables = {
            "ahead": sources(flow.velocities, flow.size, margin),
            "back": sources(backwards, flow.size, margin),
            "moved": sources(flow.velocities, flow.size, 0),
            "spread": sources(flow.velocities, flow.size, 0, shared=True),
        }
        for name, table in tables.items():
            self.register_buffer(name, table, persistent=False)

    @staticmethod
    def objection(flow: Flow) -> str | None:
        """See `FlowEquivariantCell.objection`."""
        if isinstance(flow, Translation):
            return None
        return (
            "execution 'fused' shifts by whole pixels and needs a translation flow,"
            f" got {type(flow).__name__}; use execution 'plain'"
        )

    def forward(
        self,
        drive: Float[Tensor, "batch slots hidden height width"] | None,
        state: Float[Tensor, "batch velocity hidden height width"] | None,
    ) -> Float[Tensor, "batch velocity hidden height width"]:
        """See `FlowEquivariantCell.forward`."""
        if state is None:
            return super().forward(drive, state)
        if state.shape[1] > 1 and state.stride(1) == 0:
            recurrent = self.conv_h(state[:, 0])[:, None]
            moved = gather(
                pixels_last(recurrent), self.spread, len(self.flow.velocities)
            )
            moved = rearrange(moved, "b v h w c -> b v c h w")
            return self._activate(moved if drive is None else moved + drive)
        lifted = None if drive is None else pixels_last(drive)
        stepped = FusedStep.apply(
            pixels_last(state),
            lifted,
            self.conv_h.weight,
            self.ahead,
            self.back,
            self.activation,
        )
        return rearrange(stepped, "b v h w c -> b v c h w")

    def move(
        self, state: Float[Tensor, "batch velocity hidden height width"]
    ) -> Float[Tensor, "batch velocity hidden height width"]:
        """See `FlowEquivariantCell.move`."""
        slots = len(self.flow.velocities)
        moved = gather(pixels_last(state), self.moved, slots)
        return rearrange(moved, "b v h w c -> b v c h w")


class FusedStep(torch.autograd.Function):
    """One step; saves the state and the next state, nothing in between."""

    @staticmethod
    def forward(ctx, state, drive, weight, ahead, back, activation):  # noqa: D102
        signal = convolve(gather(state, ahead, state.shape[1]), weight, len(state))
        if drive is not None:
            signal += drive
        stepped = signal.relu_() if activation == "relu" else signal.tanh_()
        ctx.save_for_backward(state, stepped, weight, ahead, back)
        ctx.activation = activation
        ctx.drive_slots = 0 if drive is None else drive.shape[1]
        return stepped

    @staticmethod
    def backward(ctx, *gradients):  # noqa: D102
        state, stepped, weight, ahead, back = ctx.saved_tensors
        gradient = gradients[0].contiguous()
        if ctx.activation == "relu":
            gradient = torch.ops.aten.threshold_backward(gradient, stepped, 0)
        else:
            gradient = gradient * (1 - stepped**2)
        batch, slots = state.shape[:2]
        transposed = weight.flip(-2, -1).transpose(0, 1)
        to_state = convolve(gather(gradient, back, slots), transposed, batch)
        padded = images(gather(state, ahead, slots))
        to_weight = torch.ops.aten.convolution_backward(
            images(gradient), padded, weight, None,
            [1, 1], [0, 0], [1, 1], False, [0, 0], 1, [False, True, False],
        )[1]  # fmt: skip
        to_drive = gradient.sum(1, keepdim=True) if ctx.drive_slots == 1 else gradient
        return to_state, to_drive if ctx.drive_slots else None, to_weight, *3 * [None]


def sources(
    velocities: tuple[Velocity, ...] | list[Velocity],
    size: int,
    margin: int,
    shared: bool = False,
) -> Int[Tensor, " rows"]:
    """For each slot and padded pixel, the row of the flattened state it comes from.

    Args:
        velocities: the shift of each slot, pixels.
        size: height and width, pixels.
        margin: width of the wrapped border, pixels.
        shared: the state has one slot, which every shift reads.
    """
    places = torch.arange(-margin, size + margin)
    tables = []
    for slot, (rows, columns) in enumerate(velocities):
        row, column = (places - rows) % size, (places - columns) % size
        first = 0 if shared else slot * size * size
        tables.append((first + row[:, None] * size + column).flatten())
    return torch.cat(tables)


def gather(
    state: Float[Tensor, "batch slot height width hidden"],
    table: Int[Tensor, " rows"],
    slots: int,
) -> Float[Tensor, "batch velocity tall wide hidden"]:
    """Read rows of `hidden` numbers from the places a table of `sources` names."""
    rows = rearrange(state, "b v h w c -> b (v h w) c").index_select(1, table)
    side = round((len(table) // slots) ** 0.5)
    return rearrange(rows, "b (v h w) c -> b v h w c", v=slots, h=side)


def convolve(
    padded: Float[Tensor, "batch velocity tall wide hidden"], weight: Tensor, batch: int
) -> Float[Tensor, "batch velocity height width hidden"]:
    """Convolve padded slots without further padding."""
    weight = weight.contiguous(memory_format=torch.channels_last)
    return rearrange(
        F.conv2d(images(padded), weight), "(b v) c h w -> b v h w c", b=batch
    )


def images(
    state: Float[Tensor, "batch velocity height width hidden"],
) -> Float[Tensor, "sample hidden height width"]:
    """Slots as images, channels last in memory: a view."""
    return rearrange(state, "b v h w c -> (b v) c h w")


def pixels_last(
    state: Float[Tensor, "batch velocity hidden height width"],
) -> Float[Tensor, "batch velocity height width hidden"]:
    """The state with its channels last in memory; no copy if they are already."""
    return rearrange(state, "b v c h w -> b v h w c").contiguous()
