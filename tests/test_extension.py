"""To add a thing is to add one file and one entry of the configuration.

Toys of every kind lie in ``tests/toys``, each one file under the folder of the package
where it belongs, and ``toy.yaml`` with an entry for each. The workflow runs with them
in a copy of the repository, of which no other file is touched.
"""

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from copied import copy, environment
from fernn.training.settings import TUNING_SEED
from labrun.storage import read_dataset

LIMIT = 480  # seconds; it takes 50 on an idle core
TOYS = Path(__file__).parent / "toys"
ADDED = {  # the file: what is told of its entry when the file is not there
    "cells/held.py": "models.gated.cell.kind: no 'held' in cells",
    "data/sources/blank.py": "sources.nothing.kind: no 'blank' in sources",
    "flows/diagonal.py": "models.mixture.flow.kind: no 'diagonal' in flows",
    "models/mixture.py": "models.mixture.kind: no 'mixture' in models",
    "data/dots.py": "experiments.dots.dataset.kind: no 'dots' in data",
    "evaluation/ink.py": "axes.bright.statistic: no statistic 'ink'",
    "evaluation/strength.py": "axes.weights.statistic: no statistic 'strength'",
    "models/temporal/leaky.py": "models.leaky.cell.kind: no 'leaky' in temporal",
    "models/rollouts/fading.py": "protocols.toy.rollout.kind: no rollout 'fading'",
    "training/losses/charbonnier.py": "protocols.toy.loss: no loss 'charbonnier'",
    "training/optimisers/signs.py": "protocols.toy.optimiser: no optimiser 'signs'",
    "training/schedules/halving.py": (
        "protocols.toy.schedule.kind: no schedule 'halving'"
    ),
    "training/strategies/patience.py": (
        "models.pupil.strategy.2.kind: no strategy 'patience'"
    ),
    "training/strategies/distil.py": (
        "models.pupil.strategy.0.kind: no strategy 'distil'"
    ),
    "training/strategies/penalty.py": (
        "models.pupil.strategy.1.kind: no strategy 'penalty'"
    ),
    "treatments/dimmed.py": "models.dim.treatment.kind: no 'dimmed' in treatments",
    "figures/ink_kept.py": "figures.ink_kept: no figure 'ink_kept'",
    "tables/ink_lost.py": "tables.ink_lost: no table 'ink_lost'",
}


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """Run a module of Python in a copy of the repository that has the toys."""
    folder = tmp_path_factory.mktemp("extended")
    copy(folder)
    for name in ADDED:
        target = folder / "src/fernn" / name
        assert not target.exists()
        shutil.copy(TOYS / name, target)
    shutil.copy(TOYS / "toy.yaml", folder)
    cache = {"XDG_CACHE_HOME": str(folder / "cache")}

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=folder,
            env={**environment(folder / "src"), **cache},
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )

    run.folder = folder
    return run


def test_every_toy_is_one_file():
    files = {p.relative_to(TOYS).as_posix() for p in TOYS.rglob("*.py")}
    assert files == set(ADDED)


def test_without_their_files_all_entries_are_refused_with_their_places(extended):
    files = [extended.folder / "src/fernn" / name for name in ADDED]
    aside = [file.rename(file.with_suffix(".aside")) for file in files]
    try:
        told = extended("fernn", "config", "config.yaml", "toy.yaml")
    finally:
        for moved, file in zip(aside, files, strict=True):
            moved.rename(file)
    assert told.returncode == 2
    for message in ADDED.values():
        wanted = rf"fernn: toy\.yaml:\d+:\d+: {re.escape(message)}; "
        assert re.search(wanted, told.stderr), (message, told.stderr)
    whole = extended("fernn", "config", "config.yaml", "toy.yaml")
    assert whole.returncode == 0, whole.stderr


@pytest.mark.parametrize(
    ("times", "message"),
    [("0.0", "times 0 leaves no ink"), ("x", "must be a number")],
)
def test_options_of_a_statistic_are_judged_one_by_one_and_together(
    extended, times, message
):
    text = f"axes: {{ bright: {{ options: {{ times: {times} }} }} }}\n"
    (extended.folder / "times.yaml").write_text(text)
    told = extended("fernn", "config", "config.yaml", "toy.yaml", "times.yaml")
    assert told.returncode == 2
    where = rf"times\.yaml:1:\d+: axes\.bright\.options.*: {re.escape(message)}"
    assert re.search(where, told.stderr), told.stderr


def test_the_workflow_runs_with_all_of_them(extended):
    pytest.importorskip("snakemake")
    results = extended.folder / "results/toy"
    wanted = ["figures/ink_kept.png", "tables/ink_lost.csv", "cubes/dots/weights.nc"]
    done = extended(
        "snakemake",
        *(f"results/toy/{name}" for name in wanted),
        *("--cores", "2", "--configfile", "toy.yaml"),
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert (results / wanted[0]).stat().st_size > 1000
    with (results / wanted[1]).open() as file:
        lost = {row["model"]: float(row["lost"]) for row in csv.DictReader(file)}
    # A mixture of moved frames keeps every pixel's ink.
    assert lost.keys() == {"Mixture", "Pupil", "Gated", "Leaky", "Dim"}
    assert abs(lost["Mixture"]) < 1e-6 and abs(lost["Pupil"]) < 1e-6
    # Nothing was trained for what is made of the mixture by a treatment.
    assert abs(lost["Dim"] - 0.5) < 1e-6
    assert not [*results.rglob("**/dim/**/model.pt")]
    with read_dataset(results / "cubes/dots/weights.nc") as cube:
        assert float(cube.strength.min()) > 0
        assert float(cube.weight.sel(model="mixture").max()) == 0
        assert float(cube.weight.sel(model="pupil").min()) > 0
    pupil = json.loads((results / "runs/dots/pupil/0/model.pt.json").read_text())
    assert str(Path("results/toy/runs/dots/mixture/0/model.pt")) in str(pupil)
    # Trials of the pupil learn from no model of a final seed.
    assert (results / f"runs/dots/mixture/{TUNING_SEED}/model.pt").exists()
    trace = extended("fernn", "trace", str(results / wanted[0]))
    assert trace.returncode == 0, trace.stderr
    for name in (
        "cubes/dots/bright.nc",
        "runs/dots/mixture/0/model.pt",
        "blank digits",
    ):
        assert name in trace.stdout
    estimate = extended("fernn", "estimate", "--configfile", "config.yaml", "toy.yaml")
    assert estimate.returncode == 0 and "mixture" in estimate.stdout
