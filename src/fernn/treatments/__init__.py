"""Treatments: what is done to a trained model before it is used.

A treatment is a module with ``treat(model, *, options)``, which returns a model with
the same methods and leaves the one that it is given as it is. Nothing is trained. Its
constants are ``NEUTRAL``, the options with which every prediction is the model's own,
bit for bit, and ``MODELS``, the kinds of `fernn.models` that it can treat; without it,
all. Options that are wrong are told by ``objection(*, options)``, in one line, or None.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from fernn.treatments._forecasters import (
    AfterStep,
    Stepwise,
    after_each_step,
    extended,
    require_forecaster,
    rolled_out,
)
from labrun.errors import UserError
from labrun.modules import configured, load, named, names

__all__ = [
    "AfterStep",
    "Stepwise",
    "after_each_step",
    "extended",
    "kinds",
    "listed",
    "objection",
    "require_forecaster",
    "rolled_out",
    "treat",
]
PACKAGE = "fernn.treatments"
Spec = str | dict[str, Any]


def kinds() -> list[str]:
    """All treatments."""
    return names(PACKAGE)


def listed(spec: Spec | list[Spec] | None) -> list[dict[str, Any]]:
    """Treatments in their order, each as ``{"kind": ..., **options}``."""
    if spec is None:
        return []
    return [named(each) for each in (spec if isinstance(spec, list) else [spec])]


def treat(model: nn.Module, spec: Spec | list[Spec] | None) -> nn.Module:
    """The model after one treatment, or after several in their order.

    Args:
        model: trained; it is not changed.
        spec: a kind, or ``{"kind": ..., **options}``, or a list of them.

    Raises:
        UserError: no such treatment or option, or the model cannot be treated so.
    """
    for each in listed(spec):
        begin = configured(PACKAGE, each, "treat")
        message = objection(each)
        if message:
            raise UserError(f"treatment {each['kind']}: {message}")
        model = begin(model)
    return model


def objection(spec: Spec) -> str | None:
    """What is wrong with the values of a treatment's options, in one line; or None."""
    options = named(spec)
    judge = getattr(load(PACKAGE, str(options.pop("kind"))), "objection", None)
    return judge(**options) if judge else None
