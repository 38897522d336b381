"""Video prediction as its field measures it: errors summed over a frame, SSIM, PSNR.

Source: the numbers of OpenSTL, arXiv 2306.11249.
"""

from __future__ import annotations

from typing import Any

import torch
import xarray as xr
from torch import Tensor

from fernn.evaluation.subject import Subject, by_frame

TASK = ("forecast", "act")
HEADLINE = "mse"
MEANINGS = {
    "mse": ("squared error, sum over the pixels of a frame", "1"),
    "mae": ("absolute error, sum over the pixels of a frame", "1"),
    "ssim": ("structural similarity, prediction clamped to [0, 1]", "1"),
    "psnr": ("peak signal-to-noise ratio, prediction clamped to [0, 1]", "dB"),
}


@torch.no_grad()
def measure(subject: Subject, spec: dict[str, Any]) -> xr.Dataset:
    """Four numbers of every predicted frame of every sequence.

    Args:
        subject: a model and its test sequences.
        spec: ``context``, ``horizon`` and ``batch``.

    Returns:
        ``mse``, ``mae``, ``ssim`` and ``psnr`` (sample × frame). The first two are sums
        over pixels whose full ink is 1, as the field gives them: 4096 times the mean on
        frames of 64×64. A frame predicted exactly has an infinite ``psnr``.
    """
    return by_frame(subject, spec, quality, MEANINGS)


def quality(predicted: Tensor, true: Tensor) -> Tensor:
    """(mse, mae, ssim, psnr) × sample, of frames sample × channel × height × width."""
    from torchmetrics.functional.image import (
        peak_signal_noise_ratio,
        structural_similarity_index_measure,
    )

    apart, seen = predicted - true, predicted.clamp(0, 1)
    whole: dict[str, Any] = {"data_range": 1.0, "reduction": "none"}
    likeness = structural_similarity_index_measure(seen, true, **whole)
    ratio = peak_signal_noise_ratio(seen, true, dim=(1, 2, 3), **whole)
    assert isinstance(likeness, Tensor)  # it can give more, if asked
    sums = apart.square().sum((1, 2, 3)), apart.abs().sum((1, 2, 3))
    return torch.stack([*sums, likeness, ratio])
