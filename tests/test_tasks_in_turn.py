"""The forgetting matrix by hand."""

import json

import numpy as np
import pytest
import xarray as xr

import mock_cubes
from fernn.tables import tasks_in_turn


def cube():
    """Eleven tasks of two epochs each, of a model beside one without any."""
    tasks = [f"task_{task}_speed_{10 - task}" for task in range(11)]
    quantities, epochs = [*sorted(tasks), "stage"], np.arange(1, 23)
    values = np.full((2, 2, 12, 22), np.nan)
    made = xr.Dataset(
        {"value": (("model", "seed", "quantity", "epoch"), values)},
        coords={"model": ["held", "plain"], "seed": [0, 1]}
        | {"quantity": quantities, "epoch": epochs},
    )
    table = made["value"].loc[{"model": "held"}]
    stage = (epochs - 1) // 2
    for task, name in enumerate(tasks):
        error = 1.0 + task + 0.5 * np.maximum(stage - task, 0)
        error[::2] = 99.0  # of epochs that are not a task's last
        table.loc[{"quantity": name, "seed": 0}] = error
        table.loc[{"quantity": name, "seed": 1}] = 3 * error
    table.loc[{"quantity": "stage"}] = stage
    about = {name: mock_cubes.model(name, 1, 1.0) for name in ("held", "plain")}
    own = {"statistic": "strategy_curves", "axis": "strategy"}
    own["models"] = json.dumps(about)
    return made.assign_attrs({**mock_cubes.attrs("curves"), **own})


def test_a_row_is_a_task_after_a_task_and_its_ratio_is_to_when_it_was_learnt():
    table = tasks_in_turn.tabulate([cube()])
    assert len(table) == 11 * 11 and {*table["model"]} == {"held"}
    found = table.set_index(["task", "after"])
    first = found.loc["speed 10", "speed 8"]  # two tasks later: 1 + 2/2, and thrice it
    assert first["mse_mean"] == 4.0
    assert first["mse_std"] == pytest.approx(2 * 2**0.5)
    assert (first["ratio_mean"], first["ratio_std"]) == (2.0, 0.0)
    assert found.loc["speed 0", "speed 0"]["ratio_mean"] == 1.0  # the last, not second
    early = found.loc["speed 8", "speed 10"]
    assert early["mse_mean"] == 6.0 and np.isnan(early["ratio_mean"])
