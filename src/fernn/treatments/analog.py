r"""The model as an analog crossbar would run it: few levels, noisy weights and reads.

After every step a converter reads the state with b bits, by levels that are uniform in
the output of the nonlinearity, up to a full scale p:

.. math:: q(h) = \mathrm{round}\bigl((2^b - 1) \min(h + \sigma_r p\,\xi, p) / p\bigr)
          \cdot p / (2^b - 1)

for a ReLU; a state with both signs has levels from -p to p. Levels and programmed
weights, :math:`W + \sigma_w \max|W|\,\xi`, are the same in all slots and pixels, so
they leave the flow equivariance exact. The noise of reading is of each device, that is
of each slot and pixel, and breaks it.

Source: arXiv 2411.18271.
"""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

from fernn.cells import State
from fernn.treatments import after_each_step, require_forecaster

NEUTRAL = {"bits": 32, "weight_noise": 0.0, "read_noise": 0.0}
MODELS = ("forecaster",)
EXACT = 32  # bits: the state as it is


def objection(
    *,
    bits: int = EXACT,
    full_scale: float | None = None,
    weight_noise: float = 0.0,
    read_noise: float = 0.0,
    seed: int = 0,
):
    """Bits are counted, noises and scales have no sign."""
    if not isinstance(bits, int) or not 1 <= bits <= EXACT:
        return f"bits must be a whole number from 1 to {EXACT}, got {bits}"
    if full_scale is not None and not 0 < full_scale < math.inf:
        return f"full_scale must be positive, got {full_scale}"
    if min(weight_noise, read_noise) < 0:
        return f"a noise must not be negative, got {min(weight_noise, read_noise)}"
    return None


def treat(
    model: nn.Module,
    *,
    bits: int = EXACT,
    full_scale: float | None = None,
    weight_noise: float = 0.0,
    read_noise: float = 0.0,
    seed: int = 0,
) -> nn.Module:
    """A copy with noisy weights, whose state is read through a converter.

    Args:
        model: a forecaster.
        bits: b, of the converter; 32: no levels.
        full_scale: p; None for the largest activation of a sample at each step.
        weight_noise: standard deviation, relative to the largest weight of a layer.
        read_noise: likewise, relative to p; new in every step of a video, of each slot
            and pixel, and the same for all videos.
        seed: of both noises.

    Raises:
        UserError: the model is no forecaster.
    """
    found = copy.deepcopy(require_forecaster(model, "analog"))
    if weight_noise:
        program(found, weight_noise, seed)
    if bits >= EXACT and not read_noise:
        return found
    signed = found.cell.activation != "relu"
    noise = torch.Generator()

    def read(state: State, first: bool) -> State:
        full = _full_scale(state, full_scale)
        if read_noise:
            if first:
                noise.manual_seed(seed)
            drawn = torch.randn(state.shape[1:], generator=noise, dtype=torch.float64)
            state = state + read_noise * full * drawn.to(state)
            state = state if signed else state.relu()
        return state if bits >= EXACT else quantised(state, full, bits, signed)

    return after_each_step(found, "analog", read)


def quantised(state: Tensor, full: Tensor, bits: int, signed: bool) -> Tensor:
    """The nearest of 2^bits levels from 0, or from -`full`, to `full`."""
    low, steps = (-full, 2**bits - 1) if signed else (0 * full, 2**bits - 1)
    unit = (full - low) / steps
    return ((state - low) / unit).round().clamp(0, steps) * unit + low


def levels(state: Tensor, bits: int, signed: bool) -> Tensor:
    """`quantised`, up to the largest activation of each sample."""
    return quantised(state, _full_scale(state, None), bits, signed)


def _full_scale(state: State, given: float | None) -> Tensor:
    """Of each sample; away from zero."""
    largest = state.abs().amax((1, 2, 3, 4), keepdim=True)
    if given is not None:
        return torch.full_like(largest, given)
    return largest.clamp_min(torch.finfo(state.dtype).tiny)


@torch.no_grad()
def program(model: nn.Module, share: float, seed: int) -> None:
    """Add noise to all weights that are no biases.

    Args:
        model: whose weights are changed.
        share: standard deviation, relative to the largest weight of a layer.
        seed: of the noise.
    """
    generator = torch.Generator().manual_seed(seed)
    for weight in model.parameters():
        if weight.ndim > 1:
            drawn = torch.randn(weight.shape, generator=generator, dtype=torch.float64)
            weight += share * weight.abs().max() * drawn.to(weight)
