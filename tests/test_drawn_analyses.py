"""Lines and dots of the analyses' figures are the numbers that their captions name."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import drawn
from drawn import BLUE, MODELS, RED
from fernn.figures import state_norm

NETS = {"Red net": RED, "Blue net": BLUE}
SEEDS = np.array([1.0, 1.0, 8.0])  # geometric mean 2
FACTORS = {"Red net": 1.0, "Blue net": 5.0}


def norms() -> xr.Dataset:
    """Two sequences, four frames; context 1 and horizon 3, so a trained length of 3."""
    level, sequence = np.array(list(FACTORS.values())), np.array([1.0, 3.0])  # mean 2
    time = np.array([1.0, 2.0, 4.0, 6.0])
    table = np.einsum("m,k,s,t->mkst", level, SEEDS, sequence, time)
    both = np.stack([table, 10 * table], axis=2)
    dims = ("model", "seed", "run", "sample", "time")
    coords = {"model": ["m", "n"], "seed": [0, 1, 2], "time": [1, 2, 3, 4]}
    return xr.Dataset(
        {"norm": (dims, both**2), "squared_error": (dims, both)},
        coords | {"run": ["driven", "rollout"]},
        drawn.attrs("state_norm", MODELS, context=1, long_horizon=3),
    )


def test_norms_are_relative_to_the_trained_length_and_errors_are_not():
    figure = state_norm.draw([norms()])
    norm, driven, rollout = figure.axes
    assert drawn.colors(figure) == NETS
    for net, color in NETS.items():
        frames = [1, 2, 3, 4]
        drawn.assert_points(
            drawn.bold(norm)[net], frames, np.array([1, 4, 16, 36]) / 16
        )
        means = 2 * 2 * FACTORS[net] * np.array([1.0, 2.0, 4.0, 6.0])
        drawn.assert_points(drawn.bold(driven)[net], frames, means)
        drawn.assert_points(drawn.bold(rollout)[net], frames, 10 * means)
        for line, seed in zip(drawn.thin(driven, color), SEEDS, strict=True):
            drawn.assert_points(line, frames, seed * means / 2)
    assert drawn.upright(norm) == [3]
    assert {axes.get_yscale() for axes in figure.axes} == {"log"}


def test_the_roll_out_begins_after_the_context():
    cube = norms()
    cube.attrs["context"] = 2
    line = drawn.bold(state_norm.draw([cube]).axes[2])["Red net"]
    drawn.assert_points(line, [2, 3, 4], [80, 160, 240])


def test_numbers_of_the_norm_are_ratios_of_the_last_and_the_trained_frame():
    first, second, third, *_ = state_norm.numbers([norms()])
    assert first.mean == pytest.approx(36 / 16) and first.model == "Red net"
    assert second.mean == third.mean == pytest.approx(6 / 4)
