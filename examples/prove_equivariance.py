"""Prove that a cell of your own is flow equivariant.

A cell takes one lifted frame and the state of all slots, and returns the next state.
`fernn.testing.assert_flow_equivariant` feeds it a random video and the same video in
motion, for each velocity of V, and compares the states. The first cell below keeps the
law. The second forgets to move its state, and the message says where it fails.
"""

import torch

import fernn
from fernn.cells import Cell
from fernn.testing import assert_flow_equivariant


class Leaky(Cell):
    """The moved state fades, and the new frame is added."""

    def __init__(self, flow, hidden):
        super().__init__(flow, hidden=hidden)
        self.mix = self.layer("convolution", hidden, hidden)

    def forward(self, lifted, state):
        """The next state; no frame, or no state, is None."""
        if state is None:
            return self.for_each_slot(torch.tanh(lifted))
        moved = self.move(state)
        mixed = self.mix(moved.flatten(0, 1)).unflatten(0, moved.shape[:2])
        return 0.9 * moved + 0.1 * torch.tanh(mixed + (0 if lifted is None else lifted))


class Resting(Leaky):
    """The same without the move of its slots."""

    def move(self, state):
        """The state as it is."""
        return state


torch.manual_seed(0)
flow = fernn.Translation(fernn.square(1), size=8)
assert_flow_equivariant(Leaky(flow, hidden=4), flow)
print("Leaky: equivariant under every velocity of", len(flow.velocities))
try:
    assert_flow_equivariant(Resting(flow, hidden=4), flow)
except AssertionError as error:
    print("Resting:", error)
