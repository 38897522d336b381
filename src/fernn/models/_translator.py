r"""The blocks between SimVP's encoder and decoder: attention and a gated network.

A block is :math:`x \leftarrow x + \gamma_1 A(N_1 x)`, :math:`x \leftarrow x + \gamma_2
M(N_2 x)`, with normalisations N and one scale γ a channel. Its attention A has a large
kernel L, a small depthwise convolution and then a dilated one:

.. math::
    \text{gsta:}\quad A(x) &= x + P_2(\sigma(g) \odot u),
        \quad (u, g) = C\,L\,G P_1 x \\
    \text{tau:}\quad A(x) &= x + P_2(\mathrm{SE}(y) \odot C\,L\,y \odot y),
        \quad y = G P_1 x

P and C are 1×1 convolutions, G is GELU, and SE weighs channels by two linear layers of
their means over pixels. M is 1×1 to more channels, depthwise 3×3, GELU, 1×1. Where the
number of channels changes, a 1×1 convolution follows the block.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

Attention = Literal["gsta", "tau"]
Normalize = Literal["batch", "sample"]
Signal = Float[Tensor, "batch channel height width"]


def translator(
    conv: Callable[..., nn.Conv2d],
    channels: Sequence[int],
    attention: Attention,
    kernel: int,
    dilation: int,
    expansion: int,
    normalize: Normalize,
    scale: float,
) -> nn.Sequential:
    """Blocks from each number of channels to the next.

    Args:
        conv: makes a convolution with its boundary.
        channels: one more than blocks.
        attention: the kind.
        kernel: side of the large kernel.
        dilation: of its second part.
        expansion: of the channels in M.
        normalize: the kind.
        scale: the first value of γ.
    """
    parts: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(channels):
        attend = ATTENTIONS[attention](conv, inputs, kernel, dilation)
        parts.append(_Block(conv, inputs, attend, expansion, normalize, scale))
        if inputs != outputs:
            parts.append(nn.Conv2d(inputs, outputs, 1))
    return nn.Sequential(*parts)


class _Block(nn.Module):
    def __init__(
        self,
        conv: Callable[..., nn.Conv2d],
        channels: int,
        attend: nn.Module,
        expansion: int,
        normalize: Normalize,
        scale: float,
    ):
        super().__init__()
        wide = channels * expansion
        self.attend = attend
        self.mix = nn.Sequential(
            nn.Conv2d(channels, wide, 1),
            conv(wide, wide, 3, padding=1, groups=wide),
            nn.GELU(),
            nn.Conv2d(wide, channels, 1),
        )
        self.mix.apply(_by_fan_out)
        self.norms = nn.ModuleList(NORMS[normalize](channels) for _ in range(2))
        self.scales = nn.Parameter(torch.full((2, channels, 1, 1), float(scale)))

    def forward(self, signal: Signal) -> Signal:
        parts = zip((self.attend, self.mix), self.norms, self.scales, strict=True)
        for part, norm, scale in parts:
            signal = signal + scale * part(norm(signal))
        return signal


class _Large(nn.Sequential):
    """Depthwise, depthwise dilated, then 1×1: about a kernel of that side."""

    def __init__(
        self, conv: Callable, channels: int, outputs: int, kernel: int, dilation: int
    ):
        near = 2 * dilation - 1
        far = kernel // dilation
        far -= 1 - far % 2  # the next smaller odd side
        reach = dilation * (far - 1) // 2
        wide = {"groups": channels, "padding": reach, "dilation": dilation}
        super().__init__(
            conv(channels, channels, near, padding=near // 2, groups=channels),
            conv(channels, channels, far, **wide),
            nn.Conv2d(channels, outputs, 1),
        )


class Gated(nn.Module):
    """The attention of gSTA, with weights normal by fan-out."""

    def __init__(self, conv: Callable, channels: int, kernel: int, dilation: int):
        super().__init__()
        self.before = nn.Conv2d(channels, channels, 1)
        self.large = _Large(conv, channels, 2 * channels, kernel, dilation)
        self.after = nn.Conv2d(channels, channels, 1)
        self.apply(_by_fan_out)

    def forward(self, signal: Signal) -> Signal:
        kept, gate = self.large(nn.functional.gelu(self.before(signal))).chunk(2, dim=1)
        return signal + self.after(gate.sigmoid() * kept)


class Temporal(nn.Module):
    """The attention of TAU, with PyTorch's weights, as its code leaves them."""

    def __init__(self, conv: Callable, channels: int, kernel: int, dilation: int):
        super().__init__()
        few = max(1, channels // max(channels // 16, 4))
        self.before = nn.Conv2d(channels, channels, 1)
        self.large = _Large(conv, channels, channels, kernel, dilation)
        self.weigh = nn.Sequential(
            nn.Linear(channels, few, bias=False),
            nn.ReLU(),
            nn.Linear(few, channels, bias=False),
            nn.Sigmoid(),
        )
        self.after = nn.Conv2d(channels, channels, 1)

    def forward(self, signal: Signal) -> Signal:
        inner = nn.functional.gelu(self.before(signal))
        weights = self.weigh(inner.mean((2, 3)))[:, :, None, None]
        return signal + self.after(weights * self.large(inner) * inner)


def _by_fan_out(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        area = module.kernel_size[0] * module.kernel_size[1]
        fan_out = area * module.out_channels // module.groups
        nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _over_sample(channels: int) -> nn.Module:
    return nn.GroupNorm(1, channels)


ATTENTIONS: dict[Attention, Callable[..., nn.Module]] = {
    "gsta": Gated,
    "tau": Temporal,
}
NORMS: dict[Normalize, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm2d,
    "sample": _over_sample,
}
