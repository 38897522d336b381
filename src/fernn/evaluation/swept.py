"""The error of forecasts against an option of a treatment, such as a share or a step.

A model is treated anew for every value. It tells what a model withstands, and where a
treatment helps.
"""

from __future__ import annotations

from typing import Annotated, Any

import torch
import xarray as xr

from fernn import treatments
from fernn.evaluation import squared_error
from fernn.evaluation.subject import Subject
from labrun.errors import nearest
from labrun.modules import Kind, keywords, load

BASELINES = False  # they have no weights
REPEATED = "values"
STORED = ((2, "sequences", "horizon", "repeats"),)


def objection(
    *, treatment: dict[str, Any], option: str, values: list[float]
) -> str | None:
    """What is wrong with the option, or with a value of it."""
    known = keywords(load(treatments.PACKAGE, treatment["kind"]).treat)
    if option not in known:
        return f"{treatment['kind']} has no option {option!r}; {nearest(option, known)}"
    if len({*values}) < max(len(values), 1):
        return f"values must be different, and some, got {values}"
    found = (treatments.objection({**treatment, option: value}) for value in values)
    return next(filter(None, found), None)


@torch.no_grad()
def measure(
    subject: Subject,
    spec: dict[str, Any],
    *,
    treatment: Annotated[dict[str, Any], Kind("treatments")],
    option: str,
    values: list[float],
) -> xr.Dataset:
    """Squared errors after a treatment with every value of an option.

    Args:
        subject: a trained model and its test sequences; what it is treated with before
            stays.
        spec: ``context``, ``horizon`` and ``batch``.
        treatment: its kind, and options that do not change.
        option: the one that does.
        values: of it, numbers.

    Returns:
        ``squared_error`` and ``clamped_squared_error`` (value × sample × frame), see
        `squared_error`; what was swept is told by the attributes of ``value``.
    """
    found = [
        squared_error.measure(subject.treated({**treatment, option: value}), spec)
        for value in values
    ]
    about = {"treatment": treatment["kind"], "option": option}
    axis = xr.Variable("value", [float(value) for value in values], about)
    whole = xr.concat(
        found, axis.to_index_variable(), data_vars="all", coords="minimal"
    )
    return whole.assign_coords(value=axis)
