"""What is learnt: a batch, its loss, and the error that validation measures.

A task is a module with

* ``batch(split, first, count, context, ahead, epoch)``: what the network is called
  with, and the target;
* ``of_each(output, targets)``: the outputs of models that compute as one;
* ``LOSS``: the module of `fernn.training.losses` that training minimises by default;
* ``errors(output, target)``: of each sample; their mean decides which epoch is kept;
* ``ERROR``: the name of that error in the tracker;
* ``correct(output, target)``: whether each answer is right, if answers can be: their
  share is the accuracy, by which epochs may be chosen instead.

Modules of `fernn.data` and `fernn.models` name theirs as ``TASK``.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from fernn.videos.recipes import Sequences
from labrun.errors import UserError
from labrun.modules import load

DEFAULT = "forecast"


def of(split: Sequences) -> Any:
    """The task that sequences are made for."""
    return named_by(load("fernn.data", split.recipe.attrs["kind"]))


def measures(split: Sequences, select_by: str) -> dict[str, Any]:
    """What validation measures of each sample of these sequences, by its name.

    Raises:
        UserError: the accuracy decides, and their task has none.
    """
    task = of(split)
    found = {"validation_error": task.errors}
    if select_by == "accuracy":
        if not hasattr(task, "correct"):
            kind = split.recipe.attrs["kind"]
            raise UserError(f"select_by 'accuracy': {kind} has none; give 'error'")
        found["validation_accuracy"] = task.correct
    return found


def answers(task: str) -> bool:
    """Whether the outputs of a task are right or wrong, so that it has an accuracy."""
    return hasattr(load("fernn.training.tasks", task), "correct")


def named_by(module: ModuleType) -> Any:
    """The task that a kind of data or of model names."""
    return load("fernn.training.tasks", getattr(module, "TASK", DEFAULT))
