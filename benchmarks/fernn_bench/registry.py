"""All measurements by name: functions that yield rows of the report.

A function's docstring is its section of the report, the first line its title. With
`quick` everything is small, to see that it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import xarray as xr

from fernn_bench.commands import start_up, workflow
from fernn_bench.demo import model_cost, tracking
from fernn_bench.gpu import gpu
from fernn_bench.interpolation import interpolation
from fernn_bench.rendering import rendering
from fernn_bench.report import Row
from fernn_bench.rotation import rotation
from fernn_bench.scaling import evaluation, scaling, velocities, velocities_cube
from fernn_bench.training import training_memory, training_step

MEASUREMENTS: dict[str, Callable[[bool], Iterator[Row]]] = {
    "evaluation": evaluation,
    "gpu": gpu,
    "interpolation": interpolation,
    "model_cost": model_cost,
    "rendering": rendering,
    "rotation": rotation,
    "scaling": scaling,
    "start_up": start_up,
    "tracking": tracking,
    "training_memory": training_memory,
    "training_step": training_step,
    "velocities": velocities,
    "workflow": workflow,
}
# Those that figures show: in config.yaml the cube ``bench/<name>``.
CUBES: dict[str, Callable[[bool], xr.Dataset]] = {"velocities": velocities_cube}
