"""The smallest weights are set to zero, without training after it.

By magnitude, as in the paper on the sparsity of recurrent networks. All slots share
their weights, so that a model with fewer of them is as equivariant as before.

Source: arXiv 2407.20938.
"""

from __future__ import annotations

import copy
from typing import Literal

from torch import nn
from torch.nn.utils import prune

from labrun.errors import UserError

NEUTRAL = {"share": 0.0}
Scope = Literal["layer", "global"]


def objection(*, share: float = 0.0, of: str = "all", scope: str = "layer"):
    """Refuse a share outside 0 to 1: the reason in one line, or None."""
    if not 0 <= share <= 1:
        return f"share must be from 0 to 1, got {share}"
    return None


def treat(
    model: nn.Module, *, share: float = 0.0, of: str = "all", scope: Scope = "layer"
) -> nn.Module:
    """A copy with so many zeros.

    Args:
        model: any; biases are kept.
        share: of the weights, from 0 to 1; each number of zeros is rounded.
        of: ``all``, or a part of a model by its name, such as ``cell``, ``decoder``,
            ``conv_u`` (from frames to states) or ``conv_h`` (from states to states).
        scope: the smallest of each ``layer``, or of all of them (``global``).

    Raises:
        UserError: no part has that name.
    """
    found = copy.deepcopy(model)
    chosen = _matrices(found, of)
    if scope == "global":
        prune.global_unstructured(chosen, prune.L1Unstructured, amount=float(share))
    for layer, name in chosen:
        if scope == "layer":
            prune.l1_unstructured(layer, name, amount=float(share))
        prune.remove(layer, name)
    return found


def _matrices(model: nn.Module, of: str) -> list[tuple[nn.Module, str]]:
    """The layers of a part, and the name of each weight in them."""
    found, parts = [], set[str]()
    for path, layer in model.named_modules():
        for name, weight in layer.named_parameters(recurse=False):
            if weight.ndim > 1:
                within = {*path.split("."), name, "all"}
                parts |= within
                found += [(layer, name)] if of in within else []
    if not found:
        known = sorted(part for part in parts if part and not part.isdigit())
        raise UserError(f"treatment prune: no part {of!r}; known: {', '.join(known)}")
    return found
