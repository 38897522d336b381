"""`match: parameters`: widths that give models equally many weights."""

from __future__ import annotations

import functools
import itertools
import json
from typing import Any

from fernn.config import options
from fernn.config.schema import Experiment
from labrun.errors import UserError

WITHIN = 0.03  # of the reference's number of parameters
WIDEST = 4096  # times the smallest width, up to which one is tried
UNITS = 17  # below which the smallest width is looked for


def reference(experiment: Experiment) -> str:
    """The model whose number of parameters the others have."""
    return experiment.reference or experiment.models[0]


@functools.cache
def parameters(spec: str, size: int) -> int:
    """The number of weights of a specification, as JSON; no weight is made."""
    import torch

    from fernn import models
    from fernn.shapes import Shapes

    with torch.device("meta"), Shapes():
        return models.parameters(models.build(json.loads(spec), size))


def options_of_kind(kind: str) -> list[str]:
    """The options that make a model wider: ``WIDTHS`` of its module, by default hidden.

    There may be a second one, which is finer.
    """
    named = options.constant("models", kind, "WIDTHS") or ("hidden",)
    return [name for name in named if name in options.names("models", kind)]


def matched(spec: dict[str, Any], target: int, size: int) -> dict[str, int]:
    """The widths that bring a model to a number of parameters.

    Args:
        spec: of the model; its own first width does not count.
        target: parameters; they grow with every width.
        size: of frames, pixels.

    Returns:
        The first option of the model's widths, and a second one only where the first
        comes no nearer than `WITHIN`; then the first may be one step off.
    """
    named = options_of_kind(spec["kind"])
    if not named:
        return {}
    first, *rest = named
    unit, width = _unit(spec, first, size), _nearest(spec, first, target, size)
    found = {first: width}
    for fine, near in itertools.product(rest, (width, width - unit, width + unit)):
        if _apart({**spec, **found}, target, size) <= WITHIN:
            break
        if near >= unit:
            whole = {**spec, first: near}
            other = {first: near, fine: _nearest(whole, fine, target, size)}
            both = (found, other)
            found = min(both, key=lambda f: _apart({**spec, **f}, target, size))
    return found


def _apart(spec: dict[str, Any], target: int, size: int) -> float:
    """How far a model is from a number of parameters, as a share of it."""
    return abs(of_spec(spec, size) / target - 1)


def _nearest(spec: dict[str, Any], option: str, target: int, size: int) -> int:
    """The value of one option that brings a model nearest, by bisection."""
    unit = _unit(spec, option, size)

    def count(units: int) -> int:
        return of_spec({**spec, option: units * unit}, size)

    low, high = 1, 2
    while count(high) < target and high < WIDEST:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) < target else (low, middle)
    return unit * min((low, high), key=lambda units: abs(count(units) - target))


def _unit(spec: dict[str, Any], option: str, size: int) -> int:
    """The smallest width that a model takes; of the others its multiples are tried."""
    takes = (
        width for width in range(1, UNITS) if _builds({**spec, option: width}, size)
    )
    return next(takes, 1)


def multiples(
    spec: dict[str, Any], factors: list[float], size: int
) -> dict[str, tuple[int, list[int]]]:
    """A model's width, and its multiples that the model takes, by the option's name.

    Empty without factors, and of a model that has no width as a number.
    """
    option = next(iter(options_of_kind(spec["kind"])), None)
    default = option and options.default("models", spec["kind"], option)
    own = spec.get(option, default) if option else None
    if option is None or not isinstance(own, int) or not factors:
        return {}
    widths = {own, *(max(1, round(own * factor)) for factor in factors)}
    takes = [w for w in sorted(widths) if _builds({**spec, option: w}, size)]
    return {option: (own, takes)}


def _builds(spec: dict[str, Any], size: int) -> bool:
    """Whether a model takes its widths: some must be even, or multiples."""
    try:
        of_spec(spec, size)
    except UserError:
        return False
    return True


def of_spec(spec: dict[str, Any], size: int) -> int:
    """The number of weights of a model, on frames of `size` pixels."""
    return parameters(json.dumps(spec, sort_keys=True), size)
