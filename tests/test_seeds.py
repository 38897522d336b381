"""What a run's seed draws, and that no final run has the seed of tuning."""

import argparse
from pathlib import Path

import pytest
import torch

import mock_clips
from fernn.cli import _run, _trial, evaluate
from fernn.config.check import checked
from fernn.config.plan import plan
from fernn.config.positions import merge, read, update
from fernn.data import flowing_digits
from fernn.training import loop
from fernn.training.settings import TUNING_SEED
from fernn.videos.recipes import Labelled, open_sequences, synthesize
from labrun.errors import UserError
from labrun.slurm import Countdown
from labrun.storage import read_dataset, write_dataset

RECIPE = {"kind": "flowing_digits", "draw": "sampled", "seed": 0, "sequences": 24}
RECIPE |= {"frames": 12, "frame_size": 7, "digits": 2, "max_speed": 2}
MODEL = {"kind": "forecaster", "flow": {"kind": "translation", "max_speed": 1}}
MODEL |= {"hidden": 2, "decoder_layers": 0}
TRAINING = {"batch": 4, "sequences": 24, "epochs": 2, "context": 3, "horizon": 2}
SEEDS = (0, 1, 2, 3, 4)
SPLITS = ("train", "val")
SHIPPED = read(Path(__file__).parents[1] / "config.yaml")


@pytest.fixture
def files(tmp_path, atlas):
    """An atlas, and recipes to train, to validate and to test on."""
    write_dataset(atlas, tmp_path / "atlas.nc")
    for name in ("train", "val", "test"):
        spec = {**RECIPE, "split": name, "pool": name}
        write_dataset(synthesize(spec, atlas), tmp_path / f"{name}.nc")
    return tmp_path


def arguments(files, model=MODEL, **training):
    names = {name: files / f"{name}.nc" for name in ("train", "val", "atlas")}
    return argparse.Namespace(
        **names, model=model, training={**TRAINING, **training}, needs=[]
    )


def prepared(files, seed, **changes):
    """The first weights, and the videos of two epochs to train on and of validation."""
    model, _, train, val, _ = _run.prepare(arguments(files, **changes), seed)
    weights = next(model.parameters()).detach().flatten()
    return weights, *(train.video(0, 4, 5, epoch) for epoch in (0, 1)), watched(val)


def watched(split):
    return split.video(0, len(split), 5)


def distinct(tensors):
    pairs = [(a, b) for i, a in enumerate(tensors) for b in tensors[:i]]
    return not any(torch.equal(*pair) for pair in pairs)


def test_a_seed_draws_its_weights_its_training_stream_and_its_validation(files):
    for drawn in zip(*(prepared(files, seed) for seed in SEEDS), strict=True):
        assert distinct(drawn)
    again = prepared(files, 1)
    assert all(map(torch.equal, again, prepared(files, 1)))  # a pure function of it


def test_a_seed_of_weights_alone_has_the_recipes_own_data(files):
    own = [open_sequences(files / f"{name}.nc", files / "atlas.nc") for name in SPLITS]
    whole = own[0].video(0, 4, 5), own[0].video(0, 4, 5, 1), watched(own[1])
    first, second = (prepared(files, seed, seed_draws="weights") for seed in (0, 1))
    assert not torch.equal(first[0], second[0])
    for drawn in (first[1:], second[1:]):
        assert all(map(torch.equal, drawn, whole))
    assert distinct([whole[2], prepared(files, 0)[3]])  # else it would be all the same


def test_models_of_one_seed_see_the_same_data(files):
    """Whatever they are and however they are trained: comparisons are paired."""
    wider = prepared(files, 1, model={**MODEL, "hidden": 3}, batch=6, learning_rate=0.1)
    narrow = prepared(files, 1)
    assert wider[0].shape != narrow[0].shape
    assert all(map(torch.equal, wider[1:], narrow[1:]))


@pytest.mark.usefixtures("unchecked")  # netCDF gives integers of NumPy
@pytest.mark.parametrize(
    "kind", ["flowing_digits", "rotating_digits", "changing_digits", "moving_clips"]
)
def test_every_kind_of_data_is_drawn_anew_for_a_seed(kind, atlas, tmp_path):
    clips, spec = kind == "moving_clips", {**RECIPE, "kind": kind}
    spec |= {"split": "train", "pool": "train", "frames": 4}
    spec |= {"step": 45} if kind == "rotating_digits" else {}
    spec |= {"motion": {"kind": "glide"}} if kind == "changing_digits" else {}
    if clips:
        spec |= {"digits": None, "frame_size": 6}
    spec = {name: value for name, value in spec.items() if value is not None}
    digits = mock_clips.atlas() if clips else atlas
    paths = tmp_path / "recipe.nc", tmp_path / "atlas.nc"
    for made, path in zip((synthesize(spec, digits), digits), paths, strict=True):
        write_dataset(made, path)
    splits = [open_sequences(*paths, run_seed=seed) for seed in (None, 0, 1)]
    for epoch in (0, 1):
        assert distinct([split.video(0, 24, 4, epoch) for split in splits])
        named = [each for each in splits if isinstance(each, Labelled)]
        assert len(named) == 3 * clips
        assert distinct([split.labels(0, 24, epoch) for split in named])


