"""Where models run."""

from __future__ import annotations

import torch


def device() -> torch.device:
    """The first accelerator, or the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
