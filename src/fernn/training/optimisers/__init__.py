"""Optimisers: any of `torch.optim` by its name, or a module of this package.

Such a module has ``build(parameters, learning_rate, *, options)``, which returns a
`torch.optim.Optimizer`. The schedule sets the learning rate of all its groups at every
step.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from numbers import Real
from typing import Any

import torch
from torch import nn

from labrun.errors import UserError, nearest, shown
from labrun.modules import keywords, load, named, names, require_options

DEFAULT = "Adam"
OWN = "fernn.training.optimisers"
GIVEN = ("self", "params", "lr")  # by the loop
REFUSED = {  # options of torch that training has no use for
    "capturable": "no step is recorded in a CUDA graph",
    "differentiable": "no gradient of a step is taken",
    "maximize": "training minimises its loss",
}
SPEED = ("foreach", "fused")  # options of torch about how a step is computed
PLAIN = ("add_param_group", "load_state_dict", "state_dict", "zero_grad")


def build(
    spec: str | dict[str, Any] | None,
    parameters: Iterable[nn.Parameter],
    learning_rate: float,
) -> torch.optim.Optimizer:
    """The optimiser of a specification; None for Adam as torch has it.

    Raises:
        UserError: an unknown kind or option, or a value that torch refuses.
    """
    given = named(spec or DEFAULT)
    kind = str(given.pop("kind", None))
    known = options(kind)
    for name in given.keys() & REFUSED.keys() - known.keys():
        raise UserError(f"{name} of {kind} cannot be set: {REFUSED[name]}")
    require_options(kind, given, known)
    for name, value in given.items():
        _require_type(kind, name, value, known[name].default)
    if kind in names(OWN):
        return load(OWN, kind).build(parameters, learning_rate, **given)
    try:
        return _light(_classes()[kind])(parameters, lr=learning_rate, **given)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"optimiser {kind}: {error}") from None


def options(kind: str) -> dict[str, inspect.Parameter]:
    """The arguments of an optimiser that a specification may give.

    Raises:
        UserError: there is no such optimiser.
    """
    if kind in names(OWN):
        return keywords(load(OWN, kind).build)
    if kind not in _classes():
        known = [*_classes(), *names(OWN)]
        raise UserError(f"no optimiser {kind!r}; {nearest(kind, known)}")
    arguments = inspect.signature(_classes()[kind]).parameters
    excluded = {*GIVEN, *REFUSED}
    return {name: each for name, each in arguments.items() if name not in excluded}


def tunable(kind: str) -> dict[str, inspect.Parameter]:
    """Those options that can change what is learnt; raises as `options`."""
    known = options(kind)
    excluded = () if kind in names(OWN) else SPEED
    return {name: each for name, each in known.items() if name not in excluded}


def _require_type(kind: str, name: str, value: Any, default: Any) -> None:
    """Refuse what is no switch or number where the default is one.

    Torch takes any text for true.
    """
    if not isinstance(default, Real):
        return
    switch = isinstance(default, bool)
    if isinstance(value, bool) != switch or not isinstance(value, Real):
        wanted = "true or false" if switch else "a number"
        raise UserError(f"{name} of {kind} must be {wanted}, got {shown(value)}")


def _classes() -> dict[str, Any]:
    """Those of torch whose step needs no second look at the loss, as LBFGS does."""
    found = {}
    for name, each in vars(torch.optim).items():
        if isinstance(each, type) and issubclass(each, torch.optim.Optimizer):
            closure = inspect.signature(each.step).parameters["closure"]
            if closure.default is None and each is not torch.optim.Optimizer:
                found[name] = each
    return found


@functools.cache
def _light(kind: type[torch.optim.Optimizer]) -> Callable[..., torch.optim.Optimizer]:
    """The same optimiser, to the same bits, without the decorators of its methods.

    They leave the methods out of programs that `torch.compile` makes, and import the
    compiler, also where nothing is compiled, which takes as long as all else of torch.
    With ``differentiable=True`` steps still leave no graph.
    """
    methods: dict[str, Any] = {
        name: inspect.unwrap(getattr(kind, name)) for name in PLAIN
    }
    methods["step"] = torch.no_grad()(inspect.unwrap(kind.step))
    return type(kind.__name__, (kind,), methods)
