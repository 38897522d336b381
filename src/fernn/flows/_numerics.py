"""The precision of mixed precision, and matrix products by oneDNN in place of MKL.

On processors that are not Intel's, MKL leaves half of AVX-512's width unused; oneDNN,
which computes torch's convolutions, does not, and has an operator of its own in torch.
"""

from __future__ import annotations

import functools

import torch
from jaxtyping import Float
from torch import Tensor


def autocast(signal: Tensor) -> Tensor:
    """The signal in the precision of an autocast context, if there is one."""
    device = signal.device.type
    if device != "meta" and torch.is_autocast_enabled(device):
        return signal.to(torch.get_autocast_dtype(device))
    return signal


def product(left: Float[Tensor, "m k"], right: Float[Tensor, "k n"]) -> Tensor:
    """The matrix product."""
    return _by_one_dnn(left, right) if _fits(left, right) else left @ right


def products(
    left: Float[Tensor, "frequency m k"], right: Float[Tensor, "frequency k n"]
) -> Float[Tensor, "frequency m n"]:
    """The matrix product at each frequency."""
    if not _fits(left, right):
        return left @ right
    pairs = zip(left, right, strict=True)
    return torch.stack([_by_one_dnn(one, other) for one, other in pairs])


def add_products(
    total: Float[Tensor, "frequency m n"],
    left: Float[Tensor, "frequency m k"],
    right: Float[Tensor, "frequency k n"],
) -> None:
    """Add the matrix product at each frequency to the total, in place."""
    if not _fits(left, right):
        total.baddbmm_(left, right)
        return
    for own, one, other in zip(total, left, right, strict=True):
        own += _by_one_dnn(one, other)


def _fits(left: Tensor, right: Tensor) -> bool:
    kinds = {(tensor.device.type, tensor.dtype) for tensor in (left, right)}
    return kinds == {("cpu", torch.float32)} and _has_one_dnn()


@functools.cache
def _has_one_dnn() -> bool:
    built = torch.backends.mkldnn.is_available()
    return built and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def _by_one_dnn(left: Tensor, right: Tensor) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(left, right.t(), None, "none", [], "")
