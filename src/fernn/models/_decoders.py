"""From the state, pooled over V, back to a frame."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Literal

from torch import nn

from fernn.cells import FlowEquivariantCell


def equivariant(
    cell: FlowEquivariantCell, layers: int, width: int
) -> Iterator[nn.Module]:
    """Convolutions that commute with the flow, and its projection at the end."""
    widths = [cell.hidden, *layers * [width]]
    for inputs, outputs in itertools.pairwise(widths):
        yield cell.layer("convolution", inputs, outputs)
        yield nn.ReLU()
    yield cell.layer("projection", widths[-1], cell.channels)


def ordinary(cell: FlowEquivariantCell, layers: int, width: int) -> Iterator[nn.Module]:
    """The paper's: of a state with orientations, convolutions that take no notice."""
    fibre = cell.flow.fibre
    widths = [cell.hidden * fibre, *layers * [width * fibre]]
    for inputs, outputs in itertools.pairwise(widths):
        yield cell.layer("ordinary", inputs, outputs)
        yield nn.ReLU()
    yield cell.layer("ordinary", widths[-1], cell.channels)


Decoder = Callable[[FlowEquivariantCell, int, int], Iterator[nn.Module]]
DecoderName = Literal["equivariant", "ordinary"]
DECODERS: dict[DecoderName, Decoder] = {
    "equivariant": equivariant,
    "ordinary": ordinary,
}
