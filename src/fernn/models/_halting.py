r"""Adaptive computation time: each token says after which step it is done.

.. math::
   p_s = \sigma(w \cdot y_s + b), \quad
   n = \min\{s : \textstyle\sum_{r \le s} p_r > 1 - \varepsilon\} \text{ or the last} \\
   R = 1 - \textstyle\sum_{s < n} p_s, \quad
   y = \textstyle\sum_{s < n} p_s y_s + R\, y_n

A. Graves, 2016 (arXiv 1603.08983), for each token as in M. Dehghani and others, ICLR
2019 (arXiv 1807.03819). At the last step what remains is given to it, so that weights
always sum to one; the reference of the second paper does not, and they need not.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

Steps = Float[Tensor, "*token step"]
ENOUGH = 0.01  # ε, what may be missing to a sum of one


class Halting(nn.Module):
    """The weights of a token's steps.

    Args:
        width: of a token.
        bias: b at first; a lower one takes more steps.

    Attributes:
        on: whether tokens halt; if not, the last step counts alone.
    """

    def __init__(self, width: int, bias: float = 1.0):
        super().__init__()
        self.on = True
        self.ask = nn.Linear(width, 1)
        nn.init.constant_(self.ask.bias, bias)

    def forward(
        self, states: Float[Tensor, "*token step width"]
    ) -> tuple[Float[Tensor, "*token width"], Float[Tensor, "*token"]]:
        """The output of each token, and what it pondered: n + R.

        The gradient of the latter is that of R, which n does not have.
        """
        if not self.on:
            return states[..., -1, :], states.new_zeros(states.shape[:-2])
        found = weights(torch.sigmoid(self.ask(states)[..., 0]))
        steps = (found > 0).sum(-1)
        remainder = found.gather(-1, steps[..., None] - 1)[..., 0]
        return (found[..., None] * states).sum(-2), steps + remainder


def weights(shares: Steps) -> Steps:
    """Of each step, from what each token asks for after it, between 0 and 1."""
    before = shares.cumsum(-1) - shares
    enough = before + shares > 1 - ENOUGH
    last = torch.arange(shares.shape[-1], device=shares.device) == shares.shape[-1] - 1
    enough = enough | last
    earlier = enough.cumsum(-1) - enough.long() > 0  # it has halted before
    given = torch.where(enough, 1 - before, shares)
    return given.masked_fill(earlier, 0)
