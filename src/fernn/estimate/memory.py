"""Memory of a training step on a GPU, from the shapes of its tensors alone.

The step runs on torch's `meta` device, where tensors have a size but no memory. What
lives at the same time is counted when it is made, as an allocator would.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef

from fernn.estimate.flop import Blank, build, task_of
from fernn.estimate.work import Network
from fernn.models import parameters
from fernn.shapes import Shapes
from fernn.training.settings import Precision

STATES = 4  # numbers of a weight: itself, its gradient, and Adam's two moments
BYTES = 4  # of a weight
SHARES = {"bfloat16": 0.5}  # of the bytes of states that a precision takes
CONVOLUTION = torch.ops.aten.convolution.default
GRADIENTS = torch.ops.aten.convolution_backward.default


def of_training(
    network: Network,
    batch: int,
    context: int,
    horizon: int,
    precision: Precision = "float32",
) -> float:
    """Bytes of weights, their optimiser and a step, without what libraries need.

    docs/gpu.md compares it with what an allocator measured on a card.
    """
    model, (task, loss) = build(network), task_of(network)
    seen, target = task.batch(Blank(network.size), 0, batch, context, horizon)
    with Living() as living:
        loss(model(*seen), target).backward()
    model.zero_grad()
    held = STATES * BYTES * parameters(model)
    return held + SHARES.get(precision, 1.0) * living.most


class Living(Shapes):
    """Counts the bytes of tensors that live at the same time.

    Attributes:
        most: bytes at the worst moment, of tensors made within.
    """

    def __init__(self):
        super().__init__()
        self.most = 0
        self._now = 0  # of those in `_made`, the dead among them
        self._made: dict[StorageWeakRef, int] = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        """See `TorchDispatchMode`."""
        found = super().__torch_dispatch__(func, types, args, kwargs)
        if func in (CONVOLUTION, GRADIENTS):
            found = _in_the_order_of(args[0], found)
        for each in found if isinstance(found, (tuple, list)) else (found,):
            if isinstance(each, Tensor):
                self._count(each.untyped_storage())
        return found

    def _count(self, storage: torch.UntypedStorage) -> None:
        """Count one that is new; the dead are forgotten when they would matter."""
        made = StorageWeakRef(storage)
        if made in self._made:
            return
        self._made[made] = storage.nbytes()
        self._now += storage.nbytes()
        if self._now > self.most:
            for dead in [each for each in self._made if each.expired()]:
                self._now -= self._made.pop(dead)
            self.most = max(self.most, self._now)


def _in_the_order_of(images: Tensor, found: Any) -> Any:
    """Results of a convolution in the memory order of its input, as devices have them.

    On `meta` channels are never last, and every use of a result would be a copy.
    """
    if isinstance(found, tuple):
        return _in_the_order_of(images, found[0]), *found[1:]
    if found is None or images.dim() != 4:
        return found
    last = images.is_contiguous(memory_format=torch.channels_last)
    return found.contiguous(memory_format=torch.channels_last) if last else found
