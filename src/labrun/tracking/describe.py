"""Names, tags and notes of experiments and sweeps; a sweep's follow from its runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from labrun.tracking.events import LONG, Run
from labrun.tracking.memory import Arrived
from labrun.tracking.shared_views import VIEWS
from labrun.tracking.spools import Head
from labrun.tracking.view import View

# Which of MLflow's two faces to show: training, not language models.
KIND = {"mlflow.experimentKind": "custom_model_development"}
FACE = "workflowType=machine_learning"
# All runs side by side: MLflow nests them in their sweeps, which are closed when a
# page opens, unless it sorts by something other than time.
RUNS = (
    "#/experiments/{id}/runs?searchFilter=tags.level%20%3D%20%27run%27"
    f"&orderByKey=tags.%60mlflow.runName%60&orderByAsc=true&{FACE}"
)

# Tags of a run that hold for its whole sweep.
SHARED = ("model", "stage", "mlflow.runColor")


def experiment_name(run: Run) -> str:
    """``translation (demo)``: an experiment of the paper at a budget."""
    return f"{run.experiment} ({budget(run.key)})"


def experiment_tags(run: Run) -> dict[str, str]:
    """Tags and the note of an experiment, from the event of one of its runs."""
    title = str(run.tags.get("title") or run.experiment)[:LONG]
    places = {view.name: view.address("{id}") for view in VIEWS}
    places["All runs"] = RUNS
    links = [f"[{name}]({place})" for name, place in places.items()]
    note = " · ".join([title, *links])
    told = {"experiment": run.experiment, "budget": budget(run.key)}
    return {**told, **KIND, "mlflow.note.content": note}


def budget(key: str) -> str:
    """The budget a key begins with."""
    return key.split("/")[0]


def sweep_name(key: str, experiment: str) -> str:
    """The last two components of a key, without the experiment it is shown in."""
    parts = key.split("/")[-2:]
    return "/".join(part for part in parts if part != experiment)[:LONG] or key[:LONG]


def sweep_tags(key: str, child: Run) -> dict[str, str]:
    """Tags of a sweep: what its key tells, and what it is made of."""
    tags = child.tags
    told = {name: str(tags[name])[:LONG] for name in SHARED if name in tags}
    told |= {"experiment": child.experiment, "budget": budget(key)}
    return {"level": "sweep", **told}


def sweep_note(statuses: Sequence[str]) -> str:
    """How many runs a sweep has, and how they stand."""
    counts = Counter(status.lower() for status in statuses)
    told = ", ".join(f"{number} {status}" for status, number in sorted(counts.items()))
    return f"{len(statuses)} runs: {told}. Open the row to see them."


def sweep_status(statuses: Sequence[str]) -> str:
    """RUNNING while a child is; then FINISHED if any child finished, else FAILED."""
    if "RUNNING" in statuses:
        return "RUNNING"
    return "FINISHED" if "FINISHED" in statuses else "FAILED"


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
        name = sweep_name(key, child.experiment)
        tags = sweep_tags(key, child)
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
        note = sweep_note(statuses)
        if shown.get((view.database, parent)) == note:
            continue
        child = heads[0].run
        experiment = view.experiment(experiment_name(child), experiment_tags(child))
        run = find_or_create(view, experiment, parent, child)
        view.log(run, tags={"mlflow.note.content": note})
        end = max(state.end for state in states)
        view.status(run, sweep_status(statuses), end)
        shown[view.database, parent] = note
