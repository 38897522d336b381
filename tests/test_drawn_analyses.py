"""Lines and dots of the analyses' figures are the numbers that their captions name."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import drawn
from drawn import BLUE, MODELS, RED
from fernn.figures import fixed_points, state_graph, state_norm, timescales

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


def points() -> xr.Dataset:
    """Three frames, the first of which the roll-out has not; one eigenvalue a model."""
    level = np.array(list(FACTORS.values()))
    table = np.einsum("m,k,s,t->mkst", level, SEEDS, [1.0, 1.0], [4.0, 2.0, 1.0])
    both = np.stack([np.stack([table, table / 8], 2), np.full((2, 3, 2, 2, 3), 9.0)], 2)
    both[:, :, :, 1, :, 0] = np.nan
    values = np.array([[1.2, 0.5], [0.99, 0.0]])  # real and imaginary part of a model
    dims = ("model", "seed")
    coords = {"model": ["m", "n"], "seed": [0, 1, 2], "time": [1, 2, 3]}
    eigenvalue = np.broadcast_to(values[:, None, :, None, None], (2, 3, 2, 1, 1))
    return xr.Dataset(
        {
            "residual": ((*dims, "system", "run", "sample", "time"), both),
            "eigenvalue": ((*dims, "part", "start", "number"), eigenvalue),
            "kick": ((*dims, "channel"), np.tile([3.0, 7.0], (2, 3, 1))),
        },
        coords
        | {"system": ["comoving", "lab"], "run": ["driven", "rollout"]}
        | {"part": ["real", "imaginary"]},
        drawn.attrs("fixed_points", MODELS),
    )


def test_residuals_are_geometric_means_beside_those_of_the_lab():
    figure = fixed_points.draw([points()])
    driven, rollout, plane = figure.axes
    assert drawn.colors(figure) == NETS
    for net, color in NETS.items():
        change = 2 * FACTORS[net] * np.array([4.0, 2.0, 1.0])
        drawn.assert_points(drawn.bold(driven)[net], [1, 2, 3], change)
        drawn.assert_points(drawn.bold(rollout)[net], [2, 3], change[1:] / 8)
        (lab,) = drawn.thin(driven, color)
        drawn.assert_points(lab, [1, 2, 3], [9, 9, 9])
    (red,), (blue,) = (drawn.thin(plane, color) for color in NETS.values())
    drawn.assert_points(red, [1.2] * 3, [0.5] * 3)
    drawn.assert_points(blue, [0.99] * 3, [0] * 3)
    (circle,) = plane.patches
    assert circle.get_radius() == 1


def test_numbers_count_eigenvalues_outside_and_near_1():
    found = {(n.model, n.quantity): n.mean for n in fixed_points.numbers([points()])}
    outside, near = "eigenvalues outside the unit circle", "eigenvalues near 1"
    assert [found[net, outside] for net in NETS] == [1, 0]
    assert [found[net, near] for net in NETS] == [0, 1]
    assert found["Red net", "largest kick"] == 7


def memories() -> xr.Dataset:
    """Two channels of two lags; of the blue net one channel has no timescale."""
    level = np.array([1.0, 0.5])
    table = np.einsum("m,k,c,l->mkcl", level, [0.3, 0.6, 0.9], [1, 0], [1.0, 0.5])
    times = np.array([[1.0, 2.0], [1.5, np.inf]])
    dims = ("model", "seed", "channel")
    return xr.Dataset(
        {
            "autocorrelation": ((*dims, "lag"), table),
            "timescale": (dims, np.repeat(times[:, None], 3, axis=1)),
        },
        {"model": ["m", "n"], "seed": [0, 1, 2], "lag": [0, 1]},
        drawn.attrs("timescales", MODELS),
    )


def test_correlations_are_means_and_shares_count_channels_without_a_timescale():
    figure = timescales.draw([memories()])
    left, right = figure.axes
    assert drawn.colors(figure) == NETS
    for level, (net, color) in zip([1, 0.5], NETS.items(), strict=True):
        drawn.assert_points(drawn.bold(left)[net], [0, 1], [level * 0.3, level * 0.15])
        (share,) = drawn.thin(right, color)
        ended = [1, 1, 1, 2, 2, 2] if net == "Red net" else [1.5] * 3
        shares = np.arange(len(ended) + 1) / 6
        drawn.assert_points(share, [0, *ended], shares)
    red, blue = timescales.numbers([memories()])
    assert (red.mean, blue.mean) == (1.5, np.inf)


def cycles() -> xr.Dataset:
    """Four sequences of periods 12 and 4; the red net recovers three while driven."""
    true, dims = [12.0, 12.0, 4.0, 4.0], ("model", "seed", "run")
    driven = [[12, 12, 4, 3], [12, 12, 4, 4]]
    rollout = [[12, np.nan, 12, 12], [1, 1, 1, 1]]
    period = np.stack([driven, rollout], axis=1).astype(float)
    likely = np.array([[0.9, 0.5], [1.0, 0.75]])
    return xr.Dataset(
        {
            "period": ((*dims, "sample"), np.repeat(period[:, None], 3, axis=1)),
            "true_period": ("sample", true),
            "determinism": (dims, np.repeat(likely[:, None], 3, axis=1)),
        },
        {"model": ["m", "n"], "seed": [0, 1, 2], "run": ["driven", "rollout"]},
        drawn.attrs("state_graph", MODELS),
    )


def test_a_dot_is_the_share_of_recovered_periods_of_a_seed():
    figure = state_graph.draw([cycles()])
    driven, rollout = (drawn.bold(axes) for axes in figure.axes)
    assert drawn.colors(figure) == NETS
    drawn.assert_points(driven["Red net"], [0.9] * 3, [0.75] * 3)
    drawn.assert_points(driven["Blue net"], [1.0] * 3, [1.0] * 3)
    drawn.assert_points(rollout["Red net"], [0.5] * 3, [0.25] * 3)
    drawn.assert_points(rollout["Blue net"], [0.75] * 3, [0] * 3)
    means = [number.mean for number in state_graph.numbers([cycles()])]
    assert means == [0.75, 0.25, 1, 0]
