"""A mock cube for everything that a figure or table shows."""

from __future__ import annotations

import pytest
import xarray as xr

import mock_analyses
import mock_cubes
import mock_pictures

BUILDERS = {
    "in_distribution": mock_cubes.in_distribution,
    "strict_error": mock_cubes.strict_error,
    "few": mock_cubes.few,
    "noise": mock_cubes.noise,
    "length": mock_cubes.length,
    "velocity": mock_cubes.velocity,
    "curves": mock_cubes.curves,
    "seconds": mock_cubes.seconds,
    "equivariance": mock_cubes.equivariance,
    "rollouts": mock_pictures.rollouts,
    "hidden_state": mock_pictures.hidden_state,
    "image_quality": mock_cubes.image_quality,
    "lyapunov": mock_cubes.lyapunov,
    "state_norm": mock_analyses.state_norm,
    "fixed_points": mock_analyses.fixed_points,
    "timescales": mock_analyses.timescales,
    "state_graph": mock_analyses.state_graph,
    "swept": mock_cubes.swept,
    "camera": mock_cubes.camera,
    "footage": mock_pictures.footage,
    "velocities": mock_cubes.velocities,
}


def of(module) -> list[xr.Dataset]:
    """A cube of each role that a figure or table shows.

    One of another statistic, as an extension may have, brings its own tests.
    """
    if any(needed.get("unit") == "degrees" for needed in module.SHOWS.values()):
        return [mock_cubes.turning()]
    if not {*module.SHOWS} <= {*BUILDERS}:
        pytest.skip("it shows what no mock cube has")
    return [BUILDERS[name]() for name in module.SHOWS]
