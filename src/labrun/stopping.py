"""Requests to stop: signals, and the time limit of a job."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from labrun.errors import ContinueMe

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
TIME_LIMIT = "the time limit"


class Interrupted(ContinueMe):
    """Asked to stop; the state is saved and the run can go on.

    Attributes:
        reason: the signal's name, or `TIME_LIMIT`.
    """

    def __init__(self, reason: str, step: int):
        super().__init__(f"{reason}: saved and stopped after step {step}")
        self.reason = reason


@contextmanager
def stoppable() -> Iterator[None]:
    """Within the block SIGTERM and SIGUSR1 raise `ContinueMe`, at any place.

    For what comes before and after training, which asks for itself: `stop_requests`.

    Raises:
        ContinueMe: a signal came.
    """

    def stop(number: int, _: object) -> None:
        raise ContinueMe(f"{signal.Signals(number).name}: stopped before training")

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def postponed() -> Iterator[None]:
    """Within the block SIGTERM, SIGUSR1 and SIGINT wait for its end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    numbers = (*SIGNALS, signal.SIGINT)
    before = {n: signal.signal(n, lambda got, _: came.append(got)) for n in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in came:
            signal.raise_signal(number)


class Stopping:
    """Why to stop; empty as long as there is no reason."""

    reason: str = ""

    def ask(self, reason: str) -> None:
        """Stop after this step; the first reason counts."""
        self.reason = self.reason or reason


@contextmanager
def stop_requests(seconds: float | None = None) -> Iterator[Stopping]:
    """Within the block SIGTERM and SIGUSR1 ask to stop instead of killing.

    Args:
        seconds: until the time limit asks, too; None for no limit.
    """
    stopping = Stopping()
    timer = None
    if seconds is not None:
        timer = threading.Timer(seconds, stopping.ask, [TIME_LIMIT])
        timer.daemon = True
        timer.start()
    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.getsignal(number) for number in SIGNALS}
    for number in before:
        signal.signal(number, lambda got, _: stopping.ask(signal.Signals(got).name))
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if timer:
            timer.cancel()
