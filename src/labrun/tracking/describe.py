"""Names, tags and notes under which MLflow shows experiments and sweeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from labrun.tracking.events import LONG, Run

# Which of MLflow's two faces to show: training, not language models.
KIND = {"mlflow.experimentKind": "custom_model_development"}
FACE = "workflowType=machine_learning"
# All runs side by side: MLflow nests them in their sweeps, which are closed when a
# page opens, unless it sorts by something other than time.
RUNS = (
    "#/experiments/{id}/runs?searchFilter=tags.level%20%3D%20%27run%27"
    f"&orderByKey=tags.%60mlflow.runName%60&orderByAsc=true&{FACE}"
)
CURVES = f"{RUNS}&compareRunsMode=CHART"

# Tags of a run that hold for its whole sweep.
SHARED = ("model", "stage", "mlflow.runColor")


def experiment_name(run: Run) -> str:
    """``translation (demo)``: an experiment of the paper at a budget."""
    return f"{run.experiment} ({budget(run.key)})"


def experiment_tags(run: Run) -> dict[str, str]:
    """Tags and the note of an experiment, from the event of one of its runs."""
    title = str(run.tags.get("title") or run.experiment)[:LONG]
    note = f"{title} · [all runs]({RUNS}) · [curves]({CURVES})"
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
