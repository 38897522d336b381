"""One run of a training: its events, its saved states, its progress and its end."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labrun import slurm
from labrun.errors import Pruned, UserError
from labrun.lineage import fingerprint
from labrun.progress import Advance, progress
from labrun.project import project
from labrun.rolling_states import RollingStates
from labrun.spool import NAME, Spool, read_events
from labrun.stopping import Interrupted, stop_requests

FORM = "budget/experiment/model/name"
Record = dict[str, float]


@dataclass
class Run:
    """A run that is open.

    Attributes:
        spool: its events.
        states: its saved states.
        advance: shows how many of its steps are done.
        records: what `train` recorded, those before a continuation too.
    """

    spool: Spool
    states: RollingStates
    advance: Advance
    records: list[Record] = field(default_factory=list)

    def train(
        self,
        steps: int,
        parts: Mapping[str, Any],
        one_step: Callable[[int], Record],
        on_record: Callable[[int, Record], None] = lambda step, record: None,
    ) -> list[Record]:
        """Do the steps that are left, and save the state after each.

        A run that is stopped and continued gives the same bits as one that never
        stopped, if a step follows from its number and the parts alone.

        Args:
            steps: of the whole run, such as epochs.
            parts: what a state consists of, such as model and optimiser: objects with
                ``state_dict`` and ``load_state_dict``.
            one_step: does the step with this number, from 0; returns its metrics.
            on_record: gets the number of steps done and the metrics of the last, those
                before a continuation too.

        Returns:
            The metrics of all steps.

        Raises:
            Interrupted: SIGTERM, SIGUSR1 or the time limit came; the state is saved.
        """
        run, held = self.states.load() or ({"step": 0, "records": []}, {})
        for name, state in held.items():
            parts[name].load_state_dict(state)
        done, self.records = run["step"], run["records"]
        for number, record in enumerate(self.records, 1):
            on_record(number, record)
        with stop_requests(slurm.seconds_to_work()) as stopping:
            while done < steps:
                record = one_step(done)
                done += 1
                self.records.append(record)
                self.spool.metrics(done, record)
                self.states.save(
                    {"step": done, "records": self.records},
                    {name: part.state_dict() for name, part in parts.items()},
                    finished=done == steps,
                )
                self.advance(done)
                on_record(done, record)
                if stopping.reason and done < steps:
                    raise Interrupted(stopping.reason, done)
        return self.records


def key(text: str) -> str:
    """The key ``budget/experiment/model/name``, as it is.

    Raises:
        UserError: it has another form.
    """
    parts = text.split("/")
    if len(parts) != 4 or not all(map(NAME.fullmatch, parts)):
        raise UserError(
            f"a key is {FORM}, each of up to 120 letters, digits and ' _.+=-',"
            f" beginning with a letter, a digit or _; got {text!r}"
        )
    return text


def states_of(
    folder: Path, identity: Mapping[str, Any], lineage: Mapping[str, Any]
) -> RollingStates:
    """The states of a run in a folder.

    Args:
        folder: of the run.
        identity: the settings that its result is a function of.
        lineage: of its data, see `labrun.lineage.stamp`.
    """
    return RollingStates(
        folder, {**identity, "data": lineage["inputs"]}, lineage["commit"]
    )


@contextmanager
def open_run(
    key: str,
    states: RollingStates,
    *,
    stage: str,
    params: Mapping[str, Any],
    lineage: Mapping[str, Any],
    steps: int,
    tags: Mapping[str, Any] | None = None,
    shown: bool = True,
) -> Iterator[Run]:
    """A run, from its first event to the last, which says how the block ended.

    A run that is stopped stays with its states, and Slurm is asked to start its job
    again; one that is pruned loses them.

    Args:
        key: of the run in the tracker, ``budget/experiment/model/name``.
        states: its states; its events go to the same folder. Runs of other parameters
            or data are other runs, in files of their own.
        stage: the subcommand.
        params: what the run is made with.
        lineage: of its data, see `labrun.lineage.stamp`.
        steps: in all, for the progress.
        tags: more to show.
        shown: whether its progress is; a terminal has room for that of one run.

    Raises:
        UserError: the key has another form.
    """
    own = fingerprint({"params": params, "data": lineage["inputs"]})[:12]
    hashes = {f"sha256.{Path(k).stem}": v for k, v in lineage["inputs"].items()}
    told = {**(tags or {}), "fingerprint": own, "git_commit": lineage["commit"]}
    with Spool(states.folder / f"{own}.events.jsonl") as spool:
        told |= {**hashes, **_attempt(spool, key)}
        announce(spool, key, stage, told, params, own)
        bar = progress(key, steps) if shown else nullcontext(_unshown)
        with _ended_early(spool, states), bar as advance:
            yield Run(spool, states, advance)
        spool.status("FINISHED")


def _unshown(done: int, detail: str = "") -> None:
    """Show no progress."""


def announce(
    spool: Spool,
    name: str,
    stage: str,
    tags: Mapping[str, Any],
    params: Mapping[str, Any],
    own: str = "",
) -> None:
    """Write the event of a run.

    Args:
        spool: where it is written.
        name: the run's key; its parent is the model's sweep.
        stage: the subcommand.
        tags: what is shown with the key's parts.
        params: what the run was made with.
        own: distinguishes runs of one key.
    """
    budget, experiment, model, run = key(name).split("/")
    place = {"budget": budget, "experiment": experiment, "model": model}
    command = f"{project().name} {stage}"
    spool.run(
        key=f"{name}/{own}" if own else name,
        experiment=experiment,
        parent=f"{budget}/{experiment}/{model}",
        name=f"{model}.{run}",
        tags={**place, "stage": stage, **{k: v for k, v in tags.items() if v}},
        params=params,
        note=f"`{command}`; files beside `{os.path.relpath(spool.path)}`",
    )


def _attempt(spool: Spool, name: str) -> dict[str, Any]:
    """Which attempt at the run this is, and where; also for the log."""
    events, _ = read_events(spool.path)
    attempt = 1 + sum(event["event"] == "run" for event in events)
    where = f"Slurm job {slurm.job()} on " if slurm.job() else ""
    print(f"{name}: attempt {attempt}, {where}{slurm.node()}", file=sys.stderr)
    return {"attempt": attempt, "slurm_job_id": slurm.job(), "node": slurm.node()}


@contextmanager
def _ended_early(spool: Spool, states: RollingStates) -> Iterator[None]:
    """Write to the spool why the block ended before its end.

    A job that may run on, since its time is nearly up or it is preempted, is started
    again by Slurm. One that Slurm already ends, such as a cancelled one, is left alone.
    """
    try:
        yield
    except Pruned:
        spool.tags({"pruned": "true"})
        spool.status("FINISHED", "pruned")
        states.clear()
        raise
    except ArithmeticError as error:
        spool.status("FAILED", str(error))
        raise
    except Interrupted as stop:
        again = slurm.requeue()
        how = "Slurm starts it again" if again else "the same command continues it"
        spool.status("KILLED", f"{stop}; {how}")
        print(f"{stop}; {how}", file=sys.stderr)
        raise
