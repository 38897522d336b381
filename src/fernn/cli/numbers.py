r"""Write every number of tables as a LaTeX macro, for texts that cite them.

    fernn numbers results/demo/tables/*.csv --output numbers.tex

Then ``\input{numbers}`` defines ``\fernn{seeds/translation/0/FERNN-V2/length 7x}``: the
name of the table, of the row and of the column. LaTeX reports an unknown name as an
error, so that no text keeps a number that the tables no longer have.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from labrun.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The tables and the output."""
    parser.add_argument(
        "tables", nargs="+", type=Path, metavar="TABLE.csv", help="from `fernn table`"
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FILE.tex", help="to be written"
    )


def run(args: argparse.Namespace) -> None:
    """Write the macros with their lineage."""
    from fernn.tables import _macros
    from labrun.lineage import stamp
    from labrun.storage import write_text

    for path in args.tables:
        if path.suffix != ".csv":
            raise UserError(f"{path}: the numbers are read from a table's .csv")
    lineage = json.dumps(stamp(args.tables), sort_keys=True)
    text = f"{_macros.macros(args.tables)}% lineage: {lineage}\n"
    write_text(text, args.output)
