"""Parent runs: their status and note follow from their children's."""

from __future__ import annotations

from labrun.tracking import describe
from labrun.tracking.events import Run
from labrun.tracking.offsets import Arrived
from labrun.tracking.spools import Head
from labrun.tracking.view import View


def find_or_create(view: View, experiment: str, key: str, child: Run) -> str:
    """The id of a parent run.

    Args:
        view: MLflow.
        experiment: id of the experiment.
        key: of the parent.
        child: a run below it.
    """
    run = view.find(experiment, key)
    if run is None:
        name = describe.sweep_name(key, child.experiment)
        tags = describe.sweep_tags(key, child)
        run = view.create(experiment, key, name, child.milliseconds, tags)
    return run


def settle(
    view: View,
    runs: dict[str, list[Head]],
    arrived: dict[str, Arrived],
    shown: dict[tuple[str, str], str],
) -> None:
    """Bring status and note of each parent run up to date.

    Args:
        view: MLflow.
        runs: the spools of each run.
        arrived: what is known of each spool.
        shown: notes by database and parent, as this process wrote them; updated.
    """
    children: dict[str, list[Head]] = {}
    for heads in runs.values():
        parent = heads[0].run.parent
        if parent and parent not in runs and heads[0].name in arrived:
            children.setdefault(parent, []).append(heads[0])
    for parent, heads in children.items():
        states = [arrived[head.name] for head in heads]
        statuses = [state.status for state in states]
        note = describe.sweep_note(statuses)
        if shown.get((view.database, parent)) == note:
            continue
        child = heads[0].run
        experiment = view.experiment(
            describe.experiment_name(child), describe.experiment_tags(child)
        )
        run = find_or_create(view, experiment, parent, child)
        view.log(run, tags={"mlflow.note.content": note})
        end = max(state.end for state in states)
        view.status(run, describe.sweep_status(statuses), end)
        shown[view.database, parent] = note
