"""Time and memory of calls: in turns, on a card, in a fresh process."""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

import torch

from fernn.devices import keep_freed_memory

FRESH = multiprocessing.get_context("forkserver")
FRESH.set_forkserver_preload(["torch", "fernn.models.forecaster"])
STATUS = Path("/proc/self/status")
Times = dict[str, list[float]]
Call = Callable[[], object]


def interleaved(
    calls: Mapping[str, Call],
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
    keep_freed_memory()
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def clock(device: torch.device) -> Callable[[], float]:
    """Seconds, when all that the device was given is done."""
    module = torch.get_device_module(device)

    def now() -> float:
        module.synchronize()
        return time.perf_counter()

    return now


def memory(device: torch.device, call: Call) -> float:
    """Mebibytes that a call adds on a device; 0 on one that does not count them."""
    module = torch.get_device_module(device)
    if not hasattr(module, "max_memory_allocated"):
        return 0.0
    module.reset_peak_memory_stats()
    before = module.memory_allocated()
    call()
    return (module.max_memory_allocated() - before) / 2**20


def added(small: Callable[[], Call], made: Callable[[], Call]) -> float:
    """Mebibytes that two calls add to the peak of a fresh process.

    The process is forked from a server that has imported torch, and done nothing else.

    Args:
        small: makes a small call, which loads what libraries load when first used, some
            100 MiB, before the memory is read; it can be pickled.
        made: makes the call; two, since Adam's moments come with the first.
    """
    answer, end = FRESH.Pipe(duplex=False)
    process = FRESH.Process(target=_added, args=(small, made, end), daemon=True)
    process.start()
    end.close()  # so that the process alone has it, and its death ends `recv`
    found = answer.recv()
    process.join()
    return found


def _added(
    small: Callable[[], Call], made: Callable[[], Call], end: Connection
) -> None:
    keep_freed_memory()
    torch.set_num_threads(1)
    small()()
    loaded = peak()
    call = made()
    for _ in range(2):
        call()
    end.send(peak() - loaded)


def peak() -> float:
    """The highest resident memory of this program so far, in MiB.

    On Linux `getrusage` starts at the peak of the process that started this one.
    """
    if STATUS.exists():
        lines = STATUS.read_text().splitlines()
        high = next(line for line in lines if line.startswith("VmHWM"))
        return int(high.split()[1]) / 2**10
    unit = 1 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
