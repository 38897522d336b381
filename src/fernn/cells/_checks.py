"""What enters a network is what the network was built for; if not, one line says so.

Executions read memory in different ways, and one that reads frames of another size or
type may give numbers that mean nothing. So all of them refuse the same. Shapes and
types are compared, numbers are not read: a check costs microseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from fernn.flows import Flow
from labrun.errors import UserError, shown

if TYPE_CHECKING:
    from fernn.cells._base import Cell

AXES = "batch, time, channel, height, width"


def check_lift(cell: Cell, video: Any) -> None:
    """Refuse what a cell cannot lift, see `check_video`.

    Raises:
        UserError: the video is another than the cell was built for.
    """
    check_video(video, cell.channels, _weight_of(cell), cell.flow)


def check_video(
    video: Any,
    channels: int | None = None,
    weight: Tensor | None = None,
    flow: Flow | None = None,
) -> None:
    """Refuse what is no video of the axes, channels, size and type expected.

    Args:
        video: what should be ``(batch, time, channel, height, width)``.
        channels: of a frame; None for any number.
        weight: whose type and device the frames must have; None for any.
        flow: that must be able to move the frames; None for any size.

    Raises:
        UserError: the video is another.
    """
    if not isinstance(video, Tensor):
        raise UserError(_no_tensor("video", video))
    shape = video.shape
    if len(shape) != 5 or (channels is not None and shape[2] != channels):
        raise UserError(_wrong_axes(tuple(shape), channels))
    if shape[1] < 1:
        raise UserError(f"at least one frame must be observed, got {tuple(shape)}")
    if flow is not None:
        objection = flow.frame_objection(shape[3], shape[4])
        if objection:
            raise UserError(objection)
    if weight is not None:
        _check_numbers("frames", video, weight)


def check_step(cell: Cell, lifted: Any, state: Any) -> None:
    """Refuse what is no lifted frame or no state of a cell.

    Args:
        cell: that makes the step.
        lifted: what should be ``(batch, slots, hidden, height, width)``, or None.
        state: likewise.

    Raises:
        UserError: they are others, or both are None.
    """
    if lifted is None and state is None:
        raise UserError("a step needs a lifted frame or a state, got neither")
    weight, slots = _weight_of(cell), len(cell.flow.velocities)
    if lifted is not None:
        _check_part(cell, "lifted frame", lifted, (1, slots), weight)
    if state is not None:
        _check_part(cell, "state", state, (slots,), weight)
        if lifted is not None and lifted.shape[0] != state.shape[0]:
            raise UserError(
                f"a batch of {len(lifted)} lifted frames does not fit one of"
                f" {len(state)} states"
            )


def _check_part(
    cell: Cell,
    name: str,
    given: Any,
    slots: tuple[int, ...],
    weight: Tensor,
) -> None:
    """See `check_step`; `slots` are the numbers of them that are allowed."""
    if not isinstance(given, Tensor):
        raise UserError(_no_tensor(name, given))
    shape, hidden = given.shape, cell.hidden * cell.flow.fibre
    if len(shape) != 5 or shape[2] != hidden or shape[1] not in slots:
        raise UserError(_wrong_step(name, tuple(shape), slots, hidden))
    objection = cell.flow.frame_objection(shape[3], shape[4])
    if objection:
        raise UserError(objection)
    _check_numbers(f"{name}s", given, weight)


def _weight_of(cell: Cell) -> Tensor:
    """One that a step uses: the first of all parameters takes longer to find."""
    weight = getattr(getattr(cell, "conv_h", None), "weight", None)
    return next(cell.parameters()) if weight is None else weight


def check_flow(flow: Any) -> None:
    """Refuse what is no flow, where a cell is built.

    Raises:
        UserError: it is none.
    """
    if not isinstance(flow, Flow):
        hint = "a flow such as Translation(square(1), size=16)"
        raise UserError(f"a cell needs {hint}, got {kind_of(flow)}")


def kind_of(value: Any) -> str:
    """What a value is, for a message: a short one itself, else its type."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, int | float | str | None):
        return shown(value)
    return type(value).__name__


def _no_tensor(name: str, given: Any) -> str:
    hint = "; use torch.from_numpy" if type(given).__name__ == "ndarray" else ""
    return f"a {name} must be a torch.Tensor, got {kind_of(given)}{hint}"


def _check_numbers(name: str, given: Tensor, weight: Tensor) -> None:
    if given.dtype != weight.dtype and not _autocasts(given, weight):
        number, wanted = (str(each.dtype)[6:] for each in (given, weight))
        hint = "convert them: .float() / 255"
        if given.dtype != torch.uint8:
            hint = f"convert them: .to(torch.{wanted})"
        raise UserError(f"{name} are {number}, the weights {wanted}; {hint}")
    if given.device != weight.device:
        raise UserError(
            f"{name} lie on {given.device}, the weights on {weight.device};"
            f" move them: .to('{weight.device}')"
        )


def _autocasts(given: Tensor, weight: Tensor) -> bool:
    """Whether an operation of both computes in the type of an autocast context."""
    device = given.device.type
    if device == "meta" or not torch.is_autocast_enabled(device):
        return False
    return all(
        each.is_floating_point() and each.dtype != torch.float64
        for each in (given, weight)
    )


def _wrong_axes(shape: tuple[int, ...], channels: int | None) -> str:
    """What is wrong with a shape, and what would mend it."""
    if len(shape) != 5:
        message = f"a video has 5 axes ({AXES}), got {len(shape)}: {shape}"
        if len(shape) == 4 and shape[1] == channels:
            return f"{message}; a single video is a batch of one: video[None]"
        if len(shape) == 4 and channels == 1:
            return f"{message}; grey frames have one channel: video[:, :, None]"
        if len(shape) == 3 and channels == 1:
            return f"{message}; a single video in grey: video[None, :, None]"
        return message
    message = (
        f"frames have {shape[2]} channels, the model {channels},"
        f" by the shape {shape} of ({AXES})"
    )
    if shape[1] == channels:
        return f"{message}; if time comes after channels: video.transpose(1, 2)"
    if shape[4] == channels:
        return f"{message}; if channels come last: video.movedim(-1, 2)"
    if channels == 1:
        return f"{message}; grey frames are video.mean(2, keepdim=True)"
    return message


def _wrong_step(
    name: str, shape: tuple[int, ...], slots: tuple[int, ...], hidden: int
) -> str:
    allowed = " or ".join(str(number) for number in sorted(set(slots)))
    message = (
        f"a {name} is (batch, {allowed} slots, {hidden} hidden, height, width),"
        f" got {shape}"
    )
    if name == "state":
        return message
    return f"{message}; lift a video first: for lifted in cell.lift(video)"
