"""The jobs of a plan, what each computes, and which it waits for.

They are those of the workflow's rules; `config`, a `printf`, is left out.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any

from fernn.estimate.work import Network, Work, evaluation, times, training

Key = tuple[str, ...]
STAGES = ("tune", "train", "evaluate")


@dataclass(frozen=True)
class Job:
    """One job of the workflow.

    Attributes:
        rule: its name.
        names: its wildcards, as in the name of its benchmark file.
        after: the jobs it waits for.
        model: the name of the model that it is about.
        devices: GPUs it asks for.
        works: what it computes.
        alike: jobs that share an entry take as long, per frame; nearest first.
    """

    rule: str
    names: tuple[str, ...] = ()
    after: tuple[Key, ...] = ()
    model: str = ""
    devices: int = 0
    works: tuple[Work, ...] = ()
    alike: tuple[Hashable, ...] = ()

    @property
    def key(self) -> Key:
        """Rule and wildcards."""
        return (self.rule, *self.names)

    @property
    def stage(self) -> str:
        """``tune``, ``train``, ``evaluate`` or ``rest``."""
        return self.rule if self.rule in STAGES else "rest"

    @property
    def frames(self) -> float:
        """Frames that networks see in it."""
        return sum(work.frames for work in self.works)


def jobs(plan: dict[str, Any]) -> dict[Key, Job]:
    """All jobs of a plan that `fernn.config.plan` made, by key."""
    found = [*_data(plan), *_learning(plan), *_measuring(plan), *_showing(plan)]
    return {job.key: job for job in found}


def _data(plan: dict[str, Any]) -> Iterator[Job]:
    for source in plan["sources"]:
        yield _plain(("fetch", source))
    for name, experiment in plan["experiments"].items():
        fetch = ("fetch", plan["atlases"][name])
        for split in experiment["recipes"]:
            yield _plain(("synthesize", name, split), (fetch,))


def _learning(plan: dict[str, Any]) -> Iterator[Job]:
    for name, experiment in plan["experiments"].items():
        validation = experiment["recipes"]["val"]["sequences"]
        data = tuple(("synthesize", name, split) for split in ("train", "val"))
        for model, entry in experiment["models"].items():
            network = _network(entry["model"], entry["frame_size"])
            trial = training(network, entry["trial"], validation)
            workers = range(plan["workers"])
            for worker in workers:
                slots = range(worker, entry["tuning"]["trials"], len(workers))
                works = times(trial, len(slots))
                key = ("tune", name, model, str(worker))
                yield _learner(key, data, 1, works)
            tuned = tuple(("tune", name, model, str(worker)) for worker in workers)
            yield _plain(("select", name, model), tuned)
            works = training(network, entry["training"], validation)
            for seed in plan["seeds"]:
                key, after = ("train", name, model, str(seed)), ("select", name, model)
                yield _learner(key, (*data, after), plan.get("devices", 1), works)


def _learner(
    key: Key, after: tuple[Key, ...], devices: int, works: tuple[Work, ...]
) -> Job:
    rule, experiment, model, _ = key
    same = works[0].network, works[0].batch, devices
    about = works[0].network.without_rollout, *same[1:]
    alike = (
        (*key, *same),
        (rule, experiment, model, *same),
        (rule, model, *about),
        (model, *about),  # a trial is a short training
    )
    return Job(rule, key[1:], after, model, devices, works, alike)


def _measuring(plan: dict[str, Any]) -> Iterator[Job]:
    for name, experiment in plan["experiments"].items():
        trained = experiment["models"]
        for axis, about in experiment["axes"].items():
            compared = experiment["baselines"] if about["baselines"] else {}
            recipe = experiment["recipes"][about["recipe"]]
            for model in (*trained, *compared):
                after: tuple[Key, ...] = (("synthesize", name, about["recipe"]),)
                works: tuple[Work, ...] = ()
                if model in trained:
                    runs = [("train", name, model, str(s)) for s in plan["seeds"]]
                    after = (*after, *runs)
                    entry = trained[model]
                    network = _network(entry["model"], entry["frame_size"])
                    works = evaluation(network, about, recipe, len(plan["seeds"]))
                yield _measurer(("evaluate", name, axis, model), after, works)
            models = (*trained, *compared)
            shards = tuple(("evaluate", name, axis, model) for model in models)
            yield _plain(("combine", name, axis), shards)


def _measurer(key: Key, after: tuple[Key, ...], works: tuple[Work, ...]) -> Job:
    rule, _, axis, model = key
    networks = tuple((work.network, work.batch) for work in works)
    about = tuple((net.without_rollout, batch) for net, batch in networks)
    alike = ((*key, networks), (rule, axis, model, about))
    return Job(rule, key[1:], after, model, 1, works, alike)


def _showing(plan: dict[str, Any]) -> Iterator[Job]:
    shown: list[Key] = []
    for rule in ("figure", "table"):
        for name, cubes in plan[f"{rule}s"].items():
            after = tuple(("combine", *cube.split("/")) for cube in cubes)
            shown.append((rule, name))
            yield _plain((rule, name), after)
    yield _plain(("trace",), tuple(shown))
    yield _plain(("track",), tuple(shown))


def _plain(key: Key, after: tuple[Key, ...] = ()) -> Job:
    """A job without a model: any other of its rule is like it."""
    return Job(key[0], key[1:], after, alike=(key, key[:1]))


def _network(spec: dict[str, Any], size: int) -> Network:
    return Network(json.dumps(spec, sort_keys=True), size)
