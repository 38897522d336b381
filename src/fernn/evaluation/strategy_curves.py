"""What strategies told in the course of training, from the histories of checkpoints."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from fernn.evaluation.subject import Subject

WORK = ()  # see `fernn.estimate.work`
DRAWS = (None,)  # it has no test set
TASK = "any"
BASELINES = False  # they are not trained
OF_TRAINING = (  # those of the loop, whatever the strategy
    "train_loss",
    "validation_error",
    "validation_accuracy",
    "learning_rate",
    "updates",
)


def measure(subject: Subject, spec: dict[str, Any]) -> xr.Dataset:
    """``value`` (quantity, epoch), and ``updates`` (epoch) so far.

    A quantity is what a strategy's `report` names, such as ``gamma_shift``; of several
    strategies without their kinds, if it is one's alone. A model that is trained
    without a strategy has none.

    Args:
        subject: a trained model.
        spec: of no account.
    """
    history = subject.history
    names = sorted(str(name) for name in {*history.data_vars} - {*OF_TRAINING})
    values = np.array([history[name].values for name in names], dtype=float)
    short = [name.rpartition(".")[2] for name in names]
    names = short if len({*short}) == len(names) else names
    shape = len(names), history.sizes["epoch"]
    own = {"long_name": "as the strategy reports it"}
    return xr.Dataset(
        {"value": (("quantity", "epoch"), values.reshape(shape), own)},
        coords={"quantity": np.array(names, dtype=str), "epoch": history["epoch"]},
    ).assign(updates=history["updates"])
