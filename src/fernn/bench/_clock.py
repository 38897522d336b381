"""Processor time of things that take turns, so that a busy machine favours none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from statistics import median

from fernn.allocator import keep_freed_memory

Times = dict[str, list[float]]


def interleaved(
    calls: Mapping[str, Callable[[], object]],
    rounds: int,
    clock: Callable[[], float] = time.process_time,
) -> Times:
    """Call each once per round, every other round backwards, after one round unseen.

    The time is by default that of this process's processor, all threads: waiting for
    other programs does not count.

    Returns:
        Seconds of each call, round by round.
    """
    times: Times = {name: [] for name in calls}
    for turn in range(rounds + 1):
        for name in list(calls)[:: -1 if turn % 2 else 1]:
            started = clock()
            calls[name]()
            times[name].append(clock() - started)
    return {name: seconds[1:] for name, seconds in times.items()}


def ratio(times: Times, above: str, below: str) -> float:
    """The median over rounds of how much longer one takes than the other."""
    pairs = zip(times[above], times[below], strict=True)
    return median(one / other for one, other in pairs)


@contextmanager
def as_in_jobs() -> Iterator[None]:
    """Torch on one thread, and freed memory kept, as the workflow's jobs have it.

    Threads that wait for each other burn time on a busy machine.
    """
    import torch

    keep_freed_memory()
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
