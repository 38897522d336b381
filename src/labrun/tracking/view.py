"""MLflow behind one small class: what the syncer and the check need of it."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from labrun import storage
from labrun.project import project
from labrun.tracking import client
from labrun.tracking.client import own_tag
from labrun.tracking.folder import Folder, Refused, as_folder, inside, own_faults

METRICS, PARAMS, TAGS = 1000, 100, 100  # MLflow's limits for one call
CHARACTERS = 80_000  # of values in one call: at most a megabyte as JSON
ROOT = "mlflow-artifacts:/"  # a place the server resolves: no path of this machine


class View:
    """A connection to MLflow; the lock must be held while it is made and written to.

    Args:
        folder: the tracker's files; says which MLflow and whose runs.
    """

    def __init__(self, folder: Folder) -> None:
        uri = client.address(folder) if folder.is_own else folder.uri
        self._client = client.connect(uri)
        self._folder = folder
        self._results = folder.identity()
        self._experiments: dict[str, str] = {}
        self.database = client.name_database(self._client)

    def experiment(self, name: str, tags: Mapping[str, str]) -> str:
        """The id of an experiment, made or taken out of the bin if need be.

        Tags it lacks are set, with its id for ``{id}``; what a user edited stays.
        """
        if name not in self._experiments:
            found = self._client.get_experiment_by_name(name)
            if found is None:
                number = self._make_experiment(name)
            else:
                number = found.experiment_id
                if found.lifecycle_stage == "deleted":
                    self._client.restore_experiment(number)
            known = found.tags if found else {}
            for tag in tags.keys() - known.keys():
                value = tags[tag].replace("{id}", number)
                self._client.set_experiment_tag(number, tag, value)
            self._experiments[name] = number
        return self._experiments[name]

    def experiments(self) -> list[tuple[str, str, dict[str, str]]]:
        """Name, id and tags of all experiments, sorted by name."""
        found = self._client.search_experiments()
        return sorted((e.name, e.experiment_id, dict(e.tags)) for e in found)

    def tag_experiment(self, experiment: str, tags: Mapping[str, str]) -> None:
        """Set tags of an experiment, by its id."""
        for name, value in tags.items():
            self._client.set_experiment_tag(experiment, name, value)

    def experiment_tags(self, experiment: str) -> dict[str, str]:
        """All tags of an experiment, by its id."""
        return dict(self._client.get_experiment(experiment).tags)

    def metrics(self, experiment: str) -> set[str]:
        """Names of all metrics of our runs in an experiment."""
        names, page = set(), None
        while page is None or page:
            found = self._client.search_runs([experiment], self._ours, page_token=page)
            names.update(*(run.data.metrics for run in found))
            page = found.token or ""
        return names

    def created(self, experiment: str) -> int:
        """When an experiment was made, in Unix milliseconds."""
        return self._client.get_experiment(experiment).creation_time or 0

    def find(self, experiment: str, key: str) -> str | None:
        """The id of the run of this results folder with a key, or None.

        A server that is slow to answer is asked again and may make a run twice. What we
        know of is kept; nothing was ever added to the others, which are removed.
        """
        query = f"{self._ours} AND {_keyed(key)}"
        alike = self._client.search_runs([experiment], query)
        found = [run for run in alike if run.data.tags[own_tag("key")] == key]
        if not found:
            return None
        answered = own_tag("answered")  # of a run whose making we know of
        kept = max(found, key=lambda run: (answered in run.data.tags, run.info.run_id))
        for run in found:
            if run is not kept:
                self.delete(run.info.run_id)
        if answered not in kept.data.tags:
            self._client.set_tag(kept.info.run_id, answered, "yes")
        return kept.info.run_id

    def create(
        self, experiment: str, key: str, name: str, start: int, tags: Mapping[str, str]
    ) -> str:
        """Make a run, RUNNING since `start` (Unix milliseconds); gives its id."""
        own = {own_tag("key"): key, own_tag("results"): self._results}
        own["mlflow.source.name"] = project().name
        run = self._client.create_run(experiment, start, {**own, **tags}, run_name=name)
        self._client.set_tag(run.info.run_id, own_tag("answered"), "yes")
        return run.info.run_id

    def delete(self, run: str) -> None:
        """Move a run to MLflow's bin."""
        self._client.delete_run(run)

    def clear(self) -> None:
        """Move all runs of this results folder to MLflow's bin."""
        for experiment in self._client.search_experiments():
            places = [experiment.experiment_id]
            while found := self._client.search_runs(places, self._ours):
                for run in found:
                    self.delete(run.info.run_id)

    def log(
        self,
        run: str,
        points: Iterable[tuple[str, float, int, int]] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Log points (metric, value, milliseconds, step), params and tags in batches.

        Logging the same again changes nothing.
        """
        from mlflow.entities import Metric, Param, RunTag

        metrics = [Metric(*point) for point in points]
        for part in batches(metrics, METRICS):
            self._client.log_batch(run, metrics=part, synchronous=True)
        pairs = [Param(*pair) for pair in (params or {}).items()]
        for part in batches(pairs, PARAMS, CHARACTERS):
            self._client.log_batch(run, params=part, synchronous=True)
        pairs = [RunTag(*pair) for pair in (tags or {}).items()]
        for part in batches(pairs, TAGS, CHARACTERS):
            self._client.log_batch(run, tags=part, synchronous=True)

    def upload(self, run: str, file: Path, folder: str | None) -> None:
        """Log a file; in our own database's folder by copying it into place.

        Raises:
            Refused: the file cannot be read, or the place is taken or elsewhere.
        """
        uri = self._client.get_run(run).info.artifact_uri or ""
        if not self._folder.is_own:
            self._client.log_artifact(run, str(file), folder)
            return
        if not uri.startswith(ROOT):
            raise Refused(f"the database shows files elsewhere, in {uri!r}")
        place = self._folder.artifacts / uri.removeprefix(ROOT) / (folder or "")
        target = inside(place, self._folder.artifacts) / file.name
        with own_faults(target), storage.atomic(target) as temporary:
            shutil.copyfile(file, temporary)

    def status(self, run: str, status: str, end: int) -> None:
        """Set the status of a run; `end` (Unix milliseconds) counts unless RUNNING."""
        if status == "RUNNING":
            self._client.update_run(run, status)
        else:
            self._client.set_terminated(run, status, end)

    def tags(self, run: str) -> dict[str, str]:
        """All tags of a run."""
        return dict(self._client.get_run(run).data.tags)

    def history(self, run: str) -> list[tuple[str, int, float]]:
        """All points of a run as (metric, step, value)."""
        points = []
        for name in self._client.get_run(run).data.metrics:
            found = self._client.get_metric_history(run, name)
            points += [(point.key, point.step, point.value) for point in found]
        return points

    @property
    def _ours(self) -> str:
        """What picks the runs of this results folder."""
        return f"tags.`{own_tag('results')}` = '{self._results}'"

    def _make_experiment(self, name: str) -> str:
        place = ROOT + as_folder(name) if self._folder.is_own else None
        try:
            return self._client.create_experiment(name, place)
        except client.failures() as error:
            found = self._client.get_experiment_by_name(name)
            if found is None or not client.is_there_already(error):
                raise
            return found.experiment_id


def _keyed(key: str) -> str:
    """What picks a key, and others if it has characters that a query cannot quote."""
    pattern = re.sub(r"[^\w./: -]", "_", key)  # stands for any one character
    return f"tags.`{own_tag('key')}` {'=' if pattern == key else 'LIKE'} '{pattern}'"


def batches(items: list, size: int, characters: int | None = None) -> Iterator[list]:
    """The items in lists of at most `size`.

    Args:
        items: to be sent.
        size: number of items.
        characters: of the values in a list, unless it has one item alone.
    """
    part, weight = [], 0
    for item in items:
        more = len(item.value) if characters else 0
        if part and (len(part) == size or weight + more > (characters or 0)):
            yield part
            part, weight = [], 0
        part.append(item)
        weight += more
    if part:
        yield part


def stored(value: float) -> float:
    """What MLflow gives back for a value: the infinities are the largest floats."""
    largest = sys.float_info.max
    return min(max(value, -largest), largest)
