"""Run one worker's share of a study: Optuna trials of one model.

Trial 0 has the hyperparameters as given. Workers share the journal; the number of
trials is exact, and a worker started again runs what it has not ended.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from fernn.cli import _run
from fernn.cli._arguments import mapping


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
    parser.add_argument("--worker", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--output", required=True, type=Path, metavar="DONE.json")


def run(args: argparse.Namespace) -> None:
    """Run the worker's slots and say which."""
    import json

    from fernn.lineage import stamp
    from fernn.storage import write_text
    from fernn.tuning.study import run_slots

    spec = args.tuning
    published = {name: args.training[name] for name in spec["ranges"]}
    slots = range(args.worker, spec["trials"], args.workers)
    lineage = stamp([args.train, args.val, args.atlas])
    journal = args.study / f"{_identity(args, lineage)}.journal"

    def objective(trial: Any, params: dict[str, float]) -> float:
        return _trial(args, trial, params, lineage)

    points = [published, *spec["first"]]
    run_slots(journal, slots, points, spec["ranges"], 0, objective)
    record = {"journal": journal.name, "lineage": lineage, "slots": list(slots)}
    write_text(json.dumps(record, indent=1) + "\n", args.output)


def _identity(args: argparse.Namespace, lineage: dict) -> str:
    """A study of other settings or data is another file; more trials are not."""
    from fernn.lineage import fingerprint

    tuning = {k: v for k, v in args.tuning.items() if k != "trials"}
    parts = {"model": args.model, "training": args.training, "tuning": tuning}
    return fingerprint({**parts, "data": lineage["inputs"]})[:12]


def _trial(
    args: argparse.Namespace, trial: Any, params: dict[str, float], lineage: dict
) -> float:
    """Train briefly; the best validation error. Raises what ends the trial early."""
    from fernn.progress import progress
    from fernn.training.listeners import listeners
    from fernn.training.loop import train
    from fernn.tuning.study import TrialPruned

    model, train_split, val_split, settings = _run.prepare(args, 0, params)
    name = f"trial-{trial.user_attrs['slot']:02d}"
    place, folder = args.key.rpartition("/")[0], args.study / "trials" / name
    own = argparse.Namespace(key=f"{place}/{name}", shown=args.shown)
    told = {**args.model, **vars(settings)}
    with (
        _run.announced(folder, own, "tune", told, lineage) as spool,
        progress(own.key, settings.steps) as advance,
    ):
        tell, on_step = listeners(spool, advance)

        def on_epoch(record: dict[str, float]) -> None:
            tell(record)
            trial.report(record["validation_error"], int(record["epoch"]))
            if trial.should_prune():
                raise TrialPruned

        try:
            records, _ = train(
                model, train_split, val_split, settings, None, on_epoch, on_step
            )
        except TrialPruned:
            spool.tags({"pruned": "true"})
            spool.status("FINISHED", "pruned")
            raise
        except ArithmeticError as error:
            spool.status("FAILED", str(error))
            raise
        best = min(record["validation_error"] for record in records)
        spool.metrics(settings.steps, {"val/best_mse": best})
        spool.status("FINISHED")
    return best
