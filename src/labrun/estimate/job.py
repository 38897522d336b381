"""A job of a workflow: its rule, what it waits for, what it computes."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

Key = tuple[str, ...]
STAGES = ("tune", "train", "evaluate")
# Rules of these stages.
OTHERS = {"trial": "tune", "train_seeds": "train", "learn": "train"}


class Work(Protocol):
    """A part of what a job computes; whoever makes the jobs knows what it is."""

    @property
    def frames(self) -> float:
        """Its size, to which its time is proportional: frames that a network sees."""
        ...


@dataclass(frozen=True)
class Job:
    """One job of the workflow.

    Attributes:
        rule: its name.
        names: its wildcards, as in the name of its benchmark file.
        after: the jobs it waits for.
        model: the name of the model that it is about.
        devices: GPUs it asks for.
        works: what it computes, each a `Work`.
        alike: jobs that share an entry take as long, per frame; nearest first.
    """

    rule: str
    names: tuple[str, ...] = ()
    after: tuple[Key, ...] = ()
    model: str = ""
    devices: int = 0
    works: tuple[Any, ...] = ()
    alike: tuple[Hashable, ...] = ()

    @property
    def key(self) -> Key:
        """Rule and wildcards."""
        return (self.rule, *self.names)

    @property
    def stage(self) -> str:
        """``tune``, ``train``, ``evaluate`` or ``rest``."""
        rule = OTHERS.get(self.rule, self.rule)
        return rule if rule in STAGES else "rest"

    @property
    def frames(self) -> float:
        """The size of all its works."""
        return sum(work.frames for work in self.works)

    @property
    def width(self) -> int:
        """Places that it takes: its devices, or one."""
        return max(self.devices, 1)

    @property
    def benchmark(self) -> str:
        """Its benchmark file below the folder of all, without the suffix."""
        return "/".join(filter(None, [self.rule, ".".join(self.names)]))


def needed(jobs: Mapping[Key, Job], last: Iterable[Key]) -> set[Key]:
    """Some jobs and all that they wait for, directly or not."""
    found: set[Key] = set()
    waiting = [key for key in last if key in jobs]
    while waiting:
        key = waiting.pop()
        if key not in found:
            found.add(key)
            waiting += jobs[key].after
    return found
