r"""The state is moved by its flow and decoded; that prediction is fed.

.. math:: \hat f_{t+1} = \mathrm{Dec}\bigl(\max_\nu \psi_1(\nu) \cdot h_t(\nu)\bigr)

It is flow equivariant for a closed V.
"""

from __future__ import annotations

from typing import Any

from fernn.models.rollouts import Carry, Frame, RollOut, lift


class Shifted(RollOut):
    """Decode the moved state, then feed the prediction."""

    STACKED = ()

    def step(self, model: Any, carry: Carry) -> tuple[Carry, Frame]:
        """Take in the newest prediction, if there is one, and decode."""
        state, time = carry.state, carry.time
        if carry.fed is not None:
            state, time = model.cell(lift(model, carry), state), time + 1
        prediction = model.decode_moved(state, time)
        return Carry(state, time, prediction.clamp(0, 1)), prediction


build = Shifted
