"""The ablation: a cell for each way of training, which differ in nothing else."""

import json

import numpy as np
import pytest

from copied import ROOT
from fernn.config.check import checked
from fernn.config.plan import plan
from fernn.config.positions import merge, read
from fernn.tables import ablation
from test_tables import errors

SHIPPED = read(ROOT / "config.yaml")
WAY = ("rollout", "initial", "extended")


def without(node, names):
    """A part of a plan without some of its keys."""
    if isinstance(node, dict):
        return {k: without(v, names) for k, v in node.items() if k not in names}
    return node


def test_the_cells_of_the_ablation_differ_in_the_recipe_alone():
    raw = {**merge([SHIPPED]), "budget": "ablation"}
    made = plan(checked(raw, [SHIPPED]))
    ways, rest = set(), set()
    cells = {k: v for k, v in made["experiments"].items() if k.startswith("ablation_")}
    for name, experiment in cells.items():
        about = experiment["attrs"]
        ways.add(tuple(about[key] for key in WAY))
        for each in experiment["models"].values():
            spec = {
                **each["model"],
                "extended": int(each["training"]["extend_horizon"]),
            }
            assert {key: spec[key] for key in WAY} == {key: about[key] for key in WAY}
            assert each["training"]["validation_horizon"] == 20
        free = {"rollout", "initial", "extend_horizon"}
        same = json.dumps(without(experiment["models"], free), sort_keys=True)
        rest.add(same + json.dumps(experiment["recipes"], sort_keys=True))
        for axis in ("in_distribution", "length"):
            assert f"{name}/{axis}" in made["tables"]["ablation"]
    assert len(ways) == 7 and len(rest) == 1
    told = {rollout for rollout, _, extended in ways if extended}
    assert told == {"advect", "corrected", "free", "repeat", "shifted"}


def test_an_ablation_has_a_row_for_each_model_and_way_of_training():
    def way(name, level, **about):
        kept = {"experiment": name, "horizon": 1, **about}
        near = errors([[[level]], [[3 * level]]], ((0, 0),), **kept)
        far = errors([[[0, 0, 0, level]]] * 2, ((0, 0),), axis="length", **kept)
        return near, far

    exact = way("one", 1.0, rollout="free", initial="symmetric", extended=1)
    repeated = way("other", 5.0, rollout="repeat", initial="random", extended=0)
    table = ablation.tabulate([*exact, repeated[1], repeated[0]])
    keys = ["model", "rollout", "initial", "extended", "seeds"]
    assert table[keys].values.tolist() == [
        ["FERNN-V2", "free", "symmetric", "yes", 2],
        ["FERNN-V2", "repeat", "random", "no", 2],
    ]
    assert table["in_distribution_mean"].tolist() == [2, 10]  # of 1 and 3, 5 and 15
    assert table["in_distribution_std"].tolist() == pytest.approx([2**0.5, 50**0.5])
    assert table["length_4x_mean"].tolist() == [1, 5]
    assert table["length_7x_mean"].isna().all()
    (alone,) = ablation.tabulate([exact[0]])["length_4x_mean"]
    assert np.isnan(alone)
