"""Matrix memories that learn by other losses and retentions: Yaad, Moneta, Memora.

Source: A. Behrouz and others, 2025, arXiv 2504.13173.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from fernn.models.temporal import Mixer, Signal, Space, at_least_one, per_frame
from labrun.errors import require_known

LIFTED = True
Rule = Literal["yaad", "moneta", "memora"]
Vector = Float[Tensor, "sample _ height width"]
Memory = Float[Tensor, "sample _ key height width"]
Scale = Float[Tensor, "sample 1 1 height width"]
ROUND = 1e-6  # where the absolute value of Moneta's loss is rounded off


class Miras(Mixer):
    r"""A memory W of a pixel, which takes one gradient step for each frame.

    With :math:`e = W k - v` and retention α, rate η and threshold δ of the frame:

    * ``yaad``: :math:`W \leftarrow \alpha W - \eta \min(1, \delta / \lVert e \rVert)\,
      e k^\top`, the gradient of a Huber loss: no value moves it by more than ηδ‖k‖.
    * ``moneta``: :math:`A \leftarrow \alpha A - \eta\, |e|^2 \mathrm{sign}(e)\,
      k^\top`, of an :math:`\ell_3` loss, and
      :math:`W = A / \max(1, \lVert A \rVert_4^2)`.
    * ``memora``: :math:`W \leftarrow \mathrm{softmax}(\alpha \log W - \eta\, e k^\top)`
      over keys, of two halves, whose difference is read: each row is a distribution.

    The read-out is :math:`y_t = W_t q_t`; k, q have unit length. The rules are those of
    Miras (A. Behrouz et al., arXiv 2504.13173), as far as second-hand notes tell them;
    the matrix memory, the smooth Huber loss, the bound of Moneta's norm from below and
    the two halves of Memora are ours. State of a pixel: width², for Memora twice that.

    Args:
        space: where it computes.
        hidden: channels of x.
        rule: ``yaad``, ``moneta`` or ``memora``.
        width: length of keys and of values.

    Raises:
        UserError: an unknown rule, or a width below one.
    """

    def __init__(self, space: Space, hidden: int, rule: Rule = "yaad", width: int = 8):
        require_known("rule", rule, get_args(Rule))
        (width,) = at_least_one(width=width)
        super().__init__(space, hidden, width)
        self.rule: Rule = rule
        self.project = space.convolution(hidden, 3 * width)
        self.rate = space.convolution(hidden, 3)

    def mix(self, signal: Signal, state: Memory | None) -> tuple[Signal, Memory]:
        """See `Mixer.mix`; the state is W, of Moneta A, of Memora log W."""
        query, key, value = per_frame(self.project, signal).chunk(3, dim=2)
        query, key = F.normalize(query, dim=2), F.normalize(key, dim=2)
        keep, rate, bound = per_frame(self.rate, signal)[:, :, :, None].unbind(2)
        keep, rate = (
            torch.sigmoid(keep + 2)[:, :, None],
            torch.sigmoid(rate)[:, :, None],
        )
        bound = F.softplus(bound)[:, :, None]
        step, weights = RULES[self.rule]
        if state is None:
            state = empty(self.rule, value[:, 0], key[:, 0])
        outputs = []
        for time in range(signal.shape[1]):
            scales = keep[:, time], rate[:, time], bound[:, time]
            state = step(state, key[:, time], value[:, time], *scales)
            outputs.append(apply(weights(state), query[:, time]))
        return torch.stack(outputs, dim=1), state


def apply(memory: Memory, key: Vector) -> Vector:
    """W k for each pixel."""
    return (memory * key.unsqueeze(1)).sum(2)


def yaad(
    memory: Memory, key: Vector, value: Vector, keep: Scale, rate: Scale, bound: Scale
) -> Memory:
    """A step of the Huber loss, see `Miras`."""
    wrong = (apply(memory, key) - value).unsqueeze(2)
    far = wrong.square().sum(1, keepdim=True).clamp_min(ROUND**2).sqrt()
    return keep * memory - rate * (bound / far).clamp_max(1) * wrong * key.unsqueeze(1)


def moneta(
    memory: Memory, key: Vector, value: Vector, keep: Scale, rate: Scale, bound: Scale
) -> Memory:
    """A step of the cubic loss, see `Miras`; sign and absolute value are smooth."""
    wrong = (apply(normalised(memory), key) - value).unsqueeze(2)
    pull = torch.tanh(10 * wrong) * (wrong.square() + ROUND)
    return keep * memory - rate * pull * key.unsqueeze(1)


def normalised(memory: Memory) -> Memory:
    """W of Moneta from A."""
    norm = memory.pow(4).sum((1, 2), keepdim=True).clamp_min(1).sqrt()
    return memory / norm


def memora(
    memory: Memory, key: Vector, value: Vector, keep: Scale, rate: Scale, bound: Scale
) -> Memory:
    """A step on the simplex, see `Miras`; the memory is log W of both halves."""
    wrong = (apply(halves(memory), key) - value).unsqueeze(2)
    both = torch.cat([wrong, -wrong], dim=1)
    return F.log_softmax(keep * memory - rate * both * key.unsqueeze(1), dim=2)


def halves(memory: Memory) -> Memory:
    """The difference of Memora's halves."""
    first, second = memory.exp().chunk(2, dim=1)
    return first - second


def empty(rule: Rule, value: Vector, key: Vector) -> Memory:
    """The memory before the first frame: zero, of Memora the uniform distribution."""
    width, rows = key.shape[1], value.shape[1]
    rows = 2 * rows if rule == "memora" else rows
    zero = value.new_zeros(len(value), rows, width, *value.shape[2:])
    return F.log_softmax(zero, dim=2) if rule == "memora" else zero


RULES: dict[Rule, tuple[Callable[..., Memory], Callable[[Memory], Memory]]] = {
    "yaad": (yaad, lambda memory: memory),
    "moneta": (moneta, normalised),
    "memora": (memora, halves),
}


def build(
    space: Space, inputs: int, hidden: int, *, rule: Rule = "yaad", width: int = 8
) -> Miras:
    """See `Miras`; its input is lifted."""
    return Miras(space, hidden, rule, width)
