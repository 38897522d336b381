"""The error at angular velocities never seen, Fig. 5: as of other velocities."""

from __future__ import annotations

from fernn.reproduction.velocity_generalization import QUANTITIES, numbers

__all__ = ["QUANTITIES", "numbers"]
