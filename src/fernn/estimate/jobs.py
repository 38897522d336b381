"""The jobs of a plan, what each computes, and which it waits for.

They are those of the workflow's rules; `config`, a `printf`, is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fernn.estimate.work import Network, Work, evaluation, times, training
from labrun.estimate.benchmarks import FOLDER, Earlier, runs
from labrun.estimate.job import Job, Key


def jobs(plan: dict[str, Any]) -> dict[Key, Job]:
    """All jobs of a plan that `fernn.config.plan` made, by key."""
    found = [*_data(plan), *_learning(plan), *_measuring(plan), *_showing(plan)]
    return {job.key: job for job in found}


def earlier(folder: Path, plan: dict[str, Any]) -> Earlier:
    """What is known of a budget from the jobs that ran.

    Args:
        folder: its results.
        plan: as it is now. The run's own plan lies in the folder and gives its sizes;
            without a readable one they are taken to be those of now.
    """
    try:
        then = jobs(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        then = jobs(plan)
    return Earlier(then, runs(folder / FOLDER))


def _data(plan: dict[str, Any]) -> Iterator[Job]:
    for source in plan["sources"]:
        yield _plain(("fetch", source))
    for name, experiment in plan["experiments"].items():
        fetch = ("fetch", plan["atlases"][name])
        for split in experiment["recipes"]:
            yield _plain(("synthesize", name, split), (fetch,))


def _learning(plan: dict[str, Any]) -> Iterator[Job]:
    for name, experiment in plan["experiments"].items():
        for model in experiment["models"]:
            yield from _of_model(plan, name, model)


def _of_model(plan: dict[str, Any], name: str, model: str) -> Iterator[Job]:
    experiment = plan["experiments"][name]
    entry, seeds = experiment["models"][model], experiment["seeds"]
    network = _network(entry["model"], entry["frame_size"])
    validation = experiment["recipes"]["val"]["sequences"]
    trial, works = (
        training(network, entry[key], validation) for key in ("trial", "training")
    )
    data = tuple(("synthesize", name, split) for split in ("train", "val"))
    if name in plan.get("learned", ()):
        key = _trainer(plan, name, model, seeds[0])
        after = (*data, *_needed_by(plan, name, entry, seeds))
        whole = times(trial, entry["tuning"]["trials"]) + times(works, len(seeds))
        yield _learner(key, after, 1, whole)
        return
    # Trials have those of one seed.
    ready = (*data, *_needed(plan, name, entry, seeds[0]))
    tuned = [*MODES[plan["tuning_mode"]](plan, (name, model), ready, trial)]
    yield from tuned
    selected: tuple[Key, ...] = ()
    if tuned:  # without a trial the protocol is trained as it stands
        selected = (("select", name, model),)
        yield _plain(*selected, tuple(job.key for job in tuned))
    by_key: dict[Key, list[int]] = {}
    for seed in seeds:
        by_key.setdefault(_trainer(plan, name, model, seed), []).append(seed)
    for key, own in by_key.items():
        after = (*data, *_needed_by(plan, name, entry, own), *selected)
        yield _learner(key, after, plan.get("devices", 1), times(works, len(own)))


def _trainer(plan: dict[str, Any], name: str, model: str, seed: int) -> Key:
    """The job that trains a model with a seed."""
    if name in plan.get("learned", ()):
        return ("learn", name, model)
    if plan["experiments"][name]["seeds"] == plan.get("together"):
        return ("train_seeds", name, model)
    return ("train", name, model, str(seed))


def _needed(
    plan: dict[str, Any], name: str, entry: dict[str, Any], seed: int
) -> tuple[Key, ...]:
    """The trainings of the models that a strategy names."""
    others = entry.get("needs", {}).values()
    return tuple(_trainer(plan, name, other, seed) for other in others)


def _needed_by(
    plan: dict[str, Any], name: str, entry: dict[str, Any], seeds: list[int]
) -> tuple[Key, ...]:
    """Those of several seeds, each once."""
    each = [key for seed in seeds for key in _needed(plan, name, entry, seed)]
    return tuple(dict.fromkeys(each))


def _workers(
    plan: dict[str, Any], place: Key, data: tuple[Key, ...], trial: tuple[Work, ...]
) -> Iterator[Job]:
    """Workers that share the trials of a study."""
    trials = _trials(plan, place)
    for worker in range(min(plan["workers"], trials)):
        works = times(trial, len(range(worker, trials, plan["workers"])))
        yield _learner(("tune", *place, str(worker)), data, 1, works)


def _rounds(
    plan: dict[str, Any], place: Key, data: tuple[Key, ...], trial: tuple[Work, ...]
) -> Iterator[Job]:
    """A job for each trial; a round is asked for when all earlier ones have ended."""
    trials = [("trial", *place, str(slot)) for slot in range(_trials(plan, place))]
    for slot, key in enumerate(trials):
        number, first = divmod(slot, plan["workers"])
        ask = ("ask", *place, str(number))
        if first == 0:
            yield _plain(ask, tuple(trials[:slot]))
        yield _learner(key, (*data, ask), 1, trial)


def _trials(plan: dict[str, Any], place: Key) -> int:
    experiment, model = place
    return plan["experiments"][experiment]["models"][model]["tuning"]["trials"]


MODES = {"batch": _rounds, "workers": _workers}


def _learner(
    key: Key, after: tuple[Key, ...], devices: int, works: tuple[Work, ...]
) -> Job:
    rule, experiment, model, *_ = key
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
        parts = experiment["parts"].items()
        for part, models in parts:
            if axes := _axes(experiment, models):
                yield _measurer(plan, (name, part), models, axes)
        for axis, about in experiment["axes"].items():
            wanted = {*_weights(experiment)}
            wanted |= {*experiment["baselines"]} if about["baselines"] else set()
            measured = [part for part, models in parts if wanted & {*models}]
            after = tuple(("evaluate", name, part) for part in measured)
            yield _plain(("combine", name, axis), after)


def _weights(experiment: dict[str, Any]) -> dict[str, str]:
    """The models that are trained, and those made of them: of which."""
    made = experiment.get("treated", {}).items()
    own = {model: model for model in experiment["models"]}
    return {**own, **{model: about["of"] for model, about in made}}


def _axes(experiment: dict[str, Any], models: list[str]) -> dict[str, Any]:
    """Those that a part measures."""
    trained = _weights(experiment).keys() & {*models}
    axes = experiment["axes"].items()
    return {axis: about for axis, about in axes if trained or about["baselines"]}


def _measurer(
    plan: dict[str, Any], place: Key, models: list[str], axes: dict[str, Any]
) -> Job:
    """All axes of some models; those of a baseline take next to nothing."""
    name, part = place
    experiment = plan["experiments"][name]
    splits = dict.fromkeys(about["recipe"] for about in axes.values())
    after: list[Key] = [("synthesize", name, split) for split in splits]
    works: tuple[Work, ...] = ()
    weights = _weights(experiment)
    for model in [weights[model] for model in models if model in weights]:
        seeds = experiment["seeds"]
        trainers = [_trainer(plan, name, model, seed) for seed in seeds]
        after += [key for key in dict.fromkeys(trainers) if key not in after]
        entry = experiment["models"][model]
        network = _network(entry["model"], entry["frame_size"])
        for about in axes.values():
            recipe = experiment["recipes"][about["recipe"]]
            works += evaluation(network, about, recipe, len(seeds))
    about = tuple((work.network.without_rollout, work.batch) for work in works)
    key = ("evaluate", *place)
    alike = ((*key, about), (key[0], tuple(models), about))
    return Job("evaluate", place, tuple(after), part, 1, works, alike)


def _showing(plan: dict[str, Any]) -> Iterator[Job]:
    shown: list[Key] = []
    made: list[Key] = []
    for rule in ("figure", "table"):
        for name, cubes in plan[f"{rule}s"].items():
            after = tuple(map(_maker, cubes))
            shown.append((rule, name))
            made += after
            yield _plain((rule, name), after)
    for key in {key: None for key in made if key[0] == "bench"}:
        yield _plain(key)
    tables = tuple(key for key in shown if key[0] == "table")
    yield _plain(("numbers",), tables)
    yield _plain(("look",), tuple(dict.fromkeys(made)))
    yield _plain(("playground",))
    yield _plain(("trace",), (*shown, ("numbers",)))
    yield _plain(("track",), tuple(shown))


def _maker(cube: str) -> Key:
    """The job that makes a cube: a measurement, or all shards of an experiment."""
    experiment, axis = cube.split("/")
    return ("bench", axis) if experiment == "bench" else ("combine", experiment, axis)


def _plain(key: Key, after: tuple[Key, ...] = ()) -> Job:
    """A job without a model: any other of its rule is like it."""
    return Job(key[0], key[1:], after, alike=(key, key[:1]))


def _network(spec: dict[str, Any], size: int) -> Network:
    return Network(json.dumps(spec, sort_keys=True), size)
