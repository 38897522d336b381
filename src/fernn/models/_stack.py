"""Models of one structure as one model, whose channels are those of all of them.

Where a model has a small state, most of a step is spent between its operations. The
operations of several models are therefore done together: each convolution has a group
of channels for each of them, and whatever else a model does keeps its channels apart.
A class that does declares ``STACKED``, the names of its attributes that count for all
members. It holds for that class alone, not for those that inherit from it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fernn.cells.flow_equivariant._step import TorusConv2d
from labrun.errors import UserError

_CONVOLUTION = ("in_channels", "out_channels", "groups")
LAYERS: dict[type, tuple[str, ...]] = {
    nn.Conv2d: _CONVOLUTION,
    nn.Conv3d: _CONVOLUTION,
    TorusConv2d: _CONVOLUTION,
    nn.BatchNorm1d: ("num_features",),
    nn.BatchNorm2d: ("num_features",),
    nn.BatchNorm3d: ("num_features",),
    nn.Linear: ("in_features", "out_features"),
    nn.Sequential: (),
    nn.ReLU: (),
    nn.SELU: (),
    nn.Identity: (),
}


class Stack:
    """Models of one structure, which compute together.

    The tensors of the stack are those of its members one after the other, and those of
    the members are views of them from now on: an optimiser of a member moves its part.

    Args:
        members: alike but for the values of their weights.

    Attributes:
        network: the one model. It is given frames with the channels of all members
            beside each other, and answers likewise.

    Raises:
        UserError: they cannot be stacked, see `objection`.
    """

    def __init__(self, members: Sequence[nn.Module]):
        reason = objection(members[0])
        if reason:
            raise UserError(reason)
        self._members = list(members)
        self.network = _widened(members[0], len(members))
        self._parameters: list[tuple[nn.Parameter, list[nn.Parameter]]] = []
        for name in members[0].state_dict():
            self._share(name)
        self.network.train()

    def _share(self, name: str) -> None:
        """Join the members' tensors of a name, and make them views of the whole."""
        path, _, own = name.rpartition(".")
        layers = [each.get_submodule(path) for each in self._members]
        wide = self.network.get_submodule(path)
        tensors: list[Any] = [getattr(layer, own) for layer in layers]
        if tensors[0].ndim == 0:  # a count of batches, which all members share
            for layer in layers:
                setattr(layer, own, getattr(wide, own))
            return
        joined = torch.cat([tensor.detach() for tensor in tensors])
        parts = joined.chunk(len(tensors))
        if not isinstance(tensors[0], nn.Parameter):
            setattr(wide, own, joined)
            for layer, part in zip(layers, parts, strict=True):
                setattr(layer, own, part)
            return
        parameter = nn.Parameter(joined, tensors[0].requires_grad)
        setattr(wide, own, parameter)
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.data = part
        self._parameters.append((parameter, tensors))

    def backward(self, losses: Float[Tensor, " members"]) -> None:
        """Add the gradient of each member's loss; it is no function of the others."""
        losses.sum().backward()
        for whole, parameters in self._parameters:
            gradient = whole.grad
            parts: Sequence[Tensor | None] = len(parameters) * [None]
            if gradient is not None:
                parts = gradient.chunk(len(parameters))
            for parameter, part in zip(parameters, parts, strict=True):
                parameter.grad = part

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self.network.zero_grad()


def objection(model: nn.Module) -> str | None:
    """Why such models cannot be stacked, in a line; None if they can."""
    for part in _parts(model):
        counted = _counted(part)
        if counted is None:
            return f"{type(part).__name__} cannot be stacked"
        if "groups" in counted and part.groups > 1:
            return f"{type(part).__name__} of several groups cannot be stacked"
    return None


def _parts(model: nn.Module) -> Iterator[Any]:
    """All that computes: the modules, and a roll-out."""
    yield from model.modules()
    if hasattr(model, "rollout"):
        yield model.rollout


def _counted(part: Any) -> tuple[str, ...] | None:
    """The attributes that count for all members; None if it is not known."""
    return LAYERS.get(type(part), vars(type(part)).get("STACKED"))


def _widened(model: nn.Module, members: int) -> nn.Module:
    """A copy with the sizes of all members; its weights are still those of one."""
    wide = copy.deepcopy(model)
    for module in [*wide.modules()]:
        for name in _counted(module) or ():
            setattr(module, name, members * getattr(module, name))
        for name, child in module.named_children():
            if type(child) is nn.Linear:
                setattr(module, name, _Linear(child, members))
    return wide


class _Linear(nn.Module):
    """Linear layers beside each other; weights are those of all of them.

    Args:
        layer: one of them.
        members: how many.
    """

    bias: Tensor | None

    def __init__(self, layer: nn.Linear, members: int):
        super().__init__()
        self.members = members
        self.weight, self.bias = layer.weight, layer.bias

    def forward(
        self, signal: Float[Tensor, "batch inputs"]
    ) -> Float[Tensor, "batch outputs"]:
        """Each of its own part of the inputs."""
        parts = signal.unflatten(1, (self.members, -1))
        weights = self.weight.unflatten(0, (self.members, -1))
        found = torch.einsum("bmi,moi->bmo", parts, weights).flatten(1)
        return found if self.bias is None else found + self.bias
