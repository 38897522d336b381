"""What a protocol, or a model for itself, decides of training, and what can be wrong.

Each of these keys holds a kind, or a mapping with its `kind` and options; a strategy
may be a list of them.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator
from typing import Any

from fernn.config import options
from fernn.config.options import unknown
from fernn.config.problems import Problem
from fernn.config.schema import Config, Model, Protocol
from labrun import modules
from labrun.errors import UserError

PACKAGES = {  # of the kinds that a key names
    "rollout": "models/rollouts",
    "schedule": "training/schedules",
    "loss": "training/losses",
    "optimiser": "training/optimisers",
    "strategy": "training/strategies",
}
OF_MODELS = ("learning_rates", "rollouts", "costs")  # by the model that each is of
LEARNT = ("schedule", "loss", "optimiser", "strategy")  # those that training is told
OWN = ("loss", "optimiser", "strategy")  # those that a model may have for itself


def problems(config: Config) -> Iterator[Problem]:
    """Of all protocols, and of what models have for themselves."""
    for name, protocol in config.protocols.items():
        path = ("protocols", name)
        for key in PACKAGES:
            yield from kind_problems(key, getattr(protocol, key), (*path, key))
        for key in OF_MODELS:
            for model in getattr(protocol, key):
                yield from unknown("model", model, config.models, (*path, key, model))
        for model, spec in protocol.rollouts.items():
            yield from kind_problems("rollout", spec, (*path, "rollouts", model))
    for name, model in config.models.items():
        for key in OWN:
            where = ("models", name, key)
            yield from kind_problems(key, getattr(model, key), where)


def decided(protocol: Protocol, model: Model) -> dict[str, Any]:
    """What training is told, as a model has it for itself or the protocol for all."""
    found = {key: getattr(protocol, key) for key in LEARNT}
    found |= {key: getattr(model, key) for key in OWN if getattr(model, key)}
    return {key: spec for key, spec in found.items() if spec is not None}


def kind_problems(key: str, spec: Any, path: tuple) -> Iterator[Problem]:
    """Of the value of such a key; None has none."""
    if isinstance(spec, list):
        for index, each in enumerate(spec):
            yield from kind_problems(key, each, (*path, index))
        return
    if spec is None:
        return
    given = modules.named(spec)
    package, kind = PACKAGES[key], str(given.get("kind"))
    if key == "optimiser" and not options.exists(package, kind):
        yield from _optimiser(given, path)
        return
    if not options.exists(package, kind):
        where = path if isinstance(spec, str) else (*path, "kind")
        yield from options.unknown_kind(key, package, kind, where)
        return
    entry = inspect.signature(_entry(key, kind)).parameters
    supplied = entry.keys() - modules.keywords(_entry(key, kind)).keys()
    yield from options.check(package, given, path, supplied)


def _optimiser(spec: dict[str, Any], path: tuple) -> Iterator[Problem]:
    """Of torch: its own signature decides, and what it says to values and kernels."""
    from torch import nn, zeros, zeros_like

    from fernn.training import optimisers

    weights = [nn.Parameter(zeros(shape)) for shape in ((1,), (1, 1, 1, 1))]
    for weight in weights:
        weight.grad = zeros_like(weight)
    try:
        optimisers.build(spec, weights, learning_rate=1e-3).step()
    except RuntimeError as error:
        problem = f"{spec['kind']} does not train convolutions: {error}"
        yield Problem(path, problem.splitlines()[0])
    except UserError as error:
        yield Problem(path, str(error))


def declared(key: str, kind: str) -> dict[str, Any]:
    """The options of a kind that can be tuned, with their defaults.

    One that names another model is not: that model is trained before the search. There
    are none of a kind that there is not.
    """
    from fernn.training import optimisers

    try:
        if key == "optimiser":
            known = optimisers.tunable(kind)
        else:
            known = modules.keywords(_entry(key, kind))
    except UserError:  # a problem of its own, with its place
        return {}
    models = options.constant(PACKAGES[key], kind, "NEEDS") or ()
    return {k: each.default for k, each in known.items() if k not in models}


def needs(spec: Any) -> dict[str, str]:
    """The models that strategies need trained, by the option that names each."""
    named = {name: given[name] for given, name in _of_models(spec)}
    return {name: each for name, each in named.items() if isinstance(each, str)}


def untrained(spec: Any) -> dict[str, str]:
    """The models that strategies need with random weights, likewise."""
    named = {name: given[name] for given, name in _of_models(spec)}
    return {name: each["random"] for name, each in named.items() if _is_untrained(each)}


def with_untrained(spec: Any, described: Callable[[str], dict[str, Any]]) -> Any:
    """Strategies with the description of each such model in the place of its name."""
    made = copy.deepcopy(spec)
    for given, name in _of_models(made):
        if _is_untrained(given[name]):
            given[name] = described(given[name]["random"])
    return made


def _of_models(spec: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Each strategy that names another model, and by which option."""
    for given in spec if isinstance(spec, list) else [spec]:
        if isinstance(given, dict):  # a kind alone has no options
            kind = given.get("kind")
            wanted = options.constant(PACKAGES["strategy"], kind, "NEEDS") or ()
            yield from ((given, name) for name in wanted if name in given)


def _is_untrained(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("random"), str)


def _entry(key: str, kind: str) -> Any:
    package = PACKAGES[key]
    module = modules.load(f"fernn.{package.replace('/', '.')}", kind)
    return getattr(module, options.ENTRY[package])
