"""A sitting at a GPU, rehearsed on a processor at a tiny size."""

import importlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from labrun.storage import write_dataset

ROOT = Path(__file__).parents[1]


@pytest.fixture
def sit(tmp_path):
    """One sitting, on random digits; returns what it told and what it keeps."""
    image = np.random.default_rng(0).integers(0, 255, (40, 28, 28), np.uint8)
    split = np.repeat(["train", "val", "test"], [20, 10, 10])
    digits = {"image": (("digit", "row", "column"), image, {"scale": 255})}
    atlas = xr.Dataset(digits, coords={"split": ("digit", split)})
    write_dataset(atlas, tmp_path / "data/atlas.nc")
    paths = [str(ROOT / "benchmarks"), str(ROOT / "src")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}

    def run(*words):
        command = [sys.executable, "-m", "gpu_sitting", "--tiny", "--rates", "0.002"]
        command += ["--folder", str(tmp_path), "--minutes", "0", *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        kept = tmp_path / "sitting.json"
        return done.stderr, json.loads(kept.read_text()) if kept.exists() else {}

    return run


def test_a_sitting_is_continued_and_what_is_cut_short_is_tested(sit, tmp_path):
    told, kept = sit("--until", "rates", "--forms-seconds", "600")
    forms = {name: found for name, found in kept.items() if name.startswith("form ")}
    assert len(forms) == 8 and "training" not in told
    for name, found in forms.items():
        limit = 0.1 if "bfloat16" in name else 1e-4  # tf32 is exact on a processor
        assert found["prediction error"] < limit, name
        assert found["ms"] > 0 and found["sequences/s"] > 0
    told, more = sit()
    assert "form " not in told and {**more, **forms} == more
    assert more["run"]["steps"] >= 10 and more["card"] == "processor"
    curve = more["curve"]
    assert 1 <= curve[-1]["updates"] < more["run"]["steps"]  # its time was up at once
    assert (tmp_path / "model.pt").exists() and more["test"]["velocity"]["raw"] > 0
    assert "no time is left for published grnn" in told
    _, later = sit("--minutes", "5")
    assert later["published fernn_v2"]["step"] == 6 and later["curve"] == curve
    assert later["published fernn_v2 test"]["length"]["raw"] > 0
    names = ("page.md", "sitting.json")
    page = subprocess.run(
        [sys.executable, "-m", "gpu_sitting.page", *map(tmp_path.joinpath, names)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "benchmarks")},
    )
    assert page.returncode == 0 and (tmp_path / "page.png").exists()
    written = (tmp_path / "page.md").read_text()
    for network in ("", "control "):
        assert f"{more[f'{network}curve'][-1]['validation_error']:.3g}" in written
        assert f"{more[f'{network}test']['length']['raw']:.3g}" in written
    assert f"{later['published fernn_v2 test']['last']:.3g}" in written
    assert more["control run"]["form"].endswith("free, V0")
    for tables in ("spectra", "rotations", "profiles"):
        assert all(f"| {name.rpartition(': ')[0] or name} |" in written
                   for name in more[tables])  # fmt: skip


def test_the_published_protocol_goes_on_from_sitting_to_sitting(
    sit, tmp_path, monkeypatch
):
    """One that is stopped after each step ends as one that is not."""
    sit("--until", "data")
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    published = importlib.import_module("gpu_sitting.published")
    tiny = importlib.import_module("gpu_sitting.sizes").TINY
    model, training = published.entry("fernn_v2", replace(tiny, instalment=None))
    assert (model["hidden"], model["rollout"]) == (128, "repeat")
    assert (training["batch"], training["epochs"]) == (128, 50)
    how = tiny, tmp_path, torch.device("cpu")
    reached = []
    while not reached or reached[-1] < 6:
        found = published.instalment("fernn_v1", *how, 0.0, lambda text: None)
        reached.append(found["step"])
    assert reached == [1, 2, 3, 4, 5, 6] and found["steps"] == 6
    (tmp_path / "published/fernn_v1").rename(tmp_path / "stopped")
    whole = published.instalment("fernn_v1", *how, 600.0, lambda text: None)
    assert [record["validation_error"] for record in whole["curve"]] == [
        record["validation_error"] for record in found["curve"]
    ]


def test_the_published_page_is_made_of_its_sittings(tmp_path):
    pages = ROOT / "docs/results/gpu"
    sittings = sorted(pages.glob("nvidia-h200-*.json"))
    command = [sys.executable, "-m", "gpu_sitting.page", tmp_path / "nvidia-h200.md"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "benchmarks")}
    subprocess.run([*command, *sittings], env=environment, check=True)
    made = (tmp_path / "nvidia-h200.md").read_text()
    assert len(sittings) == 3 and made == (pages / "nvidia-h200.md").read_text()
