r"""Digits that move as a model with flows has it, on frames that break a symmetry.

Observed frames are as ever; a predicted one is multiplied by a factor that the observed
frames do not tell. With k = 1, 2, … the number of a predicted frame, x a column of W
and s the strength,

========  ============================================  ===========================
breaks    factor                                        what it breaks
========  ============================================  ===========================
nothing   1
dark      1 - s in the first columns                    translation along columns
gain      :math:`1 - s (1 - \cos(2\pi x / W)) / 2`      translation along columns
fade      :math:`(1 - s)^k`                             time alone: no translation
========  ============================================  ===========================

No network that commutes with translations can predict the first two, so they show
whether a training that relaxes symmetries finds the one that is not there; `fade` is
the control.
"""

from __future__ import annotations

import math
from typing import Literal, Unpack, get_args

import xarray as xr
from jaxtyping import Float, UInt8

from fernn.data import Split, changing_digits
from fernn.videos.base import Tensor
from fernn.videos.draws import Redraw, Rows
from labrun.errors import UserError, require_known

Breaks = Literal["nothing", "dark", "gain", "fade"]
STRAIGHT = {"kind": "piecewise", "every": 10**6}  # no sequence is so long


def synthesize(
    atlas: xr.Dataset,
    *,
    digits: int,
    max_speed: int,
    context: int,
    breaks: Breaks,
    strength: float = 1.0,
    columns: int = 4,
    flow: str = "translation",
    redraw: Redraw = "epoch",
    **split: Unpack[Split],
) -> xr.Dataset:
    """The recipe of a split: that of `changing_digits` with constant velocities.

    Args:
        atlas: images of the digits; see `fernn.data.sources`.
        digits: in a sequence.
        max_speed: of the digits along each axis, pixels per frame.
        context: observed frames, on which nothing is broken.
        breaks: nothing, dark, gain or fade.
        strength: s, from 0 to 1.
        columns: that are dark.
        flow: translation, or pan: along the columns alone.
        redraw: whether later epochs draw other sequences, or never; see `Videos`.
        split: see `fernn.data.Split`.

    Raises:
        UserError: a number is out of range, nothing breaks like that, or what
            `changing_digits` refuses.
    """
    require_known("breaks", breaks, get_args(Breaks))
    if not 0 <= strength <= 1:
        raise UserError(f"broken_digits.strength must be from 0 to 1, got {strength}")
    if not 0 < columns <= split["frame_size"]:
        raise UserError(
            f"broken_digits.columns must be from 1 to {split['frame_size']},"
            f" got {columns}"
        )
    made = changing_digits.synthesize(
        atlas, digits=digits, max_speed=max_speed, motion=STRAIGHT, flow=flow,
        redraw=redraw, **split,
    )  # fmt: skip
    own = {"breaks": breaks, "strength": strength, "columns": columns}
    told = {"kind": "broken_digits", "context": context, **own}
    return made.drop_vars("first_change").assign_attrs(told)


class Sequences(changing_digits.Sequences):
    """Videos rendered from a recipe, see `fernn.videos.base.DigitVideos`."""

    def render(
        self,
        digits: UInt8[Tensor, "sample digit tall wide"],
        rows: Rows,
        start: int,
        frames: int,
    ) -> Float[Tensor, "sample frame 1 height width"]:
        """Frames from `start` on, of rows of a recipe, whose digits are these."""
        import torch

        whole = super().render(digits, rows, start, frames)
        about = self.recipe.attrs
        predicted = torch.arange(start, start + frames) - int(about["context"]) + 1
        numbers = float(about["strength"]), int(about["columns"])
        found = factor(about["breaks"], predicted, self.size, *numbers)
        return whole * found[:, None, None].to(whole)


def factor(
    breaks: Breaks, predicted: Tensor, width: int, strength: float, columns: int
) -> Float[Tensor, "frame width"]:
    """By what each column of each frame is multiplied.

    Args:
        breaks: see the module.
        predicted: the numbers of the frames; 0 and less are observed.
        width: of a frame, pixels.
        strength: s.
        columns: that are dark.
    """
    import torch

    after, place = predicted.clamp_min(0)[:, None].double(), torch.arange(width)
    broken = (after > 0).double()
    if breaks == "fade":
        return ((1 - strength) ** after).expand(-1, width)
    if breaks == "dark":
        return 1 - strength * broken * (place < columns)
    if breaks == "gain":
        wave = (1 - torch.cos(2 * math.pi * place.double() / width)) / 2
        return 1 - strength * broken * wave
    return torch.ones_like(broken).expand(-1, width)
