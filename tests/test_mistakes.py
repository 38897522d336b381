"""What a user of the library can do wrong is one line, whatever computes the step."""

import jaxtyping
import numpy as np
import pytest
import torch

import fernn
from fernn import cells, models
from fernn.errors import UserError
from fernn.flows.rotation import Rotation

EXECUTIONS = ("plain", "fused", "comoving", "compiled", "winograd", "triton")
SPEC = {"hidden": 4, "decoder_layers": 1}
FLOW = {"kind": "translation", "max_speed": 1}


@pytest.fixture(autouse=True)
def as_users_have_it():
    """Without the shape checks of the tests, which would be first to refuse."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


def video(*shape, dtype=torch.float32):
    return torch.ones(shape, dtype=dtype)


@pytest.fixture(params=EXECUTIONS)
def forecaster(request):
    """A forecaster for grey frames of 8×8 pixels, in every execution."""
    spec = {"kind": "forecaster", "flow": FLOW, "execution": request.param, **SPEC}
    return models.build(spec, 8)


FRAMES = {
    "larger": (video(2, 3, 1, 10, 10), "8×8"),
    "smaller": (video(2, 3, 1, 6, 6), "8×8"),
    "not square": (video(2, 3, 1, 8, 10), "8×8"),
    "no batch axis": (video(3, 1, 8, 8), "batch"),
    "no channel axis": (video(2, 3, 8, 8), "channel"),
    "channels before time": (video(2, 1, 3, 8, 8), "channel"),
    "colour": (video(2, 3, 3, 8, 8), "channel"),
    "one frame alone": (video(8, 8), "batch, time, channel"),
    "bytes": (video(2, 3, 1, 8, 8, dtype=torch.uint8), "uint8"),
    "whole numbers": (video(2, 3, 1, 8, 8, dtype=torch.int64), "int64"),
    "switches": (video(2, 3, 1, 8, 8, dtype=torch.bool), "bool"),
    "double precision": (video(2, 3, 1, 8, 8, dtype=torch.float64), "float64"),
    "half precision": (video(2, 3, 1, 8, 8, dtype=torch.float16), "float16"),
    "another device": (torch.ones(2, 3, 1, 8, 8, device="meta"), "meta"),
    "an array": (np.ones((2, 3, 1, 8, 8), np.float32), "ndarray"),
    "a list": ([1.0, 2.0], "list"),
    "nothing": (None, "None"),
}


@pytest.mark.parametrize("mistake", FRAMES)
def test_frames_that_do_not_fit_a_forecaster(forecaster, mistake):
    frames, told = FRAMES[mistake]
    with pytest.raises(UserError) as caught:
        forecaster(frames, 2)
    assert told in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(UserError):
        list(forecaster.predict(frames, 2))


def test_frames_that_fit_are_predicted(forecaster):
    if forecaster.cell.__class__.__name__ == "CompiledCell":
        pytest.skip("compiles for half a minute; see test_compiled")
    assert forecaster(video(2, 3, 1, 8, 8), 2).shape == (2, 2, 1, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        assert forecaster(video(2, 3, 1, 8, 8), 2).isfinite().all()


@pytest.mark.parametrize("execution", EXECUTIONS)
@pytest.mark.parametrize(
    ("drive", "state", "told"),
    [
        (video(2, 1, 8, 8), None, "lift a video"),
        (video(2, 3, 1, 8, 8), None, "lift a video"),
        (video(2, 1, 4, 8, 8), video(3, 9, 4, 8, 8), "batch of 2"),
        (video(2, 1, 4, 8, 8), video(2, 5, 4, 8, 8), "9 slots"),
        (video(2, 1, 4, 6, 6), None, "8×8"),
        (None, None, "got neither"),
    ],
)
def test_a_step_of_what_is_no_lifted_frame_or_state(execution, drive, state, told):
    cell = cells.build(execution, fernn.Translation(fernn.square(1), 8), hidden=4)
    with pytest.raises(UserError, match=told) as caught:
        cell(drive, state)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["classifier", "conv3d"])
@pytest.mark.parametrize("mistake", ["larger", "colour", "bytes", "an array"])
def test_clips_that_do_not_fit_a_classifier(kind, mistake):
    spec = {"kind": kind, "hidden": 4, "classes": 6}
    if kind == "classifier":
        spec |= {"flow": {"kind": "pan", "max_speed": 1}}
    else:
        del spec["hidden"]
    if kind == "conv3d" and mistake == "larger":
        pytest.skip("a 3D-CNN takes frames of any size")
    model = models.build(spec, 8)
    with pytest.raises(UserError) as caught:
        model(FRAMES[mistake][0])
    assert "\n" not in str(caught.value)


BUILT = {
    "half a pixel": lambda: fernn.Translation([(0.5, 0), (1.5, 0)], 16),
    "speeds that are no pairs": lambda: fernn.Translation([1, 2], 16),
    "text for speeds": lambda: fernn.Translation(["a", "b"], 16),
    "no velocity": lambda: fernn.Translation([], 16),
    "one velocity twice": lambda: fernn.Translation([(0, 0), (16, 0)], 16),
    "a size of nothing": lambda: fernn.Translation([(0, 0)], 0),
    "half a size": lambda: fernn.Translation([(0, 0)], 7.5),
    "three sizes": lambda: fernn.Translation([(0, 0)], (4, 5, 6)),
    "a flow for a cell": lambda: fernn.Forecaster(
        fernn.Translation(fernn.square(1), 8)
    ),
    "a size for a flow": lambda: fernn.FusedCell(16),
    "no channels": lambda: fernn.FusedCell(fernn.Translation([(0, 0)], 8), hidden=0),
    "an even kernel": lambda: fernn.FusedCell(fernn.Translation([(0, 0)], 8), kernel=4),
    "a rotation of a rectangle": lambda: Rotation([(0,)], (8, 10), 4),
}


@pytest.mark.parametrize("mistake", BUILT)
def test_parts_that_do_not_fit_together(mistake):
    with pytest.raises(UserError) as caught:
        BUILT[mistake]()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("execution", ["plain", "fused", "winograd", "comoving"])
def test_a_torus_may_be_a_rectangle(execution):
    """Flowing the input permutes the slots, on 5 by 8 pixels too; all forms agree."""
    flow = fernn.Translation(fernn.square(1), (5, 8))
    torch.manual_seed(0)
    cell = cells.build(execution, flow, hidden=3).double()
    model = fernn.Forecaster(cell, decoder_layers=1)
    plain = fernn.Forecaster(
        cells.build("plain", flow, hidden=3).double(), decoder_layers=1
    ).double()
    model.double()
    plain.load_state_dict(model.state_dict())
    frames, nu = torch.rand(2, 4, 1, 5, 8, dtype=torch.float64), (1, -1)
    torch.testing.assert_close(model(frames, 3), plain(frames, 3))
    moving = torch.stack([flow.act(f, nu, t) for t, f in enumerate(frames.unbind(1))])
    *_, still = model.encode(frames)
    *_, moved = model.encode(moving.transpose(0, 1))
    slot, source = flow.velocities.index((1, 0)), flow.difference((1, 0), nu)
    torch.testing.assert_close(moved[:, slot], flow.act(still[:, source], nu, 3))
    assert not torch.allclose(moved[:, slot], flow.act(still[:, slot], nu, 3))
