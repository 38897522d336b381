"""On a GPU, shipped models train and statistics measure as on a processor.

These tests are skipped without a GPU. FERNN_TEST_DEVICE=cpu runs them on a processor,
to try the tests themselves. Experiments are those of the budgets that need no download,
with few sequences and epochs: `python -m pytest -n 8 -m "" tests/test_gpu.py`.
"""

import copy
import functools
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from fernn import cli, models
from fernn.cells.flow_equivariant import _trust
from fernn.config.check import checked
from fernn.config.plan import plan
from fernn.config.positions import read
from labrun.storage import read_dataset, read_datasets

FOUND = "cuda" if torch.cuda.is_available() else ""
CARD = os.environ.get("FERNN_TEST_DEVICE", FOUND)
BUDGETS = ("demo", "zoo", "ace", "world")
SEQUENCES, EPOCHS = 32, 4  # strategies with stages need some epochs
LOSS, MEASURED = 2e-2, 2e-3  # relative; the former after some steps of an optimiser
ROUNDING = 1e-6  # of measurements that are zero but for it

pytestmark = [
    pytest.mark.minutes,
    pytest.mark.skipif(not CARD, reason="there is no GPU"),
]


@functools.cache
def planned(budget):
    source = read(Path(__file__).parents[1] / "config.yaml")
    return plan(checked({**source.content, "budget": budget}, [source]))


def experiments():
    source = read(Path(__file__).parents[1] / "config.yaml").content["budgets"]
    return [(each, name) for each in BUDGETS for name in source[each]["experiments"]]


class Small:
    """An experiment of a budget with little data, in a folder.

    Args:
        budget: its budget.
        name: of the experiment.
        folder: where its files lie.
    """

    def __init__(self, budget, name, folder):
        whole = planned(budget)
        self.plan, self.folder = whole["experiments"][name], folder
        self.atlas = folder / "atlas.nc"
        source = whole["sources"][whole["atlases"][name]]
        call("fetch", "--source", json.dumps(source), "--output", self.atlas)
        for each, recipe in self.plan["recipes"].items():
            few = {"train": SEQUENCES, "val": 8}.get(each, 4)
            spec = {**recipe, "sequences": min(few, recipe.get("sequences", few))}
            where = "--atlas", self.atlas, "--output", folder / f"{each}.nc"
            call("synthesize", "--recipe", json.dumps(spec), *where)

    def train(self, name, home):
        """A model with two seeds, and before it those that it needs."""
        if (home / name).exists():
            return
        found = self.plan["models"][name]
        needs = found.get("needs") or {}
        for needed in needs.values():
            self.train(needed, home)
        settings = {**found["training"], "epochs": EPOCHS, "sequences": SEQUENCES}
        outputs = [home / name / str(seed) / "model.pt" for seed in (0, 1)]
        for output in outputs:
            output.parent.mkdir(parents=True)
        given = [
            f"{option}={home / each}/{{seed}}/model.pt"
            for option, each in needs.items()
        ]
        call(
            *(
                "train",
                "--train",
                self.folder / "train.nc",
                "--val",
                self.folder / "val.nc",
            ),
            *("--atlas", self.atlas, "--model", json.dumps(found["model"])),
            *("--training", json.dumps(settings), "--seed", 0, 1),
            *(["--needs", *given] if given else []),
            *("--output", *outputs),
        )

    def measure(self, home, output):
        """All axes, of the weights in a folder."""
        weights = {name: name for name in self.plan["models"]}
        made = self.plan.get("treated", {})
        weights |= {name: each["of"] for name, each in made.items()}
        words = []
        for name, of in weights.items():
            words += [
                "--model",
                name,
                *(home / of / seed / "model.pt" for seed in "01"),
            ]
        if made:
            how = {name: each["treatment"] for name, each in made.items()}
            words += ["--treatments", json.dumps(how)]
        for name, spec in self.plan["baselines"].items():
            words += ["--baseline", name, json.dumps(spec)]
        axes = copy.deepcopy(self.plan["axes"])
        if "fixed_points" in axes:
            axes["fixed_points"]["options"] |= {"starts": 1, "steps": 10}
        recipes = {
            self.folder / f"{axis['recipe']}.nc"
            for axis in axes.values()
            if axis.get("recipe")
        }
        words += ["--seeds", 0, 1, "--axes", json.dumps(axes), "--atlas", self.atlas]
        words += ["--recipes", *sorted(recipes)] if recipes else []
        call("evaluate", *words, "--output", output)


def call(*words):
    """A command, which must succeed."""
    assert cli.main([str(word) for word in words]) == 0


@pytest.mark.parametrize(
    ("budget", "name"), experiments(), ids=map("/".join, experiments())
)
def test_a_card_computes_what_a_processor_does(budget, name, tmp_path, monkeypatch):
    """Losses after training there, and measurements of the same weights."""
    small = Small(budget, name, tmp_path)

    def use(kind):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: kind != "cpu")

    for kind in ("cpu", CARD):
        use(kind)
        for model in small.plan["models"]:
            small.train(model, tmp_path / f"on-{kind}")
    for kind in ("cpu", CARD):
        use(kind)
        small.measure(tmp_path / "on-cpu", tmp_path / f"{kind}.nc")
    apart = {model: losses_apart(tmp_path, model) for model in small.plan["models"]}
    assert not {model: found for model, found in apart.items() if not found < LOSS}
    shards = tmp_path / "cpu.nc", tmp_path / f"{CARD}.nc"
    apart = {axis: measurements_apart(axis, *shards) for axis in small.plan["axes"]}
    assert not {axis: found for axis, found in apart.items() if found}


@pytest.mark.skipif(CARD != "cuda", reason="kernels are compared on a GPU alone")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("flow", "what"),
    [
        ({"kind": "translation", "max_speed": 1}, "maxima over V"),
        (
            {"kind": "rotation", "orientations": 36, "max_speed": 1},
            "convolutions of orientations",
        ),
    ],
    ids=["translation", "rotation"],
)
def test_kernels_are_used(monkeypatch, capsys, flow, what, dtype):
    monkeypatch.setattr(_trust, "_VERDICTS", {})
    spec = {"kind": "forecaster", "flow": flow, "hidden": 16, "rollout": "advect"}
    model = models.build(spec, 15).to(CARD)
    with torch.autocast(CARD, dtype, dtype != torch.float32):
        model(torch.rand(2, 3, 1, 15, 15, device=CARD), 4).square().sum().backward()
    told = capsys.readouterr().err
    assert f"kernels used for {what}" in told and "not used" not in told


def losses_apart(folder, model):
    """The largest relative difference of a training loss of either seed."""
    found = []
    for seed in "01":
        ours, theirs = (
            read_dataset(folder / f"on-{kind}" / model / seed / "history.nc")
            for kind in ("cpu", CARD)
        )
        found.append(abs(ours - theirs)["train_loss"].max() / ours["train_loss"].max())
    return float(max(found))


def measurements_apart(axis, one, other):
    """The variables that differ by more than is allowed, and by how much."""
    apart = {}
    expected, found = (read_datasets(path, axis) for path in (one, other))
    assert expected.keys() == found.keys()
    for model, cube in expected.items():
        for variable, values in cube.items():
            ours, theirs = np.asarray(values), np.asarray(found[model][variable])
            if ours.dtype.kind != "f":
                continue
            allowed = ROUNDING + MEASURED * np.max(
                abs(ours[np.isfinite(ours)]), initial=0
            )
            if not np.allclose(ours, theirs, MEASURED, allowed, equal_nan=True):
                apart[model, variable] = float(np.nanmax(abs(ours - theirs)))
    return apart
