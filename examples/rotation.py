"""Rotations: a state with orientations.

The same cell, another flow: V holds angular velocities in degrees per frame, and each
hidden channel has N orientations. Quarter turns of pixels are exact, so the law holds
to rounding. Turns by 45 degrees interpolate, and the error of the law is that of the
interpolation. It is large for noise, and small for smooth frames.
"""

import torch

from fernn.cells import ComovingCell
from fernn.flows.rotation import Rotation
from fernn.testing import assert_flow_equivariant

torch.manual_seed(0)
quarter = Rotation([(0,), (90,), (180,), (270,)], orientations=4)
assert_flow_equivariant(ComovingCell(quarter, hidden=2), quarter, size=9)
print("quarter turns: equivariant to rounding")

eighth = Rotation([(turn,) for turn in range(0, 360, 45)], orientations=8)
try:
    assert_flow_equivariant(ComovingCell(eighth, hidden=2), eighth, size=9)
except AssertionError as error:
    print("turns by 45 degrees, of noise:", error)

frame = torch.zeros(1, 1, 9, 9)
frame[..., 2, 3:6] = 1
turned = quarter.act(frame, (90,), 1)
column = turned[0, 0].sum(0).argmax().item()
print("row 2, turned by 90 degrees counter-clockwise, is column", column)
