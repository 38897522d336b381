"""Kernels that turn by a phase: radial profiles times circular harmonics."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

# A basis: for a kernel's side and its pixels' radii, (order m, profile) in turn.
Profiles = list[tuple[int, Tensor]]


def gauss(kernel: int, radius: Tensor) -> Profiles:
    """Gauss-derivatives: two profiles of order 0, one of order 1, one of order 2.

    Six real functions, smooth, with the lowest sampling error of those compared on 5×5
    pixels (docs/rotation.md).
    """
    width = 0.3 + 0.1 * kernel
    bell = torch.exp(-(radius**2) / (2 * width**2))
    return [(0, bell), (0, radius**2 * bell), (1, radius * bell), (2, radius**2 * bell)]


def rings(kernel: int, radius: Tensor) -> Profiles:
    """Gaussian rings at whole radii, orders up to 2: the published kernels.

    The inmost ring is the centre pixel alone. Six real functions on 3×3 pixels, eleven
    on 5×5. The widths are those of the library that the paper's code builds on
    (Weiler & Cesa, General E(2)-equivariant steerable CNNs, 2019; escnn).
    """
    outmost = kernel // 2
    found: Profiles = []
    for order in range(3):
        for ring in range(outmost + 1):
            if order == 0 or ring > 0:
                width = 0.005 if ring == 0 else 0.4 if ring == outmost else 0.6
                profile = torch.exp(-((radius - ring) ** 2) / (2 * width**2))
                found.append((order, profile))
    return found


Basis = Literal["gauss", "rings"]
BASES: dict[Basis, Callable[[int, Tensor], Profiles]] = {"gauss": gauss, "rings": rings}
KERNELS: dict[Basis, int] = {"gauss": 5, "rings": 3}  # the side that each is made for


@functools.cache
def harmonics(
    basis: Basis, kernel: int
) -> tuple[
    Int[Tensor, " profile"],
    Float[Tensor, "profile tall wide"],
    Float[Tensor, "profile tall wide"],
]:
    r"""The orders m and the real and imaginary parts of the basis functions.

    .. math:: \varphi_j(u) = \rho_j(|u|)\, e^{i m_j \theta(u)} = A_j + i S_j,
              \qquad \varphi_j(R_{-\alpha} u) = e^{-i m_j \alpha} \varphi_j(u)

    with the angle :math:`\theta` counter-clockwise from the columns' direction.
    Functions have unit norm; those of one order are orthogonal. In double precision.

    Args:
        basis: ``gauss`` or ``rings``.
        kernel: side, pixels, odd.
    """
    with torch.inference_mode(False), torch.device("cpu"):
        return _harmonics(basis, kernel)


def _harmonics(basis: Basis, kernel: int) -> tuple[Tensor, Tensor, Tensor]:
    steps = torch.arange(kernel, dtype=torch.float64) - kernel // 2
    up, right = -steps[:, None].expand(-1, kernel), steps.expand(kernel, -1)
    radius, angle = torch.hypot(up, right), torch.atan2(up, right)
    orders, found = [], []
    for order, profile in BASES[basis](kernel, radius):
        if order:
            profile = profile * (radius > 0)
        for earlier, other in zip(orders, found, strict=True):
            if earlier == order:
                profile = profile - (profile * other).sum() * other
        orders.append(order)
        found.append(profile / profile.norm())
    order = torch.tensor(orders)
    phase = order[:, None, None] * angle
    radial = torch.stack(found)
    return order, radial * phase.cos(), radial * phase.sin()


@functools.cache
def turned(
    basis: Basis,
    kernel: int,
    orientations: int,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> Float[Tensor, "orientation function tall wide"]:
    r"""All real basis functions, turned counter-clockwise by :math:`2\pi s/N`.

    A profile of order 0 is one function; of a higher one two, :math:`A_j` and
    :math:`S_j`.
    """
    with torch.inference_mode(False):
        return _turned(basis, kernel, orientations).to(device, dtype)


def _turned(basis: Basis, kernel: int, orientations: int) -> Tensor:
    order, real, imaginary = harmonics(basis, kernel)
    rows = []
    for step in range(orientations):
        functions = []
        for m, a, s in zip(order.tolist(), real, imaginary, strict=True):
            alpha = 2 * math.pi * step * m / orientations
            functions.append(a * math.cos(alpha) + s * math.sin(alpha))
            if m:
                functions.append(s * math.cos(alpha) - a * math.sin(alpha))
        rows.append(torch.stack(functions))
    return torch.stack(rows)
