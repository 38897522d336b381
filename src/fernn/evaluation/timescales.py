r"""How long a channel of the state remembers: times of its autocorrelation.

After *Emergent mechanisms for long timescales*, in the frame of each slot: the activity
of a channel c is

.. math:: a_t = \psi_{-t}(\nu) h_t^c(\nu), \qquad
   C_c(k) = \frac{\mathrm{cov}(a_t, a_{t+k})}{\mathrm{cov}(a_t, a_t)}

over slots, pixels, sequences and times t, while true frames are fed after the context.
Its timescale is the lag, in frames, at which C falls below 1/e. For an autoregressive
process of first order, :math:`C(k) = e^{-k/\tau}`, that is τ. An activity that does not
fall that far within the run has none, that is, infinity. For V = {0} the frame of the
slot is the lab.

Source: S. Khajehabdollahi and others, Emergent mechanisms for long timescales, ICLR
2024, arXiv 2309.12927.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float
from torch import Tensor

from fernn.evaluation.headlines import Headline
from fernn.evaluation.states import driven, in_lab, require_states
from fernn.evaluation.subject import Subject
from fernn.flows import push_forward

DRAWS = ("sampled",)
BASELINES = False  # they have no state
WORK = ({"slower": 2},)
STORED = ((32, "horizon"),)  # so many channels
THRESHOLD = float(np.exp(-1))


@torch.no_grad()
def measure(subject: Subject, spec: dict[str, Any]) -> xr.Dataset:
    """Autocorrelations of the channels, and where they fall below 1/e.

    Args:
        subject: a trained forecaster and its test sequences.
        spec: ``context``, ``horizon`` and ``batch``.

    Returns:
        ``autocorrelation`` (channel × lag), up to half of the horizon, and
        ``timescale`` (channel), in frames; NaN where a channel never changes; ``tau``
        (channel), the time constants of a leaky cell, NaN of another.

    Raises:
        UserError: the model rolls out no state.
    """
    model, sequences = subject.model, subject.sequences
    assert sequences is not None
    require_states(model, "timescales")
    context, horizon = spec["context"], spec["horizon"]
    sums: Tensor | float = 0.0
    for video in subject.videos(spec):
        states = [
            push_forward(model.cell.flow, in_lab(model, carry), -time)
            for time, (carry, _) in enumerate(driven(model, video))
        ]
        activity = torch.stack(states[context:]).double()
        series = activity.transpose(-3, -1).flatten(1, -2)  # time, series, channel
        sums = sums + moments(series, horizon // 2)
    assert isinstance(sums, Tensor)
    found = correlation(sums).cpu().numpy()
    lags = ("lag", np.arange(len(found)), {"units": "frame"})
    about = {"long_name": "lag at which the autocorrelation falls below 1/e"}
    return xr.Dataset(
        {
            "autocorrelation": (("channel", "lag"), found.T),
            "timescale": ("channel", crossing(found), about | {"units": "frame"}),
            "tau": ("channel", _constants(model, found.shape[1]), {"units": "frame"}),
        },
        coords={"lag": lags},
    )


def _constants(model: Any, channels: int) -> np.ndarray:
    """Time constants that a cell has, in the order of its channels."""
    if not hasattr(model.cell, "timescales"):
        return np.full(channels, np.nan)
    own = model.cell.timescales().detach().double().cpu().numpy()
    return np.tile(own, channels // len(own))


def moments(
    activity: Float[Tensor, "time series channel"], last: int
) -> Float[Tensor, "lag 4 channel"]:
    """Of lags 0 to `last`: the number of pairs, both sums, and that of products.

    Those of several recordings add up.
    """
    found = []
    for lag in range(last + 1):
        early, late = activity[: len(activity) - lag], activity[lag:]
        number = torch.full_like(activity[0, 0], early[..., 0].numel())
        parts = [early.sum((0, 1)), late.sum((0, 1)), (early * late).sum((0, 1))]
        found.append(torch.stack([number, *parts]))
    return torch.stack(found)


def correlation(
    sums: Float[Tensor, "lag 4 channel"],
) -> Float[Tensor, "lag channel"]:
    """The autocorrelation of what `moments` summed; NaN of a constant."""
    number, early, late, products = sums.unbind(1)
    covariance = products / number - (early / number) * (late / number)
    rounding = 1e-12 * products[0] / number[0]
    return covariance / covariance[0].where(covariance[0] > rounding, torch.nan)


def crossing(correlation: np.ndarray) -> np.ndarray:
    """The lag at which each column first falls below 1/e, linear between lags."""
    found = np.full(correlation.shape[1], np.inf)
    found[np.isnan(correlation).any(0)] = np.nan
    for channel, column in enumerate(correlation.T):
        for lag, (before, after) in enumerate(itertools.pairwise(column)):
            if after < THRESHOLD <= before:
                found[channel] = lag + (before - THRESHOLD) / (before - after)
                break
    return found


def _middle(cube: xr.Dataset, model: str) -> xr.DataArray:
    """The median over channels; of one that never falls the longest lag."""
    longest = float(cube["lag"].max())
    found = cube["timescale"].sel(model=model)
    return found.clip(max=longest).median("channel", skipna=True)


COMPARED = {"timescales": Headline("median timescale", "ratio", None, _middle)}
