"""Views of an experiment that MLflow opens by address: its columns, charts and axes.

MLflow (3.15 and later) keeps a view as a tag of the experiment, an envelope of JSON
around compressed JSON, lists it under *saved views*, and opens it with
``?viewStateShareKey=<key>``. The views named here belong to the project and are written
anew when a metric is added; a view that a user saves has a key of its own and stays.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from labrun import spread

TAG = "mlflow.sharedViewState."
ADDRESS = "#/experiments/{id}/runs?viewStateShareKey={key}&compareRunsMode=CHART&"
ADDRESS += "workflowType=machine_learning"
SECTIONS = {"val": "Validation", "test": "Test", "train": "Training"}
MORE, SPREAD = "More about training", "Spread over seeds"
LINEAR = ("accuracy",)  # on other axes a factor is a length
ENDS = (spread.SIGMA, spread.LOW, spread.HIGH, spread.COUNT)
PARAMS = ("learning_rate", "parameters", "epochs")


@dataclass(frozen=True)
class Shared:
    """A view.

    Args:
        key: in its address.
        name: in MLflow's list.
        runs: which it shows, as MLflow's search has it.
        grouped: whether runs of one label are shown as their mean.
        spread: whether its runs have the spread over seeds.
    """

    key: str
    name: str
    runs: str
    grouped: bool = False
    spread: bool = False

    def address(self, experiment: str) -> str:
        """What follows the server's name in its address, for the experiment's id."""
        return ADDRESS.format(id=experiment, key=self.key)


VIEWS = (
    Shared("models", "Models: mean over seeds", "tags.level = 'summary'", spread=True),
    Shared(
        "seeds",
        "Seeds: grouped by model",
        "tags.level = 'run' AND tags.stage = 'train'",
        grouped=True,
    ),
    Shared("trials", "Trials of tuning", "tags.level = 'run' AND tags.stage = 'tune'"),
)


def encode(shared: Shared, names: Iterable[str], created: int) -> str:
    """The value of a view's tag.

    Args:
        shared: the view.
        names: of metrics.
        created: Unix milliseconds.
    """
    text = json.dumps(state(shared, names), separators=(",", ":"))
    packed = base64.b64encode(zlib.compress(text.encode())).decode()
    envelope = {"name": shared.name, "createdAt": created, "updatedAt": created}
    return json.dumps({**envelope, "state": f"deflate;{packed}"})


def decode(text: str) -> dict[str, Any]:
    """The state in the value of a tag."""
    packed = json.loads(text)["state"].removeprefix("deflate;")
    return json.loads(zlib.decompress(base64.b64decode(packed)))


def state(shared: Shared, names: Iterable[str]) -> dict[str, Any]:
    """A view as MLflow's page keeps it."""
    metrics = sorted(names, key=_order)
    ends = (spread.LOW, spread.HIGH) if shared.spread else ()
    charts = [chart(name, [e for e in ends if name + e in metrics]) for name in metrics]
    sections = dict.fromkeys(_section(name) for name in metrics)
    folded = (MORE, SPREAD, *(() if shared.spread else (SECTIONS["test"],)))
    group = {"mode": "tag", "groupByData": "label"}
    average = {"aggregateFunction": "average", "groupByKeys": [group]}
    return {
        "searchFilter": shared.runs,
        "orderByKey": "tags.`mlflow.runName`",
        "orderByAsc": True,
        "selectedColumns": list(_columns(metrics, shared.spread)),
        "runsHiddenMode": "SHOW_ALL",
        "groupBy": average if shared.grouped else None,
        "useGroupedValuesInCharts": True,
        "hideEmptyCharts": True,
        "isAccordionReordered": True,
        "compareRunCharts": charts,
        "compareRunSections": [
            {
                "uuid": name,
                "name": name,
                "display": name not in folded,
                "isReordered": True,
            }
            for name in sections
        ],
    }


def chart(name: str, ends: Iterable[str]) -> dict[str, Any]:
    """The chart of a metric; `ends` of its interval are dashed lines beside it."""
    bars = name.startswith("test/") or "best" in name  # of one step
    linear = name.endswith(LINEAR) or _section(name) in (MORE, SPREAD)
    return {
        "uuid": name,
        "type": "BAR" if bars else "LINE",
        "metricSectionId": _section(name),
        "metricKey": name,
        "selectedMetricKeys": [name, *(name + end for end in ends if not bars)],
        "displayName": name.split("/")[-1].replace("_", " "),
        "scaleType": "linear" if linear else "log",
        "xAxisKey": "step",
        "useGlobalXaxisKey": True,
        "useGlobalLineSmoothing": True,
        "runsCountToCompare": 100,
        "deleted": False,
        "isGenerated": False,
    }


def _section(name: str) -> str:
    folder, _, last = name.rpartition("/")
    if name.endswith(ENDS):
        return SPREAD
    if folder == "train" and not re.search("loss|error", last):
        return MORE
    return SECTIONS.get(folder, folder.capitalize() or MORE)


def _order(name: str) -> tuple[int, str]:
    places = [*SECTIONS.values()]
    section = _section(name)
    last = {MORE: 1, SPREAD: 2}.get(section, 0)
    known = places.index(section) if section in places else len(places)
    return known + 100 * last, name


def _columns(metrics: list[str], with_spread: bool) -> Iterator[str]:
    """First what is compared: validation and test, each mean with its deviation."""
    yield "tags.`label`"
    yield "tags.`seeds`" if with_spread else "params.`seed`"
    for name in metrics:
        if _section(name) in (SECTIONS["val"], SECTIONS["test"]):
            yield f"metrics.`{name}`"
            if with_spread:
                yield f"metrics.`{name}{spread.SIGMA}`"
    yield from (f"params.`{name}`" for name in PARAMS)
