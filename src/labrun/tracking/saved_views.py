"""Writes the views of each experiment into MLflow, and checks that they are there."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping

from labrun.tracking.check import Row
from labrun.tracking.shared_views import TAG, VIEWS, decode, encode
from labrun.tracking.view import View


class SavedViews:
    """Keeps the views of all experiments up to date while metrics arrive."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, str], set[str]] = {}

    def write(self, view: View, seen: Mapping[str, set[str]]) -> None:
        """Write the views of experiments that have metrics which no chart shows.

        Args:
            view: MLflow.
            seen: names of metrics that arrived, by name of the experiment; of one that
                this process has not met before, all are looked up.
        """
        for name, metrics in seen.items():
            known = self._names.get((view.database, name))
            if known is None or metrics - known:
                experiment = view.experiment(name, {})
                found = shown(view, experiment) if known is None else known
                wanted = metrics | (
                    view.metrics(experiment) if known is None else known
                )
                if wanted - found:
                    _write(view, experiment, wanted | found)
                self._names[view.database, name] = wanted | found

    def forget(self) -> None:
        """Look again what MLflow has."""
        self._names.clear()


def _write(view: View, experiment: str, metrics: set[str]) -> None:
    created = view.created(experiment)
    tags = {f"{TAG}{each.key}": encode(each, metrics, created) for each in VIEWS}
    view.tag_experiment(experiment, tags)


def shown(view: View, experiment: str) -> set[str]:
    """The metrics for which all views have a chart; none if one cannot be read."""
    tags = view.experiment_tags(experiment)
    try:
        charts = [decode(tags[f"{TAG}{v.key}"])["compareRunCharts"] for v in VIEWS]
        return set.intersection(*({c["metricKey"] for c in each} for each in charts))
    except (KeyError, TypeError, ValueError, zlib.error):
        return set()


def pages(view: View) -> dict[str, str]:
    """Of each experiment that has it, the address of the first view, by name."""
    first = VIEWS[0]
    return {
        name: first.address(number)
        for name, number, tags in view.experiments()
        if TAG + first.key in tags
    }


def compare(view: View, rows: Iterable[Row]) -> list[Row]:
    """A row for each experiment whose views are not there, or lack a metric.

    Args:
        view: MLflow.
        rows: of all runs.
    """
    seen: dict[str, set[str]] = {}
    for row in rows:
        if row.exists:
            seen.setdefault(row.experiment, set()).update(row.metrics)
    lacking = {
        name: len(metrics - shown(view, view.experiment(name, {})))
        for name, metrics in seen.items()
    }
    return [
        Row(name, "shared views", False, 0, count, 0, derived=True)
        for name, count in lacking.items()
        if count
    ]
