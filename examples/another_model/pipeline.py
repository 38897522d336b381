"""The commands of the workflow: tune, select, train, evaluate and track."""

import argparse
from pathlib import Path

from train import EPOCHS, TEST, Training

from labrun import project, runs
from labrun.command_line import command
from labrun.errors import UserError
from labrun.lineage import stamp
from labrun.rolling_states import pack, unpack
from labrun.storage import read_json, write_bytes, write_json
from labrun.tracking.sync import Syncer
from labrun.tuning.batch import choose
from labrun.tuning.study import Search, report, tune

HERE = Path(__file__).parent
project.declare("digits", HERE)

FIRST = {"hidden": 16, "learning_rate": 0.001}
RANGES = {
    "hidden": {"low": 4, "high": 64, "log": True, "integer": True},
    "learning_rate": {"low": 1e-4, "high": 1e-1, "log": True},
}


def train(key, folder, stage, params, seed, on_record=lambda step, record: None):
    """Train with the settings given; what was trained and its lowest error."""
    training, lineage = Training(seed, **params), stamp([HERE / "train.py"])
    params = {**params, "seed": seed, "epochs": EPOCHS}
    states = runs.states_of(folder, params, lineage)
    parts = {"model": training.model, "optimiser": training.optimiser}
    about = {"stage": stage, "params": params, "lineage": lineage, "steps": EPOCHS}
    with runs.open_run(key, states, **about) as run:
        records = run.train(EPOCHS, parts, training.epoch, on_record)
    return training, min(record["val/error"] for record in records)


def run_tune(args):
    """Fill the slots of the study that are free."""

    def objective(trial, params):
        def on_record(step, record):
            report(trial, step, record["val/error"])

        name = f"trial-{trial.user_attrs['slot']:02d}"
        folder = args.output.parent / "trials" / name
        key = f"demo/digits/mlp/{name}"
        return train(key, folder, "tune", params, 0, on_record)[1]

    search = Search(args.trials, [FIRST], RANGES)
    lineage = stamp([HERE / "train.py"])
    identity = {"ranges": RANGES, "first": FIRST, "epochs": EPOCHS}
    done = tune(args.output.parent, search, identity, lineage, objective)
    write_json(done, args.output)


def run_select(args):
    """Write the best hyperparameters."""
    write_json(choose(args.inputs, args.trials), args.output)


def run_train(args):
    """Train with the best hyperparameters, and write the weights."""
    (best,) = args.inputs
    key, params = f"demo/digits/mlp/seed-{args.seed}", read_json(best)["params"]
    training, _ = train(key, args.output.parent, "train", params, args.seed)
    write_bytes(pack(training.model.state_dict())[0], args.output)


def run_evaluate(args):
    """Write the test error of each seed."""
    best, *models = args.inputs
    training = Training(0, **read_json(best)["params"])
    errors = {}
    for path in models:
        training.model.load_state_dict(unpack(path))
        errors[path.parent.name] = training.error(TEST)
    write_json({"test_error": errors, "lineage": stamp(args.inputs)}, args.output)


def run_track(args):
    """Show all runs in MLflow, and compare."""
    done = Syncer("results").run_pass(compare=True)
    if done.failure or not all(row.agrees for row in done.rows):
        raise UserError(done.failure or "the tracker lacks points")
    runs = {row.key: row.points for row in done.rows}
    write_json({"runs": runs}, args.output)


COMMANDS = {
    "tune": run_tune,
    "select": run_select,
    "train": run_train,
    "evaluate": run_evaluate,
    "track": run_track,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("inputs", nargs="*", type=Path)
    parser.add_argument("--trials", type=int, help="of the study")
    parser.add_argument("--seed", type=int, default=0, help="of the weights")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    with command(args.command, args.output):
        COMMANDS[args.command](args)