def test_validation_of_a_seed_has_validation_digits_alone(files, atlas):
    split = open_sequences(files / "val.nc", files / "atlas.nc", run_seed=3)
    assert isinstance(split, flowing_digits.Sequences)
    seen = set(split.recipe.digit_index.values.ravel().tolist())
    assert seen <= {*range(40, 50)} and len(seen) > 5
    assert split.recipe.sizes == read_dataset(files / "val.nc").sizes


def test_all_seeds_are_tested_on_the_same_sequences(files):
    """`evaluate` opens a test set as its recipe says; a plan has one, of any seeds."""
    args = argparse.Namespace(recipes=[files / "test.nc"], atlas=files / "atlas.nc")
    found = evaluate._sequences(args, "test")
    table = read_dataset(files / "test.nc")
    by_hand = flowing_digits.Sequences(table, read_dataset(files / "atlas.nc"))
    assert torch.equal(watched(found), watched(by_hand))
    one, five = (planned(budgets={"demo": {"seeds": [*s]}}) for s in ((0,), SEEDS))
    for name, experiment in five["experiments"].items():
        alone = one["experiments"][name]
        assert experiment["recipes"] == alone["recipes"]
        assert experiment["models"] == alone["models"]  # nor is one trained again


def test_trials_have_weights_and_data_that_no_final_run_has(files, monkeypatch):
    seen = []

    def train(model, train, val, settings, *_, **__):
        weights = next(model.parameters()).detach().flatten()
        streams = (train.video(0, 4, 5, epoch) for epoch in (0, 1))
        seen.append((weights, *streams, watched(val)))
        return [{"validation_error": 1.0}], {}

    monkeypatch.setattr(loop, "train", train)
    args = arguments(files)
    about = {"key": "b/e/m/tune", "shown": {}, "study": files, "command": "tune"}
    args = argparse.Namespace(**vars(args), **about)
    lineage = {"inputs": {}, "commit": ""}
    told = (lineage, Countdown(None), lambda record: None)
    for slot in (0, 1):
        _trial.train_briefly(args, slot, {"learning_rate": 0.1}, *told)
    assert all(map(torch.equal, *seen))  # trials are compared on the same data
    final = [prepared(files, seed) for seed in (*SEEDS, TUNING_SEED - 1)]
    for trial, *others in zip(seen[0], *final, strict=True):
        assert distinct([trial, *others])


@pytest.mark.parametrize("draws", ["all", "weights"])
def test_a_protocol_says_what_a_seed_draws_and_trials_draw_all(draws):
    made = planned(protocols={"exact": {"seed_draws": draws}})
    models = made["experiments"]["translation"]["models"]
    assert {each["training"]["seed_draws"] for each in models.values()} == {draws}
    assert {each["trial"]["seed_draws"] for each in models.values()} == {"all"}


def test_no_configuration_can_give_the_seed_of_tuning():
    """Nor one of which a processor's generator takes the same bits."""
    last = TUNING_SEED - 1
    made = planned(budgets={"demo": {"seeds": [last]}})["experiments"]["translation"]
    assert made["seeds"] == [last]
    for seed in (TUNING_SEED, TUNING_SEED + 2**32, 2**32):
        with pytest.raises(UserError, match=f"must be at most {last}, got"):
            planned(budgets={"demo": {"seeds": [0, seed]}})
    draws = []
    for seed in (0, 2**32, last, TUNING_SEED):
        torch.manual_seed(seed)
        draws.append(torch.rand(9))
    assert torch.equal(draws[0], draws[1]) and distinct(draws[1:])


def test_a_recipe_that_says_not_how_it_was_drawn_is_refused(files):
    paths = files / "train.nc", files / "atlas.nc"
    table = read_dataset(paths[0])
    for text in (None, 3, "[]", "{", '{"kind": "moving_clips"}'):
        changed = table.drop_attrs().assign_attrs(table.attrs)
        changed.attrs.pop("specification")
        changed.attrs |= {} if text is None else {"specification": text}
        write_dataset(changed, paths[0])
        assert len(open_sequences(*paths)) == 24
        with pytest.raises(UserError, match=r"says not how .*; synthesize it"):
            open_sequences(*paths, run_seed=0)


def planned(**changes):
    """The plan of the shipped configuration after changes."""
    raw = merge([SHIPPED])
    update(raw, changes)
    return plan(checked(raw, [SHIPPED]))
