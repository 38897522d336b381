"""Choose a study's best hyperparameters; every trial must have ended.

The study is the journal of the workers; one that was made in rounds gets a journal of
its own, `batch.journal` beside its results.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from labrun.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--results",
        nargs="+",
        required=True,
        type=Path,
        metavar="DONE.json",
        help="what all its `tune` or all its `trial` wrote",
    )
    parser.add_argument("--trials", required=True, type=int, help="expected of them")
    parser.add_argument("--output", required=True, type=Path, metavar="best.json")


# As `tune` names it; a journal that is opened is mended, so it is no other file.
JOURNAL = re.compile(r"[0-9A-Za-z_-]+\.journal")


def run(args: argparse.Namespace) -> None:
    """Write the best parameters and all trials."""
    from labrun.json_lines import plain
    from labrun.lineage import stamp
    from labrun.storage import read_json, write_json
    from labrun.tuning.study import best

    records = [read_json(path) for path in args.results]
    chosen, trials = best(_journal(args.results, records), args.trials)
    record = {
        "lineage": stamp(args.results),
        "params": chosen.params,
        "slot": chosen.user_attrs["slot"],
        "trials": [
            {
                "params": trial.params,
                "slot": trial.user_attrs["slot"],
                "state": trial.state.name,
                "value": trial.value,
            }
            for trial in trials
        ],
        "value": chosen.value,
    }
    write_json(plain(record), args.output)


def _journal(results: list[Path], records: list[dict[str, Any]]) -> Path:
    """The journal that the workers name, or one made of the trials' results."""
    from labrun.tuning.batch import read, write_journal

    folder = results[0].parent
    names = {str(record.get("journal", "")) for record in records}
    if len(names) > 1:
        raise UserError(f"the results are of different studies: {sorted(names)}")
    name = names.pop()
    if name:
        if not JOURNAL.fullmatch(name) or (folder / name).is_symlink():
            raise UserError(f"the results name no journal beside them, but {name!r}")
        return folder / name
    made = folder / "batch.journal"
    write_journal(map(read, results), made)
    return made
