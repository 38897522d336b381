"""How much of a GPU's memory a training takes is known before it starts."""

import json
from pathlib import Path

import pytest
import torch

from fernn.cli import parser
from fernn.cli._gpu_memory import LIBRARIES
from fernn.estimate.memory import Living, of_training
from fernn.estimate.work import Network
from labrun.storage import write_dataset, write_json

ROOT = Path(__file__).parents[1]
CARD = ROOT / "docs/results/gpu/nvidia-h200-3.json"
FLOW = {"kind": "translation", "max_speed": 2}
PUBLISHED = {"kind": "forecaster", "flow": FLOW, "hidden": 128, "decoder_layers": 4}
SMALL = {"kind": "forecaster", "flow": FLOW, "hidden": 8, "decoder_layers": 1}


def network(spec, size=16):
    return Network(json.dumps(spec), size)


def measured():
    """Mebibytes of a step of 32 sequences on a card, by execution and precision."""
    found = json.loads(CARD.read_text())
    for name, numbers in found.items():
        form = name.removeprefix("form ").split(", ")
        if name.startswith("form ") and form[0] in ("fused", "plain"):
            yield *form, numbers["MiB"]


@pytest.mark.parametrize(
    ("execution", "precision", "rollout", "mebibytes"), [*measured()]
)
def test_the_estimate_is_near_what_a_card_measured(
    execution, precision, rollout, mebibytes
):
    """Strict single precision takes more on a card, for its convolutions' own sake."""
    spec = {**PUBLISHED, "execution": execution, "rollout": rollout}
    told = of_training(network(spec, 28), 32, 10, 10, precision) / 2**20
    assert told == pytest.approx(mebibytes, rel=0.2 if precision == "float32" else 0.12)


def test_tensors_count_while_they_live_and_views_never():
    with torch.device("meta"), Living() as living:
        one = torch.empty(1000)
        two = one + 1
        assert living.most == 8000 and two[3:].view(-1, 1).sum().dim() == 0
        del one
        three = two * 2
        assert living.most == 8004  # of these, and of the sum
        four = three * 2
    assert living.most == 12_000 and four.numel() == 1000


def test_a_longer_forecast_and_more_sequences_take_more():
    small = network(SMALL)
    one, more, longer = (
        of_training(small, batch, 5, ahead)
        for batch, ahead in ((4, 5), (8, 5), (4, 20))
    )
    assert 1.9 < more / one < 2 and longer > 1.5 * one
    advected = network({**SMALL, "rollout": "advect"})
    assert of_training(advected, 4, 5, 20) < 0.6 * longer


@pytest.mark.parametrize(
    "spec",
    [
        {"kind": "conv3d", "hidden": 4, "classes": 3},
        {"kind": "classifier", "flow": FLOW, "hidden": 4, "classes": 3},
        {
            "kind": "forecaster",
            "flow": {"kind": "rotation", "orientations": 8, "max_speed": 1},
            "hidden": 2,
        },
    ],
)
def test_each_sequence_takes_as_much_whatever_the_model(spec):
    few, more, most = (of_training(network(spec), batch, 8, 4) for batch in (4, 8, 12))
    assert most - more == pytest.approx(more - few, rel=0.05) and more - few > 1e5


@pytest.fixture
def needed(tmp_path, atlas, recipe):
    """What a command with the tiny data says that it takes of a GPU, bytes."""
    paths = [tmp_path / name for name in ("train.nc", "val.nc", "atlas.nc")]
    for path, made in zip(paths, (recipe(), recipe(), atlas), strict=True):
        write_dataset(made, path)
    train, val, digits = map(str, paths)
    steps = {"batch": 4, "context": 2, "horizon": 5, "epochs": 1, "sequences": 4}
    data = ["--train", train, "--val", val, "--atlas", digits, "--output", "x.pt"]

    def told(command, *options, model=SMALL, **settings):
        training = json.dumps({**steps, "learning_rate": 0.01, **settings})
        line = [command, *data, "--model", json.dumps(model), "--training", training]
        args = parser([command]).parse_args([*line, *options])
        return args.gpu_memory(args) - LIBRARIES

    return told


def test_seeds_that_are_one_model_take_what_each_takes(needed):
    """Seeds that are trained one after another take what one takes."""
    seeds = "--seed", "0", "1", "2"
    assert needed("train", *seeds) == 3 * needed("train") > 2**20
    mixed = needed("train", precision="bfloat16")
    assert needed("train", *seeds, precision="bfloat16") == mixed < needed("train")
    longer = {"extend_horizon": True, "long_horizon": 10}
    assert needed("train", **longer) > 1.5 * needed("train")


def test_a_training_takes_what_its_tuned_model_takes(needed, tmp_path):
    best = tmp_path / "best.json"
    write_json({"params": {"hidden": 16, "learning_rate": 0.1}}, best)
    wide = needed("train", model={**SMALL, "hidden": 16})
    assert needed("train", "--best", str(best)) == wide > needed("train")


def test_a_study_takes_what_its_largest_trial_takes(needed):
    rate = {"low": 0.001, "high": 0.1, "log": True}

    def study(first, *options, **ranges):
        spec = {
            "trials": 3,
            "first": first,
            "ranges": {"learning_rate": rate, **ranges},
        }
        own = ["--tuning", json.dumps(spec), "--study", "study", *options]
        return needed("tune", *own)

    two = [{"learning_rate": 0.05}]
    assert study(two) == needed("train")
    assert study(two, "--together") == 2 * needed("train")
    wide = needed("train", model={**SMALL, "hidden": 16})
    assert study([], hidden={"low": 4, "high": 16, "integer": True}) == wide
    assert study([{"hidden": 16}], hidden={"choices": [4, 12]}) == wide
