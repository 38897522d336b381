"""Work on a study: run Optuna trials of one model until there are as many as asked.

Trial 0 has the hyperparameters as given. Any number of workers share the journal; the
number of trials is exact, and a worker started again goes on with what was cut off.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from fernn import slurm
from fernn.cli import _run
from fernn.cli._arguments import mapping
from fernn.slurm import Countdown


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    _run.add_data_arguments(parser)
    parser.add_argument(
        "--tuning",
        required=True,
        type=mapping,
        metavar="SPEC",
        help="JSON or YAML: trials, ranges, first",
    )
    parser.add_argument(
        "--study", required=True, type=Path, help="folder of the journal"
    )
    parser.add_argument("--output", required=True, type=Path, metavar="DONE.json")


def run(args: argparse.Namespace) -> None:
    """Fill free slots of the study until there are none, and say which."""
    import json

    from fernn.lineage import stamp
    from fernn.storage import write_text
    from fernn.tuning.study import Search, work

    spec = args.tuning
    published = {name: args.training[name] for name in spec["ranges"]}
    points = [published, *spec["first"]]
    search = Search(spec["trials"], points, spec["ranges"])
    lineage = stamp([args.train, args.val, args.atlas])
    journal = args.study / f"{_identity(args, lineage)}.journal"
    left = Countdown(slurm.seconds_to_work())

    def objective(trial: Any, params: dict[str, float]) -> float:
        return _trial(args, trial, params, lineage, left)

    slots = work(journal, search, objective)
    record = {"journal": journal.name, "lineage": lineage, "slots": slots}
    write_text(json.dumps(record, indent=1) + "\n", args.output)


def _identity(args: argparse.Namespace, lineage: dict) -> str:
    """A study of other settings or data is another file; more trials are not."""
    from fernn.lineage import fingerprint

    tuning = {k: v for k, v in args.tuning.items() if k != "trials"}
    parts = {"model": args.model, "training": args.training, "tuning": tuning}
    return fingerprint({**parts, "data": lineage["inputs"]})[:12]


def _trial(
    args: argparse.Namespace,
    trial: Any,
    params: dict[str, float],
    lineage: dict,
    left: Countdown,
) -> float:
    """Train briefly; the best validation error. Raises what ends the trial early."""
    from fernn.lineage import commit
    from fernn.progress import progress
    from fernn.training import tasks
    from fernn.training.listeners import listeners
    from fernn.training.loop import train
    from fernn.training.rolling import RollingStates
    from fernn.tuning.study import TrialPruned

    model, *splits, settings = _run.prepare(args, 0, params)
    named = tasks.of(splits[0]).ERROR
    name = f"trial-{trial.user_attrs['slot']:02d}"
    place, folder = args.key.rpartition("/")[0], args.study / "trials" / name
    own = argparse.Namespace(key=f"{place}/{name}", shown=args.shown)
    told = {**args.model, **vars(settings)}
    states = RollingStates(folder, {**told, "data": lineage["inputs"]}, commit())
    with (
        _run.announced(folder, own, "tune", told, lineage) as spool,
        _run.continued(spool),
        progress(own.key, settings.steps) as advance,
    ):
        tell, on_step = listeners(spool, advance, named)

        def on_epoch(record: dict[str, float]) -> None:
            tell(record)
            trial.report(record["validation_error"], int(record["epoch"]))
            if trial.should_prune():
                raise TrialPruned

        how = (settings, states, on_epoch, on_step)
        try:
            records, _ = train(
                model, splits[0], splits[1], *how, seconds=left.seconds()
            )
        except TrialPruned:
            spool.tags({"pruned": "true"})
            spool.status("FINISHED", "pruned")
            states.clear()
            raise
        except ArithmeticError as error:
            spool.status("FAILED", str(error))
            raise
        best = min(record["validation_error"] for record in records)
        spool.metrics(settings.steps, {f"val/best_{named}": best})
        spool.status("FINISHED")
    states.clear()
    return best
