"""Snakemake tells what runs, how far the run is and when it will end.

`snakemake --logger fernn` finds this module by its name. A terminal shows a live
display, a log gets a line for each job that starts or ends. What is no news of a job
is told in Snakemake's own words, and so is a dry run.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from logging import Handler, LogRecord

from snakemake_interface_logger_plugins.base import LogHandlerBase

from snakemake_logger_plugin_fernn import interrupts
from snakemake_logger_plugin_fernn.configuration import check_first
from snakemake_logger_plugin_fernn.events import Events


class LogHandler(LogHandlerBase):
    """Gives records to the events, and to Snakemake's own handler should they fail."""

    def __post_init__(self) -> None:
        check_first()
        interrupts.watch()
        self._own = _snakemakes_own(self.common_settings)
        self._events: Events | None = None
        if not self.common_settings.dryrun:
            quiet = {each.name.lower() for each in self.common_settings.quiet or ()}
            self._events = Events(self._own, quiet, not self.common_settings.nocolor)

    def emit(self, record: LogRecord) -> None:
        """Tell a record; an error of the telling never reaches the workflow."""
        if self._events is not None:
            try:
                self._events.tell(record)
                return
            except Exception as error:
                self._give_up(error)
        with suppress(Exception):  # such as a closed pipe: nobody reads any more
            self._own.handle(record)

    def close(self) -> None:
        """Tell how the run ended."""
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
            words = f"The fernn logger stops, {type(error).__name__}: {error}"
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


def _snakemakes_own(settings) -> Handler:
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
