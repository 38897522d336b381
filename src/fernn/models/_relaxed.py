"""The relaxations of a model: where they are, and the strict model within."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from fernn.cells import Relaxation, RelaxedCell
from fernn.cells.flow_equivariant._relaxations import Place

HOLDER = "relaxed"  # the name of what holds relaxations, in cells and in decoders


def relax_output(decoder: nn.Sequential, cell: RelaxedCell) -> None:
    """Put the relaxation ``readout`` at the end of a decoder of the cell's frames."""
    assert cell.flow.torus is not None
    holder = nn.Sequential()
    holder.add_module("readout", Place(cell.channels, cell.flow.torus))
    decoder.add_module(HOLDER, holder)


def relaxations_of(model: nn.Module) -> dict[str, Relaxation]:
    """The relaxations of a model by name, in the order of its modules."""
    found = model.named_modules()
    return {
        path.rpartition(".")[2]: part
        for path, part in found
        if isinstance(part, Relaxation)
    }


@contextmanager
def strictly(model: nn.Module) -> Iterator[None]:
    """γ = 0 of all relaxations within."""
    gammas = [part.gamma for part in relaxations_of(model).values()]
    before = [gamma.detach().clone() for gamma in gammas]
    try:
        with torch.no_grad():
            for gamma in gammas:
                gamma.zero_()
        yield
    finally:
        with torch.no_grad():
            for gamma, value in zip(gammas, before, strict=True):
                gamma.copy_(value)


def strict(
    spec: Mapping[str, Any], weights: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The specification and the weights of the strict model within a relaxed one."""
    kept = {name: value for name, value in spec.items() if name != "relaxations"}
    if isinstance(kept.get("cell"), dict):
        kept["cell"] = strict(kept["cell"], {})[0]
    own = {k: value for k, value in weights.items() if HOLDER not in k.split(".")}
    return kept, own
