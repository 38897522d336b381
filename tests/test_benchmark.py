"""The benchmark: its board over all tests, its target, and a model of one's own."""

import csv
import re
import subprocess
import sys

import numpy as np
import pytest

import mock_cubes
from copied import ROOT, copy, environment
from fernn.evaluation import significance
from fernn.tables import leaderboard

LIMIT = 480  # seconds; it takes 30 on an idle core

# What docs/benchmark.md asks for: one file, one entry.
FILE = '''\
"""The mean of the observed frames, times a number that is learnt."""

import torch
from torch import nn


class Mean(nn.Module):
    def __init__(self):
        super().__init__()
        self.share = nn.Parameter(torch.ones(()))

    def forward(self, video, horizon):
        return torch.stack(list(self.predict(video, horizon)), dim=1)

    def predict(self, video, horizon):
        yield from [self.share * video.mean(1)] * horizon


def build(size: int) -> Mean:
    return Mean()
'''
ENTRY = """\
models:
  mean: { label: Mean of mine, kind: mean, color: "#123456", cost: 1 }
experiments:
  benchmark_collisions:
    models: [fernn_v2, mean]
budget: mine
budgets:
  mine:
    like: zoo
    experiments: [benchmark_collisions]
    seeds: [0]
    hidden: 2
    decoder_layers: 0
    sequences: 8
    epochs: 1
    validation: 4
    tuning: { trials: 1, epochs: 1, ranges: [] }
    axes:
      in_distribution: { sequences: 4 }
      length: { sequences: 2 }
      noise: { sequences: 2 }
"""


def board(*cubes):
    return leaderboard.tabulate(cubes)


def constant(values, **changes):
    """Three seeds of every model with the same error in all sequences and frames."""
    cube = mock_cubes.in_distribution(match="compute", **changes)
    for name, seeds in values.items():
        at = {"model": list(cube["model"].values).index(name)}
        cube["clamped_squared_error"][at] = np.array(seeds)[:, None, None]
    return cube


EASY = {"grnn": (0.2, 0.2, 0.4), "fernn_v1": (0.1, 0.4, 0.1), "fernn_v2": 3 * (0.05,)}
EASY |= {"copy_last": 3 * (0.5,), "copy_moved": 3 * (0.0,)}
HARD = EASY | {"grnn": 3 * (0.1,), "fernn_v1": 3 * (0.05,), "fernn_v2": 3 * (0.2,)}


def test_ranks_and_ratios_are_means_over_tests_by_hand():
    both = [constant(EASY), constant(HARD, experiment="other")]
    table = board(*both).set_index("model")
    # V2: 2, 2, 2 and 4, 4, 4; V1: 3, 4, 3 and 2, 2, 2; G-RNN 4, 3, 4 and 3, 3, 3
    rank = table["mean_rank"]
    assert rank["FERNN-V2"] == 3 and rank["FERNN-V1"] == pytest.approx(8 / 3)
    assert rank["G-RNN"] == pytest.approx(10 / 3) and rank["copy moved (oracle)"] == 1
    order = ["copy moved (oracle)", "FERNN-V1", "FERNN-V2", "G-RNN", "copy last frame"]
    assert table.index.tolist() == order and table["rank"].tolist() == [1, 2, 3, 4, 5]
    assert table["rank_low"]["FERNN-V2"] == 3 and np.isnan(table["rank_low"].iloc[0])
    # a seed's ratio over both: √(1/4 · 2), of the last √(1/8 · 2)
    assert table["ratio"]["FERNN-V2"] == pytest.approx((0.5 * 0.5 * 0.25) ** (1 / 6))
    alone, whole = table["in distribution"], table["ratio"]
    assert alone["FERNN-V2"] == pytest.approx(whole["FERNN-V2"])
    assert (
        table["p"]["FERNN-V2"] == min(1, 2 * 0.25) == significance.holm([0.25] * 2)[0]
    )


def test_other_budgets_protocols_and_models_are_ranked_apart():
    alike = constant(EASY, experiment="alike").assign_attrs(match="parameters")
    wide = constant(EASY, experiment="wide", widths="[1, 2]")
    fewer = constant(EASY, experiment="fewer").sel(model=["grnn", "fernn_v2"])
    changing = constant(EASY, experiment="bounced", protocol="changing")
    table = board(constant(EASY), alike, wide, fewer, changing)
    shared = table.groupby("group")["budget"].first().to_dict()
    assert shared == {
        "A": "equal compute",
        "B": "equal parameters",
        "C": "equal compute, width tuned",
        "D": "equal compute",
        "E": "equal compute",
    }
    assert (table.groupby("group").size() == [5, 5, 5, 2, 5]).all()
    notes = " ".join(table.attrs["notes"])
    assert "D: equal compute; reference: G-RNN; 3 seeds: fewer." in notes


def test_a_seed_that_diverged_is_last_and_has_no_ratio():
    cube = constant(EASY | {"fernn_v2": (0.05, np.nan, 0.05)})
    table = board(cube).set_index("model")
    assert table["mean_rank"]["FERNN-V2"] == pytest.approx((2 + 5 + 2) / 3)
    assert np.isnan(table["ratio"]["FERNN-V2"])


def test_seconds_are_of_one_training_and_the_first_horizon_counts_once():
    cubes = [constant(EASY), mock_cubes.length(match="compute")]
    cubes.append(mock_cubes.seconds(match="compute"))
    table = board(*cubes).set_index("model")
    spent = cubes[2]["processor_seconds"].sel(model="grnn").max("epoch").mean()
    assert table["seconds"]["G-RNN"] == pytest.approx(float(spent))
    assert {"in distribution", "4x", "7x"} <= {*table.columns} and "1x" not in table


def test_the_board_tells_commit_and_versions_in_the_csv_alone():
    table = board(constant(EASY))
    assert set(table["commit"]) == {"0" * 40}
    assert re.search(r"torch \d+\.\d+", table["versions"].iloc[0])
    assert {"commit", "versions"} <= {*table.attrs["csv_only"]}


def test_the_page_has_what_a_model_of_ones_own_needs():
    """The example of the page is the one that is tried below."""
    page = (ROOT / "docs/benchmark.md").read_text()
    assert FILE in page and ENTRY.split("experiments:")[0] in page
    assert "`snakemake benchmark --cores 2 --configfile mine.yaml" in page


@pytest.mark.minutes
def test_a_model_of_ones_own_is_one_file_one_entry_and_one_command(tmp_path):
    pytest.importorskip("snakemake")
    copy(tmp_path / "fernn")
    folder = tmp_path / "fernn"
    (folder / "src/fernn/models/mean.py").write_text(FILE)
    (folder / "mine.yaml").write_text(ENTRY)
    command = ["benchmark", "--cores", "2", "--configfile", "mine.yaml"]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *command],
        cwd=folder,
        env=environment(folder / "src") | {"XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    results = folder / "results/mine"
    with (results / "tables/leaderboard.csv").open() as file:
        rows = {row["model"]: row for row in csv.DictReader(file)}
    assert rows["Mean of mine"]["parameters"] == "1"
    assert float(rows["Mean of mine"]["seconds"]) > 0
    assert "Mean of mine" in (results / "tables/leaderboard.md").read_text()
    made = {path.stem for path in results.glob("figures/*.png")}
    # what the target names and the budget has, and nothing else
    assert made == {"error_by_frame", "error_by_seconds"}
    assert not (results / "tracking.json").exists()
