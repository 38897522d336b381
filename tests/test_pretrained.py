"""Trained models that come along: they load, and their cards tell what they do."""

import json
import os
import subprocess
import sys

import pytest
import torch

import fernn
from fernn import checkpoint, models, pretrained
from fernn.cli import export, main
from labrun.errors import UserError

SPEC = {
    "kind": "forecaster",
    "flow": {"kind": "translation", "max_speed": 1},
    "hidden": 2,
    "decoder_layers": 0,
}


@pytest.fixture
def folder(tmp_path):
    """A folder of a model that was not trained, and the model."""
    torch.manual_seed(0)
    model = models.build(SPEC, 6)
    made = tmp_path / "made"
    pretrained.write(made, model.state_dict(), {"model": SPEC, "frame_size": 6})
    return made, model.eval()


@pytest.fixture(scope="module")
def atlases(tmp_path_factory):
    """The path to the atlas of a source, fetched once; MNIST only from a folder."""
    folder, made = tmp_path_factory.mktemp("atlases"), {}

    def fetched(source):
        if source["kind"] == "handwritten":
            pytest.importorskip("sklearn")
        elif "FERNN_DATA" not in os.environ:
            pytest.skip(f"FERNN_DATA names no folder with {source['label']}")
        key = json.dumps(source)
        if key not in made:
            path = folder / f"{len(made)}.nc"
            assert main(["fetch", "--source", key, "--output", str(path)]) == 0
            made[key] = path
        return made[key]

    return fetched


def test_a_model_is_read_as_it_was_written(folder):
    path, model = folder
    video = torch.rand(2, 3, 1, 6, 6)
    with torch.no_grad():
        assert torch.equal(fernn.load(path)(video, 4), model(video, 4))
    assert not fernn.load(path).training


def test_without_the_pipeline_it_is_read_too():
    """Torch and safetensors alone: no xarray, no pandas."""
    code = (
        "import sys, fernn; fernn.load('demo-fernn-v2');"
        "print({'xarray', 'pandas', 'pydantic', 'snakemake'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr


@pytest.mark.parametrize("name", pretrained.names())
def test_the_numbers_on_a_card_come_out_again(name, atlases, tmp_path):
    from fernn.videos.recipes import open_sequences, synthesize
    from labrun.storage import read_dataset, write_dataset

    about = pretrained.describe(name)
    card = (pretrained.SHIPPED / name / pretrained.CARD).read_text()
    assert card == export._card(name, about)
    atlas = atlases(about["source"])
    recipe = tmp_path / "test.nc"
    write_dataset(synthesize(about["recipe"], read_dataset(atlas)), recipe)
    context, horizon = about["context"], about["horizon"]
    test = open_sequences(recipe, atlas)
    video = test.video(0, len(test), context + horizon)
    with torch.no_grad():
        predicted = fernn.load(name)(video[:, :context], horizon).clamp(0, 1)
    error = (predicted - video[:, context:]).square().mean().item()
    number = about["numbers"]["in_distribution"]
    assert error == pytest.approx(number["error"], rel=1e-4)
    low, high = number["interval"]
    assert low < number["mean"] < high and number["seeds"] == 3
    assert f"| in distribution | {number['error']:.4g} |" in card


def test_they_are_small():
    names = pretrained.names()
    assert {"demo-fernn-v2", "demo-grnn"} <= {*names}
    sizes = [p.stat().st_size for p in pretrained.SHIPPED.rglob("*") if p.is_file()]
    assert sum(sizes) < 2**18


def test_a_run_is_exported_with_what_is_known_of_it(tmp_path, folder):
    _, model = folder
    run = tmp_path / "results/tiny/runs/moving/mine/3"
    told = {"commit": "abc", "version": "0"}
    spec = {"model": SPEC, "frame_size": 6}
    checkpoint.save(run / "model.pt", model.state_dict(), spec, told)
    about = {"label": "Mine", "published": 1, "differs": [1], "role": "model"}
    plan = {
        "attrs": {"title": "Moving", "budget": "tiny", "models": {"mine": about}},
        "models": {"mine": {"training": {"context": 2, "horizon": 3}}},
        "recipes": {"in_distribution": {"kind": "flowing_digits", "split": "test"}},
        "baselines": {},
    }
    whole = {
        "experiments": {"moving": plan},
        "sources": {"s": {"kind": "handwritten"}},
        "atlases": {"moving": "s"},
    }
    (tmp_path / "results/tiny/config.json").write_text(json.dumps(whole))
    assert main(["export", str(run), str(tmp_path / "out")]) == 0
    found = pretrained.describe(tmp_path / "out")
    assert (found["seed"], found["commit"], found["name"]) == (3, "abc", "mine")
    assert found["attrs"]["models"]["mine"]["differs"] == []
    for name, value in model.state_dict().items():
        assert torch.equal(fernn.load(tmp_path / "out").state_dict()[name], value)
    assert (tmp_path / "out/README.md").read_text().startswith("# Mine\n")


def test_mistakes_are_one_line(folder, tmp_path, capsys):
    path, _ = folder
    with pytest.raises(
        UserError, match=r"no trained model 'demo-fern-v2'; .*demo-fernn-v2"
    ):
        fernn.load("demo-fern-v2")
    (path / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(UserError, match="safetensors: its weights fit no model"):
        fernn.load(path)
    (path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="tells no model and frame_size"):
        fernn.load(path)
    assert main(["export", str(tmp_path), str(tmp_path / "out")]) == 2
    assert "is no run with a model.pt" in capsys.readouterr().err
    assert main(["play", "demo-fernn-v2", "demo-fernn-v2-slow"]) == 2
    assert "differ in recipe: play one at a time" in capsys.readouterr().err


def test_play_draws_from_the_weights(tmp_path, capsys):
    pytest.importorskip("seaborn")
    assert main(["play", "--output", str(tmp_path)]) == 0
    drawn = capsys.readouterr().out.split()
    assert len(drawn) == 3
    assert all((tmp_path / name).stat().st_size > 10_000 for name in drawn)
