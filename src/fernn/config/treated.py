"""Treated models: made of a trained one by treatments, by no training of their own.

An entry of `models` without a kind is one; ``of`` names the trained model. Experiments
list it among their models; `separated` takes it out of these lists, so that nothing is
trained or tuned for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fernn.config import options
from fernn.config.options import unknown
from fernn.config.problems import MISSING, Problem
from fernn.config.schema import Config, Experiment, Model, Treated
from labrun.modules import named

PACKAGE = "treatments"
OWN = {"label", "color", "of", "treatment", "against"}  # the keys of a treated model


def problems(config: Config) -> Iterator[Problem]:
    """Of all entries that are treated, or neither that nor of a kind."""
    for name, model in config.models.items():
        if model.kind:
            if model.treatment:
                message = "is of a model without kind, made of another by `of`"
                yield Problem(("models", name, "treatment"), message)
        elif model.treatment or _base(model) is not None:
            yield from _entry(config, model, ("models", name))
        else:
            yield Problem(("models", name, "kind"), MISSING)
    for name, experiment in config.experiments.items():
        yield from _listed(config, experiment, ("experiments", name))
        yield from _twice(config, experiment, ("experiments", name, "axes"))


def _base(model: Model) -> Any:
    """What a treated model is made of; None of another model."""
    return None if model.kind else (model.model_extra or {}).get("of")


def _entry(config: Config, model: Model, path: tuple) -> Iterator[Problem]:
    name = _base(model)
    given = model.model_fields_set | (model.model_extra or {}).keys()
    for key in sorted(given - OWN):
        message = f"is of the model that is treated, {name!r}; leave it out"
        yield Problem((*path, key), message)
    base = config.models.get(name) if isinstance(name, str) else None
    if name is None:
        yield Problem((*path, "of"), MISSING)
    elif base is None:
        trained = [n for n, each in config.models.items() if each.kind]
        yield from unknown("model", name, trained, (*path, "of"))
    elif not base.kind:
        message = f"{name!r} is treated itself; name a model that is trained, and"
        yield Problem((*path, "of"), f"{message} list all treatments")
    elif options.constant("models", base.kind, "TRAINED") is False:
        yield Problem((*path, "of"), f"{name!r} ({base.kind}) has no weights")
    elif not model.treatment:
        yield Problem((*path, "treatment"), MISSING)
    else:
        several = isinstance(model.treatment, list)
        for index, spec in enumerate(_treatments(model)):
            where = (*path, "treatment", index) if several else (*path, "treatment")
            yield from _treatment(spec, base.kind, where)


def _treatment(spec: dict[str, Any], kind: str, path: tuple) -> Iterator[Problem]:
    own = spec["kind"]
    supplied = {*options.names(PACKAGE, own)} - options.keywords(PACKAGE, own)
    found = [*options.check(PACKAGE, spec, path, supplied)]
    yield from found
    suited = options.constant(PACKAGE, own, "MODELS") or (kind,)
    if kind not in suited:
        message = f"{own} is for {' or '.join(suited)}, not for {kind}"
        yield Problem((*path, "kind"), message)
    judge = options.constant(PACKAGE, own, "objection")
    if judge and not found:
        message = judge(**{name: v for name, v in spec.items() if name != "kind"})
        if message:
            yield Problem(path, message)


def _listed(config: Config, experiment: Experiment, path: tuple) -> Iterator[Problem]:
    """A model that is treated is trained in the same experiment."""
    for group in ("models", "baselines"):
        for index, name in enumerate(getattr(experiment, group)):
            entry = config.models.get(name)
            if entry is None or entry.kind:
                continue
            where, base = (*path, group, index), _base(entry)
            if group == "baselines":
                yield Problem(where, f"{name!r} is treated and belongs under models")
            elif base in [*config.models] and base not in experiment.models:
                message = f"{name!r} is made of {base!r}, which is not among the models"
                yield Problem(where, f"{message} of this experiment")


def _twice(config: Config, experiment: Experiment, path: tuple) -> Iterator[Problem]:
    """A statistic that treats models is of none that is treated so already."""
    entries = {name: config.models.get(name) for name in experiment.models}
    has = {
        name: [each["kind"] for each in _treatments(entry)]
        for name, entry in entries.items()
        if entry
    }
    for index, axis in enumerate(experiment.axes):
        for kind in _given(config, axis):
            for model in (name for name, kinds in has.items() if kind in kinds):
                message = f"{axis!r} treats models by {kind}, as {model!r} is already"
                yield Problem((*path, index), message)


def _given(config: Config, name: str) -> list[Any]:
    """The treatments that the statistic of an axis is told of."""
    axis = config.axes.get(name)
    nested = options.nested("evaluation", axis.statistic) if axis else {}
    specs = [axis.options.get(n) for n, of in nested.items() if axis and of == PACKAGE]
    return [spec.get("kind") for spec in specs if isinstance(spec, dict)]


def _treatments(model: Model) -> list[dict[str, Any]]:
    """Those of an entry, in their order."""
    given = model.treatment or []
    return [named(each) for each in (given if isinstance(given, list) else [given])]


def separated(config: Config) -> Config:
    """The same with treated models apart, complete by what they are made of.

    Those that are made of nothing are left out; they have a problem.
    """
    models = {n: each for n, each in config.models.items() if each.kind}
    made = {
        name: _made(config.models[_base(each)], each)
        for name, each in config.models.items()
        if not each.kind and _base(each) in [*models]
    }
    experiments = {}
    for name, experiment in config.experiments.items():
        listed = experiment.models
        trained = [n for n in listed if n in models or n not in config.models]
        treated = {n: made[n] for n in listed if n in made}
        experiments[name] = experiment.apart(trained, treated)
    return config.model_copy(update={"models": models, "experiments": experiments})


def _made(base: Model, model: Model) -> Treated:
    own = {"label": model.label, "color": model.color, "treatment": None}
    own["against"] = model.against
    whole = base.model_copy(update=own)
    return Treated(_base(model), whole, _treatments(model))
