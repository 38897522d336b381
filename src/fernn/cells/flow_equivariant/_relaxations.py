r"""What symmetry fixes in a FERNN, each beside the same without symmetry.

.. math:: f = (1 - \gamma)\, f_{\mathrm{strict}} + \gamma\, f_{\mathrm{free}}

With :math:`\gamma = 0` the network is the strict one, bit for bit. This interpolating
form is in place of :math:`f_{\mathrm{strict}} + \gamma f_{\mathrm{free}}` of A.
Manolache, L. F. O. Chamon and M. Niepert, *Learning (Approximately) Equivariant
Networks via Constrained Optimization*, NeurIPS 2025 (arXiv 2505.13631): both ends are
networks of ordinary size, and free shifts at :math:`\gamma = 1` are the G-RNN+.
"""

from __future__ import annotations

from typing import Literal

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from fernn.cells._base import State
from fernn.flows import Flow

Relaxed = Literal["kernel", "mixing", "shift", "leak", "lift", "place", "readout"]


class Relaxation(nn.Module):
    r"""A part of a network between its strict and its free form.

    Attributes:
        gamma: :math:`\gamma`, a number; 0 is strict, 1 is free, where it begins.
    """

    def __init__(self):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(()))
        self._last: tuple[Tensor, Tensor] | None = None

    def between(self, strict: Tensor, free: Tensor) -> Tensor:
        r""":math:`(1 - \gamma)` of the one and :math:`\gamma` of the other."""
        free = free.to(strict.dtype)
        if self.training and torch.is_grad_enabled():
            self._last = strict.detach(), free.detach()
        return torch.lerp(strict, free, self.gamma.to(strict.dtype))

    def part(self) -> float:
        r"""How much of the newest training step is not strict.

        It is :math:`\|\gamma (f_{\mathrm{free}} - f_{\mathrm{strict}})\| /
        \|f_{\mathrm{strict}}\|` and tells what :math:`\gamma` alone does not: a free
        form may be large, or equal to the strict one. NaN without a training step.
        """
        if self._last is None:
            return float("nan")
        strict, free = self._last
        apart = (self.gamma.detach() * (free - strict)).norm() / strict.norm()
        return apart.item()


class Slots(Relaxation):
    """Recurrent kernels that slots do not share.

    Args:
        slots: of V.
        hidden: channels of each.
        kernel: side of the kernels.
        meet: a kernel of every pair of slots; otherwise slots do not meet.
    """

    def __init__(self, slots: int, hidden: int, kernel: int, meet: bool):
        super().__init__()
        wide, groups = slots * hidden, 1 if meet else slots
        self.conv = _circular(wide, wide, kernel, groups)

    def forward(self, strict: State, state: State) -> State:
        """Beside the strict convolution of the state."""
        images = self.conv(rearrange(state, "b v c h w -> b (v c) h w"))
        free = rearrange(images, "b (v c) h w -> b v c h w", v=state.shape[1])
        return self.between(strict, free)


class Shift(Relaxation):
    """A kernel for each slot in place of its shift, as in `LearnedShiftCell`.

    Args:
        flow: whose shifts they replace; r is its largest speed.
    """

    def __init__(self, flow: Flow):
        super().__init__()
        speed = max(abs(part) for velocity in flow.velocities for part in velocity)
        slots, side = len(flow.velocities), 2 * speed + 1
        self.conv = _circular(slots, slots, side, slots)
        nn.init.normal_(self.conv.weight, std=1 / side)

    def forward(self, strict: State, state: State) -> State:
        """Beside the moved state."""
        images = rearrange(state, "b v c h w -> (b c) v h w")
        free = rearrange(self.conv(images), "(b c) v h w -> b v c h w", b=len(state))
        return self.between(strict, free)


class Leak(Relaxation):
    """The state that is not moved, beside the moved one; it has no other parameter."""

    def forward(self, strict: State, state: State) -> State:
        """See the class."""
        return self.between(strict, state)


class Lift(Relaxation):
    """Filters of the input that slots do not share.

    Args:
        slots: of V.
        channels: of a frame.
        hidden: channels of a slot.
        kernel: side of the filters.
    """

    def __init__(self, slots: int, channels: int, hidden: int, kernel: int):
        super().__init__()
        self.slots = slots
        self.conv = _circular(channels, slots * hidden, kernel)

    def forward(
        self,
        strict: Float[Tensor, "time batch 1 hidden height width"],
        video: Float[Tensor, "batch time channel height width"],
    ) -> Float[Tensor, "time batch velocity hidden height width"]:
        """Beside the lifted frames, which are the same in all slots."""
        images = self.conv(rearrange(video, "b t c h w -> (b t) c h w"))
        free = rearrange(
            images, "(b t) (v c) h w -> t b v c h w", b=len(video), v=self.slots
        )
        return self.between(strict.expand_as(free), free)


class Place(Relaxation):
    r"""A gain of each pixel, which breaks the translation of the frame.

    :math:`f_{\mathrm{free}}(x) = f(x)\,(1 + \tanh P(x))`, with P = 0 at first. On the
    state it is the relaxation ``place``, on a predicted frame ``readout``.

    Args:
        channels: of what it is on.
        frame: height and width, pixels.
    """

    def __init__(self, channels: int, frame: tuple[int, int]):
        super().__init__()
        self.gain = nn.Parameter(torch.zeros(channels, *frame))

    def forward(
        self, strict: Float[Tensor, "*batch channels height width"]
    ) -> Float[Tensor, "*batch channels height width"]:
        """Beside what it is on."""
        return self.between(strict, strict * (1 + self.gain.tanh()))


def _circular(inputs: int, outputs: int, kernel: int, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(
        inputs,
        outputs,
        kernel,
        padding=kernel // 2,
        padding_mode="circular",
        groups=groups,
        bias=False,
    )
