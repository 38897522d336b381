"""Where a training runs: here one device in single precision, which needs torch alone.

Several devices and mixed precision are left to Lightning Fabric, whose import takes as
long as torch's; see `fernn.training.several_devices`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import torch
from torch import Tensor, nn

from fernn.devices import allow_rounding, device
from fernn.training.settings import PRECISIONS, Precision


class Fabric:
    """One device: what training uses of Lightning's class of this name, done plainly.

    Attributes:
        device: where the model and its data are.
        world_size: how many devices there are.
        global_rank: which of them this is.
        is_global_zero: whether it is the first.
    """

    world_size = 1
    global_rank = 0
    is_global_zero = True

    def __init__(self):
        self.device = device()

    def setup(self, module: nn.Module, *optimisers: torch.optim.Optimizer) -> Any:
        """The module, moved to the device, and the optimisers of its parameters."""
        module.to(self.device)
        return (module, *optimisers) if optimisers else module

    def backward(self, loss: Tensor) -> None:
        """Add the gradient of a loss."""
        loss.backward()

    def no_backward_sync(self, module: Any, enabled: bool) -> AbstractContextManager:
        """There is nobody to wait for."""
        return nullcontext()

    def autocast(self) -> AbstractContextManager:
        """No number is rounded further."""
        return nullcontext()

    def clip_gradients(
        self,
        module: Any,
        optimiser: torch.optim.Optimizer,
        max_norm: float,
        error_if_nonfinite: bool,
    ) -> Tensor:
        """Limit the norm of the gradient; returns what it was."""
        groups = optimiser.param_groups
        parameters = [each for group in groups for each in group["params"]]
        return nn.utils.clip_grad_norm_(
            parameters, max_norm, error_if_nonfinite=error_if_nonfinite
        )

    def broadcast(self, value: Any) -> Any:
        """What the first device has."""
        return value

    def all_reduce(self, value: Tensor, reduce_op: str) -> Tensor:
        """The mean, or the sum, of what the devices have."""
        return value


def make_fabric(devices: int = 1, precision: Precision = "float32") -> Fabric:
    """Devices of this machine; training uses of them what `Fabric` offers."""
    allow_rounding(precision == "tf32")
    if devices == 1 and PRECISIONS[precision] == "32-true":
        return Fabric()
    from fernn.training.several_devices import launch

    return cast(Fabric, launch(devices, precision))
