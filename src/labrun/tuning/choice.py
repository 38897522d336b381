"""The choice of a study's best hyperparameters, once every trial has ended."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labrun.errors import UserError
from labrun.json_lines import plain
from labrun.lineage import stamp
from labrun.storage import read_json
from labrun.tuning.batch import read, write_journal
from labrun.tuning.study import best

# As `study.tune` names it; a journal that is opened is mended, so it is no other file.
JOURNAL = re.compile(r"[0-9A-Za-z_-]+\.journal")


def choose(results: Sequence[Path], trials: int) -> dict[str, Any]:
    """The best hyperparameters and all trials, as a record in JSON.

    Args:
        results: what all workers of the study, or all its trials, wrote.
        trials: how many must have ended.

    Raises:
        UserError: trials are missing or all failed, or the results are of different
            studies.
        Damaged: a file holds no result.
    """
    chosen, ended = best(_journal(results), trials)
    every = [
        {
            "params": trial.params,
            "slot": trial.user_attrs["slot"],
            "state": trial.state.name,
            "value": trial.value,
        }
        for trial in ended
    ]
    record = {"lineage": stamp(results), "params": chosen.params}
    slot = chosen.user_attrs["slot"]
    return plain({**record, "slot": slot, "trials": every, "value": chosen.value})


def _journal(results: Sequence[Path]) -> Path:
    """The journal that the workers name, or one made of the trials' results."""
    folder = results[0].parent
    names = {str(read_json(path).get("journal", "")) for path in results}
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
