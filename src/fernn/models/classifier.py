"""Watch all frames, then name what they show: the recurrent models of Moving KTH.

Source: T. A. Keller, NeurIPS 2025, arXiv 2507.14793.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Annotated, Any, Literal, get_args

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from fernn import cells, flows
from fernn.cells import Cell, Lifted, State, Video, check_lift
from fernn.models._options import (
    POOLINGS,
    Boundary,
    Pooling,
    check_cell,
    padding_mode,
)
from fernn.velocities import whole
from labrun.errors import UserError, require_known, shown
from labrun.modules import Kind

TASK = "classify"
Shifts = Literal["flow", "learned"]
BatchStatistics = Literal["clip", "frame"]
KERNELS = (5, 3, 3)  # of the encoder's layers


class Classifier(nn.Module):
    r"""A cell, a pooling over V and over the frame, and a linear layer, section 5.2.

    .. math:: y = A \cdot \frac{1}{|X|} \sum_x \max_{\nu \in V} h_T(\nu, x)

    With a closed V, circular boundaries and a flow whose velocity is in V, a flow of
    the input permutes the slots and moves the maximum, so that the logits do not
    change. At the published size (128 hidden channels, 6 classes) it has 241,638
    parameters for every V.

    Args:
        cell: the recurrent cell; its `conv_u` is the encoder.
        hidden: channels of the state.
        classes: how many.
        pooling: over V: ``max``, ``mean`` or ``sum``.
        last: frames at the end whose pooled states are averaged; the paper has 1.
        normalized: whether a batch normalisation stands before the linear layer.
        batch_statistics: over what the encoder's batch normalisation averages in
            training: all frames of the ``clip``, or each ``frame`` by itself, as
            published, which moves the running averages once a frame.

    Raises:
        UserError: no cell, an unknown pooling or batch statistics, a number of channels
            that is not the cell's, or no frame is averaged.
    """

    STACKED = ()
    causal = True  # `frames` after a frame does not depend on later ones

    def __init__(
        self,
        cell: Cell,
        hidden: int,
        classes: int = 6,
        pooling: Pooling = "max",
        last: int = 1,
        normalized: bool = False,
        batch_statistics: BatchStatistics = "clip",
    ):
        super().__init__()
        check_cell(cell, "classifier")
        require_known("pooling", pooling, POOLINGS)
        known = get_args(BatchStatistics)
        require_known("batch_statistics", batch_statistics, known)
        features = cell.hidden * cell.flow.fibre
        if hidden != features:
            raise UserError(
                f"hidden must be the {features} channels of the cell's state,"
                f" got {shown(hidden)}"
            )
        message = "a classifier's last and classes must be whole numbers"
        last, classes = whole(last, message), whole(classes, message)
        if last < 1 or classes < 2:
            raise UserError(
                "a classifier needs at least one last frame and two classes,"
                f" got {last} and {classes}"
            )
        self.cell = cell
        self.pooling: Pooling = pooling
        self.last = last
        self.batch_statistics: BatchStatistics = batch_statistics
        self.normalize = nn.BatchNorm1d(hidden) if normalized else nn.Identity()
        self.linear = nn.Linear(hidden, classes)

    def forward(
        self, video: Video, decoder: nn.Module | None = None, ahead: int = 0
    ) -> Float[Tensor, "batch classes"] | Video:
        """The logits of each class, or frames of a `decoder`, see `frames`.

        Raises:
            UserError: there is no frame; or see the cell's `lift`.
        """
        check_lift(self.cell, video)
        if decoder is not None:
            return self.frames(video, decoder, ahead)
        states: deque[tuple[int, Tensor]] = deque(maxlen=self.last)
        state = None
        with flows.cached_kernels(self):
            for time, lifted in enumerate(self._lifted(video), start=1):
                state = self.cell(lifted, state)
                states.append((time, state))
        pooled = [self._pool(self.cell.lab(state, time)) for time, state in states]
        features = torch.stack(pooled, dim=1)
        seen = self.normalize(features.flatten(0, 1)).view_as(features)
        return self.linear(seen.mean(1))

    def frames(self, video: Video, decoder: nn.Module, ahead: int) -> Video:
        """What is decoded from the state after each frame, each slot moved on.

        Args:
            video: as of `forward`.
            decoder: from the state, pooled over V, to a frame.
            ahead: steps of its own flow by which each slot is moved.
        """
        state, made = None, []
        with flows.cached_kernels(self):
            for time, lifted in enumerate(self._lifted(video), start=1):
                state = self.cell(lifted, state)
                slots = self.cell.lab(state, time, ahead)
                made.append(decoder(POOLINGS[self.pooling](slots, dim=1)))
        return torch.stack(made, dim=1)

    def frame_decoder(self) -> nn.Module:
        """A fresh decoder for `frames`."""
        return self.cell.layer("projection", self.cell.hidden, self.cell.channels)

    def _lifted(self, video: Video) -> Iterable[Lifted]:
        """The lifted frames, one after the other if each is normalised by itself.

        In evaluation the running averages normalise, and all frames are lifted at once.
        """
        if self.training and self.batch_statistics == "frame":
            frames = video.split(1, dim=1)
            return (self.cell.lift(each, time)[0] for time, each in enumerate(frames))
        return self.cell.lift(video)

    def _pool(self, state: State) -> Float[Tensor, "batch hidden"]:
        """Over V, then the mean over pixels, channels last as in memory."""
        slots = rearrange(state, "b v c h w -> b v h w c")
        return POOLINGS[self.pooling](slots, dim=1).mean((1, 2))


def encoder(hidden: int, boundary: Boundary = "zero") -> nn.Sequential:
    """Three convolutions with batch normalisation, to `hidden` channels.

    Args:
        hidden: channels of the last; the others have a quarter and a half, or four.
        boundary: ``zero`` as in the paper, or ``circular``, which alone is
            equivariant on the torus.
    """
    mode = padding_mode(boundary)
    widths = [1, max(4, hidden // 4), max(4, hidden // 2), hidden]
    layers: list[nn.Module] = []
    for kernel, inner, outer in zip(KERNELS, widths[:-1], widths[1:], strict=True):
        layers += [
            nn.Conv2d(
                inner,
                outer,
                kernel,
                padding=kernel // 2,
                padding_mode=mode,
                bias=False,
            ),
            nn.BatchNorm2d(outer),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers)


def build(
    size: flows.Size,
    flow: dict[str, Any],
    hidden: int = 128,
    kernel: int = 3,
    activation: cells.Activation = "tanh",
    pooling: Pooling = "max",
    boundary: Boundary = "zero",
    shifts: Shifts = "flow",
    classes: int = 6,
    last: int = 1,
    normalized: bool = False,
    batch_statistics: BatchStatistics = "clip",
    execution: cells.Execution = "auto",
    mixing: cells.Mixing = "none",
    mixing_radius: int = 1,
    cell: Annotated[dict[str, Any] | None, Kind("cells")] = None,
) -> Classifier:
    """A classifier from a specification; see `Classifier` and `encoder`.

    The `cell` is ``{"kind": ..., **its arguments}``; None stands for the kind
    ``flow_equivariant`` with the kernel, activation, execution and mixing given here,
    or, if `shifts` are ``learned``, for the G-RNN+: one kernel a slot in place of the
    flow.

    Raises:
        UserError: an unknown option's value, or learned shifts of mixed slots.
    """
    require_known("shifts", shifts, get_args(Shifts))
    if shifts == "learned" and mixing != "none":
        raise UserError(f"learned shifts do not mix slots, got mixing {mixing!r}")
    own: dict[str, Any] = {"kernel": kernel, "activation": activation}
    if shifts == "learned":
        own |= {"kind": "learned_shifts"}
    else:
        own |= {"kind": "flow_equivariant", "execution": execution}
        own |= {"mixing": mixing, "mixing_radius": mixing_radius}
    built = cells.build(cell or own, flows.build(flow, size), hidden)
    built.register_module("conv_u", encoder(hidden, boundary))
    options = pooling, last, normalized, batch_statistics
    return Classifier(built, hidden, classes, *options)
