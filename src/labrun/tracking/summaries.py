"""Summary runs: of each model, the mean and the spread over its seeds, step by step.

A summary follows from spools alone, as everything in MLflow does. MLflow cannot change
a point, so that a summary is written once all seeds known have ended, and written anew
when one is added.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from labrun.lineage import fingerprint
from labrun.spread import of_seeds
from labrun.tracking import describe
from labrun.tracking.check import Row, hold, point
from labrun.tracking.client import own_tag
from labrun.tracking.events import LONG, Run, stretches
from labrun.tracking.fold import MOST, PARAM, Fold, flat
from labrun.tracking.memory import Arrived
from labrun.tracking.spools import Head
from labrun.tracking.view import View

TRAINING, TEST = "train", "evaluate"  # the stages that are summarised
SEED = "seed"  # the parameter in which runs of one summary differ
SHARED = ("title", "label", *describe.SHARED)
Point = tuple[str, float, int, int]  # metric, value, Unix milliseconds, step
Runs = dict[str, list[Head]]


@dataclass
class Group:
    """Runs of one model that differ in their seed alone.

    Args:
        parent: key of the model's sweep.
        key: of the summary.
        first: the event of one of the runs.
        seeds: the spools of each run that finished, by seed.
        failed: number of runs that ended otherwise; they are not in the mean.
        running: whether one has not ended, or not arrived.
        tests: spools of the model's test errors.
    """

    parent: str
    key: str
    first: Run
    seeds: dict[str, list[Head]] = field(default_factory=dict)
    failed: int = 0
    running: bool = False
    tests: list[Head] = field(default_factory=list)

    def digest(self) -> str:
        """What the summary was made of, to know one that is up to date."""
        heads = [*self.tests, *(head for each in self.seeds.values() for head in each)]
        files = [(head.name, head.first, head.size) for head in heads]
        return fingerprint({"files": files, "failed": self.failed})[:16]

    def name(self) -> str:
        """What MLflow shows."""
        model, count = self.parent.split("/")[-1][:LONG], len(self.seeds)
        return f"{model}: mean of {count} seed{'s' if count != 1 else ''}"

    def tags(self) -> dict[str, str]:
        """Those of its runs that hold for all, and which seeds are in it."""
        told = describe.sweep_tags(self.parent, self.first)
        tags = self.first.tags
        told |= {name: str(tags[name])[:LONG] for name in SHARED if name in tags}
        count = self.failed + len(self.seeds)
        left_out = f" {self.failed} of {count} runs ended early and are left out."
        note = (
            f"Mean over the seeds {', '.join(self.seeds)}, step by step, with standard"
            " deviation and 95 % interval (Student's t)."
            f"{left_out if self.failed else ''}"
        )
        seeds = {"level": "summary", "seeds": ", ".join(self.seeds)[:LONG]}
        return {**told, **seeds, "mlflow.note.content": note}

    def params(self) -> dict[str, str]:
        """The parameters that its runs share."""
        shared = {k: v for k, v in self.first.params.items() if k != SEED}
        return {name: text[:PARAM] for name, text in islice(flat(shared), MOST)}


def groups(runs: Runs, arrived: Mapping[str, Arrived]) -> list[Group]:
    """The groups that have a finished run, sorted by key."""
    found: dict[str, Group] = {}
    newest: dict[str, Group] = {}
    for heads in runs.values():
        run = heads[0].run
        if run.parent and run.tags.get("stage") == TRAINING and SEED in run.params:
            group = _group_of(run, found)
            _add(group, heads, arrived)
            best = newest.setdefault(run.parent, group)
            if run.time > best.first.time:
                newest[run.parent] = group
    for heads in runs.values():
        run = heads[0].run
        if run.tags.get("stage") == TEST and run.parent in newest:
            newest[run.parent].tests += heads
    return [found[key] for key in sorted(found) if found[key].seeds]


def _group_of(run: Run, found: dict[str, Group]) -> Group:
    data = {name: tag for name, tag in run.tags.items() if name.startswith("sha256.")}
    shared = {name: each for name, each in run.params.items() if name != SEED}
    own = fingerprint({"params": shared, "data": data})[:12]
    key = f"{run.parent}/seeds/{own}"
    group = found.setdefault(key, Group(str(run.parent), key, run))
    if run.time > group.first.time:
        group.first = run
    return group


def _add(group: Group, heads: list[Head], arrived: Mapping[str, Arrived]) -> None:
    states = [arrived.get(head.name) for head in heads]
    statuses = {state.status if state else "RUNNING" for state in states}
    if "RUNNING" in statuses:
        group.running = True
    elif statuses == {"FINISHED"}:
        group.seeds[str(heads[0].run.params[SEED])] = heads
    else:
        group.failed += 1


def points(group: Group) -> list[Point]:
    """Those of the summary: of each metric and step, over the seeds that have it."""
    values: dict[tuple[str, int], list[float]] = {}
    times: dict[tuple[str, int], int] = {}
    for heads in group.seeds.values():
        for name, value, time, step in _history(heads):
            values.setdefault((name, step), []).append(value)
            times[name, step] = max(time, times.get((name, step), 0))
    found = [
        (told, number, times[name, step], step)
        for (name, step), each in values.items()
        for told, number in of_seeds(name, each).items()
    ]
    return found + _history(group.tests)


def _history(heads: Iterable[Head]) -> list[Point]:
    fold, found = Fold(), []
    for head in heads:
        for events, _ in stretches(head.path, 0, head.size):
            found += fold.add(events).points
    return found


def bring(
    view: View, wanted: Iterable[Group], shown: dict[tuple[str, str], str]
) -> Iterator[tuple[str, set[str]]]:
    """Write the summaries that MLflow lacks, or has of other spools.

    Args:
        view: MLflow.
        wanted: the groups.
        shown: digests by database and key, as this process wrote them; updated.

    Yields:
        Name of the experiment and of metrics of each that was written.
    """
    for group in wanted:
        digest = group.digest()
        if group.running or shown.get((view.database, group.key)) == digest:
            continue
        run = group.first
        name, tags = describe.experiment_name(run), describe.experiment_tags(run)
        experiment = view.experiment(name, tags)
        found = view.find(experiment, group.key)
        if found is None or view.tags(found).get(own_tag("made of")) != digest:
            if found is not None:
                view.delete(found)
            yield name, _write(view, experiment, group, digest)
        shown[view.database, group.key] = digest


def compare(view: View, wanted: Iterable[Group]) -> list[Row]:
    """A row for each summary that is due, as `labrun.tracking.check.compare`."""
    rows = []
    for group in wanted:
        if not group.running:
            found = (point(name, step, value) for name, value, _, step in points(group))
            told = Counter(found)
            rows.append(hold(view, group.first, group.key, told, derived=True))
    return rows


def _write(view: View, experiment: str, group: Group, digest: str) -> set[str]:
    """The tag that says what it was made of comes last: without it, it is made anew."""
    above = describe.find_or_create(view, experiment, group.parent, group.first)
    tags = {**group.tags(), "mlflow.parentRunId": above}
    start = group.first.milliseconds
    run = view.create(experiment, group.key, group.name(), start, tags)
    found = points(group)
    view.log(run, found, group.params())
    view.status(run, "FINISHED", max((time for _, _, time, _ in found), default=start))
    view.log(run, tags={own_tag("made of"): digest})
    return {name for name, _, _, _ in found}
