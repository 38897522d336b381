"""A study in rounds, and the choice of any study's best hyperparameters.

What a round tries follows from the results of those before it. Nothing else counts,
neither time nor order nor who works, so that a study has the same results in every run.
No trial is pruned: what it is compared with would depend on time.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, create_trial

from labrun.errors import Damaged, UserError
from labrun.json_lines import plain
from labrun.lineage import stamp
from labrun.storage import atomic, read_json
from labrun.tuning import samplers
from labrun.tuning.edges import edges
from labrun.tuning.samplers import distributions
from labrun.tuning.study import Search, best, open_study

Ranges = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Result:
    """How a trial ended.

    Attributes:
        slot: its place among the trials.
        params: its hyperparameters.
        ranges: what they were searched in.
        errors: the validation error of each epoch that ended.
        failure: why it has no value; empty if it has one.
    """

    slot: int
    params: dict[str, Any]
    ranges: Ranges
    errors: list[float]
    failure: str = ""

    @property
    def value(self) -> float:
        """The lowest error, infinite for a failure."""
        finite = [error for error in self.errors if math.isfinite(error)]
        return math.inf if self.failure else min(finite, default=math.inf)

    def record(self) -> dict[str, Any]:
        """What a file of it says."""
        return {**asdict(self), "value": self.value}


def result(record: dict[str, Any]) -> Result:
    """The result in a file, where numbers that JSON lacks are text."""
    told = {name: record[name] for name in Result.__dataclass_fields__}
    return Result(**{**told, "errors": [float(error) for error in told["errors"]]})


def read(path: Path) -> Result:
    """The result in a file.

    Raises:
        UserError: there is no such file.
        Damaged: it holds no result of a trial.
    """
    record = read_json(
        path, slot=int, params=dict, ranges=dict, errors=list, failure=str
    )
    try:
        found = result(record)
        _ended(found)  # by which Optuna checks values against their ranges
    except (AttributeError, LookupError, TypeError, ValueError, UserError) as error:
        reason = " ".join(str(error).split())
        raise Damaged(path, f"no result of a trial ({reason})") from None
    return found


def slots(number: int, size: int) -> range:
    """The slots of a round."""
    return range(number * size, (number + 1) * size)


def ask(
    search: Search, number: int, size: int, results: Iterable[Result]
) -> dict[int, dict[str, Any]]:
    """The hyperparameters of a round's slots, a pure function of the arguments.

    A round is asked whole: more trials later change no earlier ones. Its slots are told
    of each other, so that they do not try the same.

    Args:
        search: what is searched.
        number: of the round, from 0.
        size: slots in a round.
        results: of all earlier rounds, in any order.

    Raises:
        UserError: these are not the results of all earlier rounds.
    """
    place, known = slots(number, size), sorted(results, key=lambda r: r.slot)
    found = [result.slot for result in known]
    if found != list(range(place.start)):
        many = f"{place.start} earlier trials"
        raise UserError(f"round {number} follows from {many}, found slots {found}")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="minimize")
    for earlier in known:
        study.add_trial(_ended(earlier))
    points, space = dict(enumerate(search.points)), distributions(search.ranges)
    asked = {}
    for slot in place:
        if slot in points:
            study.sampler = samplers.Fixed(points[slot])
        else:
            study.sampler = samplers.sampler(search.seed, slot)
        asked[slot] = study.ask(space).params  # runs from now on, for the next ones
    return asked


def write_journal(results: Iterable[Result], path: Path) -> None:
    """Write the study of these results to a journal, as other studies have."""
    with atomic(path) as temporary:
        study = open_study(temporary)
        for result in sorted(results, key=lambda r: r.slot):
            study.add_trial(_ended(result))


def _ended(result: Result) -> FrozenTrial:
    told: dict[str, Any] = {"slot": result.slot}
    if result.failure:
        told["failure"] = result.failure
    return create_trial(
        value=result.value,
        params=result.params,
        distributions=distributions(result.ranges),
        intermediate_values=dict(enumerate(result.errors, start=1)),
        user_attrs=told,
    )


# As `study.tune` names it; a journal that is opened is mended, so it is no other file.
JOURNAL = re.compile(r"[0-9A-Za-z_-]+\.journal")


def choose(results: Sequence[Path], trials: int) -> dict[str, Any]:
    """The best hyperparameters, those at an edge of their range, and all trials.

    It is a record for JSON.

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
    record["edges"] = edges(chosen)
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
