"""What is learnt: a batch, its loss, and the error that validation measures.

A task is a module with

* ``batch(split, first, count, context, ahead, epoch)``: what the network is called
  with, and the target;
* ``LOSS``: the module of `fernn.training.losses` that training minimises by default;
* ``errors(output, target)``: of each sample; their mean decides which epoch is kept;
* ``ERROR``: the name of that error in the tracker.

Modules of `fernn.data` and `fernn.models` name theirs as ``TASK``.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from fernn.videos.recipes import Sequences
from labrun.modules import load

DEFAULT = "forecast"


def of(split: Sequences) -> Any:
    """The task that sequences are made for."""
    return named_by(load("fernn.data", split.recipe.attrs["kind"]))


def named_by(module: ModuleType) -> Any:
    """The task that a kind of data or of model names."""
    return load("fernn.training.tasks", getattr(module, "TASK", DEFAULT))
