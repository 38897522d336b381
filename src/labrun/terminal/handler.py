"""The logger that Snakemake loads; Snakemake's own takes over should it fail."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from logging import Handler as Logging
from logging import LogRecord
from pathlib import Path
from types import FrameType
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase

from labrun.terminal.events import Events
from labrun.terminal.snakemake_internals import check_first

MOMENT = 0.5  # seconds until the main thread has surely seen a signal


class Handler(LogHandlerBase):
    """Passes records to the events, and to Snakemake's own handler should they fail.

    Attributes:
        command: of the laboratory, which the last line of a run mentions.
        syntax_check: looks at a configuration file before Snakemake reads it; gives
            the exit code of a run that it ends, or 0. None by default.
    """

    command = ""
    syntax_check: Callable[[Path], int] | None = None

    def __post_init__(self) -> None:
        if self.syntax_check:
            check_first(self.syntax_check)
        self._own = _snakemakes_own(self.common_settings)
        self._events: Events | None = None
        interrupted = notice_interrupts()
        if not self.common_settings.dryrun:
            quiet = {each.name.lower() for each in self.common_settings.quiet or ()}
            colour = not self.common_settings.nocolor
            self._events = Events(self._own, quiet, colour, interrupted, self.command)

    def emit(self, record: LogRecord) -> None:
        """Show a record; an error on the way never reaches the workflow."""
        if self._events is not None:
            try:
                self._events.take(record)
                return
            except Exception as error:
                self._give_up(error)
        with suppress(Exception):  # such as a closed pipe: nobody reads any more
            self._own.handle(record)

    def close(self) -> None:
        """Say how the run ended."""
        if self._events is not None:
            with suppress(Exception):
                self._events.close(time.time())
            self._events = None
        super().close()

    def _give_up(self, error: Exception) -> None:
        with suppress(Exception):
            if self._events is not None:
                self._events.view.close()
        self._events = None
        with suppress(Exception):
            words = f"The {self.command} logger stops, {type(error).__name__}: {error}"
            print(words, file=sys.stderr, flush=True)

    @property
    def writes_to_stream(self) -> bool:
        """Snakemake's own handler for the terminal is not needed."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """The file below .snakemake/log is Snakemake's own."""
        return False

    @property
    def has_filter(self) -> bool:
        """All records are needed to count jobs, also those not to be shown."""
        return True

    @property
    def has_formatter(self) -> bool:
        """Snakemake's own handler, asked for its words, has one."""
        return True

    @property
    def needs_rulegraph(self) -> bool:
        """Jobs are counted, not drawn."""
        return False


def _snakemakes_own(settings: Any) -> Logging:
    # Here, as Snakemake loads its plugins while it is imported itself.
    from snakemake import logging

    return logging.ColorizingTextHandler(
        nocolor=settings.nocolor,
        stream=sys.stdout if settings.stdout else sys.stderr,
        formatter=logging.DefaultFormatter(settings.quiet, settings.show_failed_logs),
        filter=logging.DefaultFilter(  # pyright: ignore[reportArgumentType]
            settings.quiet,
            settings.debug_dag,
            settings.verbose,
            settings.dryrun,
            settings.printshellcmds,
        ),
    )


def notice_interrupts() -> Callable[[], bool]:
    """Whether Ctrl-C was pressed from now on, or is in a moment.

    The jobs that it ends fail before Snakemake says why, and may do so before the main
    thread has seen the signal. What is to be done is left to the handler of SIGINT;
    only a main thread can look.
    """
    came = threading.Event()
    before: Any = signal.getsignal(signal.SIGINT)
    in_main = threading.current_thread() is threading.main_thread()
    if in_main and callable(before):  # neither ignored nor the system's own

        def notice(number: int, frame: FrameType | None) -> None:
            came.set()
            before(number, frame)

        signal.signal(signal.SIGINT, notice)
    return lambda: came.wait(MOMENT)
