"""A job of the workflow: its rule, what it waits for, what it computes."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from fernn.estimate.work import Work

Key = tuple[str, ...]
STAGES = ("tune", "train", "evaluate")


@dataclass(frozen=True)
class Job:
    """One job of the workflow.

    Attributes:
        rule: its name.
        names: its wildcards, as in the name of its benchmark file.
        after: the jobs it waits for.
        model: the name of the model that it is about.
        devices: GPUs it asks for.
        works: what it computes.
        alike: jobs that share an entry take as long, per frame; nearest first.
    """

    rule: str
    names: tuple[str, ...] = ()
    after: tuple[Key, ...] = ()
    model: str = ""
    devices: int = 0
    works: tuple[Work, ...] = ()
    alike: tuple[Hashable, ...] = ()

    @property
    def key(self) -> Key:
        """Rule and wildcards."""
        return (self.rule, *self.names)

    @property
    def stage(self) -> str:
        """``tune``, ``train``, ``evaluate`` or ``rest``."""
        rule = "tune" if self.rule == "trial" else self.rule
        return rule if rule in STAGES else "rest"

    @property
    def frames(self) -> float:
        """Frames that networks see in it."""
        return sum(work.frames for work in self.works)
