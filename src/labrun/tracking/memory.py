"""The points seen of the runs that are under way, kept from pass to pass."""

from __future__ import annotations

from pathlib import Path

from labrun.tracking.events import stretches
from labrun.tracking.fold import Fold


class Memory:
    """Folds by run, each good for exact positions in the spools of the run."""

    def __init__(self) -> None:
        self._folds: dict[str, tuple[dict[Path, int], Fold]] = {}

    def take(self, key: str, positions: dict[Path, int]) -> Fold:
        """The fold of a run up to these byte offsets, by path; no longer kept here.

        If another process has sent points since, or this one has just begun, it is
        made again from the spools.
        """
        known, fold = self._folds.pop(key, ({}, Fold()))
        if known == positions:
            return fold
        fold = Fold()
        for path, offset in positions.items():
            for events, _ in stretches(path, 0, offset):
                fold.add(events)
        return fold

    def put(self, key: str, fold: Fold, positions: dict[Path, int]) -> None:
        """Keep a fold whose points have all arrived."""
        self._folds[key] = positions, fold
