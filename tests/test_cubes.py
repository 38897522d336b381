"""Statistics against arithmetic by hand; cubes that keep every name and number."""

import json

import numpy as np
import pytest
import torch
import xarray as xr

from fernn import checkpoint
from fernn.evaluation import equivariance_error, frames, hidden_state, squared_error
from fernn.evaluation.cubes import combine, shard
from fernn.evaluation.subject import Subject
from labrun import lineage
from labrun.errors import UserError
from labrun.storage import read_dataset, write_dataset

SPEC = {"context": 3, "horizon": 4, "batch": 5}
STILL = {"kind": "persistence", "motion": "still"}
ORACLE = {"kind": "persistence", "motion": "oracle"}


class Constant(torch.nn.Module):
    """Predicts one number everywhere."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    def predict(self, video, horizon):
        for _ in range(horizon):
            yield torch.full_like(video[:, 0], self.value)


def subject(split, model=None, baseline=None, /, **recipe):
    made = Subject(None, baseline, split(pool="test", split="test", **recipe))
    if model is not None:
        made.model = model
    return made


def test_the_error_is_the_mean_over_the_pixels_of_a_frame(sequences):
    tested = subject(sequences, Constant(2.0), sequences=7)
    measured = squared_error.measure(tested, SPEC)
    video = tested.sequences.video(0, 7, 7)[:, 3:].double().numpy()
    raw = ((2.0 - video) ** 2).mean((2, 3, 4))
    clamped = ((1.0 - video) ** 2).mean((2, 3, 4))
    np.testing.assert_allclose(measured.squared_error, raw, rtol=1e-6)
    np.testing.assert_allclose(measured.clamped_squared_error, clamped, rtol=1e-6)
    assert measured.frame.values.tolist() == [1, 2, 3, 4]
    assert measured.squared_error.dims == ("sample", "frame")


def test_long_roll_outs_hold_few_true_frames(sequences, monkeypatch):
    """Frames are compared as if the whole future were there, and it never is."""
    tested = subject(sequences, Constant(0.5), sequences=5)
    whole = squared_error.measure(tested, SPEC | {"horizon": 9})
    monkeypatch.setattr("fernn.evaluation.subject.STRETCH", 2)
    asked, made = [], tested.sequences.stretch
    monkeypatch.setattr(
        tested.sequences,
        "stretch",
        lambda *where: asked.append(where[3]) or made(*where),
    )
    assert squared_error.measure(tested, SPEC | {"horizon": 9}).identical(whole)
    assert asked == [3, 2, 2, 2, 2, 1]  # those observed, then the 9 to compare with


def test_one_spot_by_hand(atlas, sequences):
    """A spot of ink 1 on 7×7 pixels that moves: copying it costs 2 pixels of 49."""
    atlas.image[:] = 0
    atlas.image[:, 0, 0] = 16
    one = {"digits": 1, "sequences": 50, "max_speed": 1}
    errors = squared_error.measure(subject(sequences, None, STILL, **one), SPEC)
    moving = np.abs(errors.velocity_rows) + np.abs(errors.velocity_columns) > 0
    expected = np.where(moving, 2 / 49, 0)
    np.testing.assert_allclose(errors.squared_error, expected.repeat(4, 1), rtol=1e-6)
    oracle = squared_error.measure(subject(sequences, None, ORACLE, **one), SPEC)
    assert oracle.squared_error.max() == 0


def test_frames_are_those_that_were_seen_and_predicted(sequences):
    tested = subject(sequences, Constant(0.5), sequences=2)
    measured = frames.measure(tested, SPEC)
    assert measured.frame.values.tolist() == [-2, -1, 0, 1, 2, 3, 4]
    video = tested.sequences.video(0, 2, 7)[:, :, 0]
    np.testing.assert_array_equal(measured.truth, video)
    assert measured.prediction.sel(frame=slice(None, 0)).isnull().all()
    assert (measured.prediction.sel(frame=slice(1, None)) == 0.5).all()


def test_equivariance_is_exact_in_v_and_fails_for_the_g_rnn(sequences, forecaster):
    flowed = {"draw": "flowed", "grid_speed": 1, "sequences": 2, "digits": 1}
    fernn = subject(sequences, forecaster(), **flowed)
    measured = equivariance_error.measure(fernn, SPEC)
    assert measured.slot_error.max() < 1e-10
    # 3×3 flows and slots: for speed d along an axis 3 - |d| slots have a source
    assert int(measured.slot_error.notnull().sum()) == (2 + 3 + 2) ** 2
    assert measured.output_error.sel(flow_rows=0, flow_columns=0).max() < 1e-12
    single = forecaster(flow={"kind": "translation", "max_speed": 0})
    grnn = equivariance_error.measure(subject(sequences, single, **flowed), SPEC)
    assert grnn.slot_error.sel(flow_rows=1, flow_columns=0).min() > 0.05


def test_hidden_states_are_those_of_the_sequence_at_rest_and_moving(
    sequences, forecaster
):
    model, pair = forecaster(), {"draw": "flowed", "flows": [[0, 1]], "max_speed": 0}
    tested = subject(sequences, model.float(), sequences=1, **pair)
    measured = hidden_state.measure(tested, SPEC)
    assert measured.attrs == {"flow_rows": 0, "flow_columns": 1}
    still = measured.hidden.sel(motion="still", slot_rows=0, slot_columns=0, frame=0)
    moving = measured.hidden.sel(motion="moving", slot_rows=0, slot_columns=1, frame=0)
    np.testing.assert_allclose(np.roll(still, 2, axis=1), moving, rtol=1e-5)
    with pytest.raises(UserError, match="got 3; set sequences: 1"):
        hidden_state.measure(subject(sequences, model, sequences=3), SPEC)


def measured(value, samples=2):
    error = np.full((samples, 3), float(value))
    return xr.Dataset({"squared_error": (("sample", "frame"), error)})


def test_combining_keeps_every_model_by_its_full_name(tmp_path):
    shards = []
    for index, name in enumerate(["a", "a_much_longer_name"]):
        path = tmp_path / f"{name}.nc"
        write_dataset(
            shard([measured(index), measured(index + 10)], [0, 3], name), path
        )
        shards.append(read_dataset(path))
    about = {"a": {"label": "A"}}
    write_dataset(combine(shards, {"models": about, "axis": "x"}), tmp_path / "cube.nc")
    cube = read_dataset(tmp_path / "cube.nc")
    assert cube.squared_error.dims == ("model", "seed", "sample", "frame")
    assert cube.model.values.tolist() == ["a", "a_much_longer_name"]
    picked = cube.squared_error.sel(model="a_much_longer_name", seed=3)
    assert (picked == 11).all() and cube.seed.values.tolist() == [0, 3]
    described = json.loads(cube.attrs["models"])
    assert described["a"]["label"] == "A"
    assert described["a_much_longer_name"]["label"] == "a_much_longer_name"


def test_a_cube_needs_one_shard_of_each_model():
    one = shard([measured(0)], [0], "a")
    for shards in ([], [one, one]):
        with pytest.raises(UserError, match="one shard of each model"):
            combine(shards, {})
    with pytest.raises(UserError, match="1 checkpoints for 2 seeds"):
        shard([measured(0)], [0, 1], "a")


def test_a_damaged_byte_in_a_cube_is_noticed(tmp_path):
    path = tmp_path / "cube.nc"
    noise = np.random.default_rng(0).random((100, 100))
    write_dataset(xr.Dataset({"x": (("a", "b"), noise)}), path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 64] = bytes(64)
    path.write_bytes(content)
    with pytest.raises(UserError, match="is damaged"):
        read_dataset(path)
    path.write_bytes(content[:1000])
    with pytest.raises(UserError, match="is damaged"):
        read_dataset(path)


def test_a_checkpoint_is_what_was_saved_or_refused(tmp_path, forecaster):
    path, model = tmp_path / "model.pt", forecaster().float()
    flow = {"kind": "translation", "max_speed": 1}
    spec = {"kind": "forecaster", "flow": flow, "hidden": 3, "decoder_layers": 1}
    saved = {"model": spec, "frame_size": 7}
    checkpoint.save(path, model.state_dict(), saved, lineage.stamp([]))
    video = torch.rand(1, 3, 1, 7, 7)
    assert torch.equal(checkpoint.load(path)(video, 2), model(video, 2))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"model.pt is damaged: expected SHA-256"):
        checkpoint.load(path)
