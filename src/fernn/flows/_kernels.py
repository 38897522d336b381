"""What kernels for GPUs ask of the machine, and of the numbers they get."""

from __future__ import annotations

import os
from importlib.util import find_spec

import torch
from torch import Tensor

from labrun.errors import UserError

INTERPRET = "TRITON_INTERPRET"  # "1" runs kernels without a GPU, to try them


def require(device: torch.device, instead: str) -> None:
    """Refuse to run kernels where they cannot.

    Args:
        device: where the numbers are.
        instead: the execution that does without.

    Raises:
        UserError: the package triton or a GPU is missing.
    """
    if find_spec("triton") is None:
        raise UserError("execution 'triton' needs the package: pip install triton")
    if device.type == "cpu" and os.environ.get(INTERPRET) != "1":
        raise UserError(
            f"execution 'triton' needs a GPU; use execution {instead!r}, or"
            f" {INTERPRET}=1 to try it without"
        )


def computed(signal: Tensor) -> Tensor:
    """The same in the precision of mixed precision, if that is on."""
    device = signal.device.type
    if device != "meta" and torch.is_autocast_enabled(device):
        return signal.to(torch.get_autocast_dtype(device))
    return signal
