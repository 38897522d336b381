"""`snakemake --logger fernn` finds its logger by the name of this module."""

from __future__ import annotations

from pathlib import Path

from labrun.terminal.handler import Handler


class LogHandler(Handler):
    """The terminal's display, with the commands of fernn."""

    command = "fernn"

    @staticmethod
    def syntax_check(path: Path) -> int:
        """See `Handler`."""
        from fernn.cli import main

        return main(["config", "--syntax", str(path)])
