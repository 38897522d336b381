"""What an experiment's data are: the recipe of every split, at a budget's sizes."""

from __future__ import annotations

from typing import Any

from fernn.config import options
from fernn.config.schema import Budget, Config, Experiment

SPLITS = ("train", "val")


def axis_of(
    config: Config, budget: Budget, name: str, validated: int
) -> dict[str, Any]:
    """The axis with the budget's sizes.

    Its horizon is by default the trained one, and without a test set of its own that
    of the validation.
    """
    sizes = budget.axes.get(name)
    own = sizes.model_dump(exclude_unset=True) if sizes else {}
    axis = config.axes[name]
    options = {**axis.options, **own.get("options", {})}
    merged = {**axis.model_dump(), **own, "options": options}
    default = budget.horizon if merged["draw"] else validated
    return {**merged, "horizon": merged["horizon"] or default}


def redraw_of(experiment: Experiment) -> str:
    """When its training sequences are drawn anew: ``epoch`` or ``never``."""
    return str(experiment.dataset.get("redraw", "epoch"))


def recipes(
    config: Config, budget: Budget, experiment: Experiment, axes: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """The specification of every split's recipe."""
    general = {**budget.model_dump(), **budget.options, "seed": config.seed}
    wanted = options.names("data", experiment.dataset["kind"])
    given = {key: value for key, value in general.items() if key in wanted}
    base = {**experiment.dataset, **given}
    longest = budget.context + budget.long_horizon
    sizes = {"train": budget.sequences, "val": budget.validation}
    found = {
        split: {
            **base,
            "split": split,
            "pool": split,
            "draw": "sampled",
            "sequences": sizes[split],
            "frames": longest,
        }
        for split in SPLITS
    }
    for name, axis in axes.items():
        if axis["draw"] is None:
            continue
        own = ("statistic", "horizon", "stream", "options")
        rest = {key: value for key, value in axis.items() if key not in own}
        frames = budget.context + axis["horizon"]
        found[name] = {
            **base,
            **rest,
            "split": axis["stream"] or name,
            "pool": "test",
            "frames": frames,
        }
    return found
