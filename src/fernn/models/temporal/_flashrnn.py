"""The kernels of the package flashrnn, where it is installed and a GPU can run them.

The package (github.com/NX-AI/flashrnn, under a licence of its own) is no dependency of
this one. It compiles its kernels at their first use. Its gates are those of
`fernn.models.temporal.flash_rnn`, but for the GRU, where it has the recurrent part of
the candidate first and a bias for each.
"""

from __future__ import annotations

from importlib.util import find_spec

import torch
from jaxtyping import Float
from torch import Tensor

from labrun.errors import UserError

LEAST = (8, 0)  # compute capability that the kernels need
BACKEND = "cuda"  # of the package, of any rule and any width of a head
Drives = Float[Tensor, "time gate pixel head channel"]
States = tuple[Tensor, ...]


def require(device: torch.device) -> None:
    """Refuse a GPU that cannot run the kernels, or a missing package.

    Raises:
        UserError: one of both.
    """
    if find_spec("flashrnn") is None:
        raise UserError(
            "execution 'flashrnn' needs the package flashrnn, which is not installed;"
            " pip install flashrnn, or use execution 'torch'"
        )
    found = torch.cuda.get_device_capability(device)
    if found < LEAST:
        raise UserError(
            f"execution 'flashrnn' needs a GPU of compute capability {LEAST[0]}.0, this"
            f" one has {found[0]}.{found[1]}; use execution 'torch'"
        )


def series(
    rule: str,
    drives: Drives,
    recurrent: Float[Tensor, "gate head channel channel"],
    inner_bias: Float[Tensor, "head channel"] | None,
    states: States | None,
    backend: str = BACKEND,
) -> tuple[Float[Tensor, "time pixel head channel"], States]:
    """The outputs of all frames, and the states after the last.

    Args:
        rule: of the cell.
        drives: of its gates, biases included.
        recurrent: weights of each gate.
        inner_bias: that of a GRU's recurrent candidate.
        states: before the first frame; None at the beginning.
        backend: of the package.
    """
    from flashrnn import flashrnn  # pyright: ignore[reportMissingImports]

    bias = torch.zeros_like(drives[0, :, 0])
    if rule == "gru":
        assert inner_bias is not None
        recurrent = recurrent.roll(1, 0)  # n, r, z
        bias = torch.cat([inner_bias[None].to(bias), bias])
    before = None if states is None else torch.stack(states)[:, :, None]
    kind = str(drives.dtype).removeprefix("torch.")
    inputs = drives.permute(2, 0, 1, 3, 4), recurrent.to(drives.dtype), bias
    found, last = flashrnn(
        *inputs, states=before, function=rule, backend=backend, dtype=kind
    )
    return found[0].transpose(0, 1), tuple(last[:, :, 0])
