r"""How the recurrent kernel begins: as Torch draws it, or equal to its mirror image.

What a slot follows is its own shift and the kernel's together: a kernel moved by
:math:`\delta` with the slots of V renamed from :math:`\nu` to :math:`\nu - \delta` is
the same network. Data slower than V leave open which of these it becomes, and the
chances of a random beginning decide: it may cover other velocities than its V says. A
kernel that is the same in opposite directions moves nothing by itself.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from fernn.flows._regular import RegularConvolution

Initial = Literal["random", "symmetric"]


@torch.no_grad()
def begin(convolution: nn.Module, initial: Initial) -> None:
    """Make a random kernel what it is to be; a symmetric one has the same variance.

    One of a rotation flow turns no image, so it stays as it was drawn.

    Args:
        convolution: from a state to a state, of any flow.
        initial: an `Initial`.
    """
    if initial == "random" or isinstance(convolution, RegularConvolution):
        return
    weight = convolution.weight
    assert isinstance(weight, Tensor)
    symmetric = weight + weight.flip(-2, -1)
    weight.copy_(symmetric * (weight.norm() / symmetric.norm()))
