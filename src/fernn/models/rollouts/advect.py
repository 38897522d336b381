r"""The last observed state is moved by its flow, and nothing else happens to it.

.. math:: \hat f_{T+j} = \mathrm{Dec}\bigl(\max_\nu \psi_j(\nu) \cdot h_T(\nu)\bigr)

No recurrence can drift: on a torus the forecast has the period of the flow. It is wrong
by construction where velocities change after the last observed frame. It is flow
equivariant for a closed V.

Source: heads of M. Samragh and others, 2025, arXiv 2507.11851, that a flow makes free.
"""

from __future__ import annotations

from typing import Any

from fernn.models.rollouts import Carry, Pooled, Unfed


class Advect(Unfed):
    """Decode the last observed state, moved by each velocity's own flow."""

    STACKED = ()
    recurrent = False

    def pool(self, model: Any, carry: Carry, count: int) -> tuple[Carry, list[Pooled]]:
        """That state, moved by so many numbers of steps, and pooled."""
        ahead = range(carry.ahead + 1, carry.ahead + count + 1)
        pooled = model.pool_advected(carry.state, carry.time, ahead)
        return carry._replace(ahead=carry.ahead + count), pooled


build = Advect
