"""Optimisers of `torch.optim` whose use does not import torch's compiler.

Methods of an optimiser are decorated to be left out of programs that `torch.compile`
makes. The decorators import the compiler, also where nothing is compiled, which takes
as long as all else of torch. No optimiser is compiled here.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import torch

PLAIN = ("add_param_group", "load_state_dict", "state_dict", "zero_grad")


@functools.cache
def light(kind: type[torch.optim.Optimizer]) -> Callable[..., torch.optim.Optimizer]:
    """The same optimiser, to the same bits, without the decorators of its methods.

    Args:
        kind: of `torch.optim`; with ``differentiable=True`` its steps still leave no
            graph.
    """
    methods: dict[str, Any] = {
        name: inspect.unwrap(getattr(kind, name)) for name in PLAIN
    }
    methods["step"] = torch.no_grad()(inspect.unwrap(kind.step))
    return type(kind.__name__, (kind,), methods)
