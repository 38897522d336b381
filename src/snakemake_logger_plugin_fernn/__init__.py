"""`snakemake --logger fernn` finds its logger by the name of this module."""

from __future__ import annotations

from labrun.terminal.handler import Handler


class LogHandler(Handler):
    """The terminal's display, with the commands of fernn."""

    command = "fernn"
    syntax_check = ("-m", "fernn", "config", "--syntax")
