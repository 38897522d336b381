"""What enters a network that was built for something else is told in one line."""

import jaxtyping
import numpy as np
import pytest
import torch

from fernn import flows, models
from fernn.cells import FlowEquivariantCell, FusedCell, flow_equivariant
from fernn.flows.rotation import Rotation
from fernn.flows.translation import Translation, square
from fernn.models.classifier import Classifier
from fernn.models.conv3d import Conv3d
from fernn.models.forecaster import Forecaster
from fernn.models.persistence import Persistence
from labrun.errors import UserError

AXES = "(batch, time, channel, height, width)"
FLOW = Translation(square(1), 8)


@pytest.fixture(autouse=True)
def as_users_have_it():
    """Without the checks of annotated shapes, which are for tests alone."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)


def told(call):
    """The line that a call is refused with."""
    with pytest.raises(UserError) as caught:
        call()
    line = str(caught.value)
    assert "\n" not in line
    return line


def video(*shape, dtype=torch.float32, **options):
    return torch.ones(shape or (2, 3, 1, 8, 8), dtype=dtype, **options)


def channels(shape):
    return (
        f"frames have {shape[2]} channels, the model 1, by the shape {shape} of {AXES}"
    )


def axes(shape):
    return f"a video has 5 axes {AXES}, got {len(shape)}: {shape}"


TORUS = "pixels, the flow's torus 8×8; resize the frames, or build the flow with size="
SIZES = [  # what only a network with a flow refuses
    (video(2, 3, 1, 10, 10), f"frames are 10×10 {TORUS}10"),
    (video(2, 3, 1, 6, 6), f"frames are 6×6 {TORUS}6"),
    (video(2, 3, 1, 8, 10), f"frames are 8×10 {TORUS}(8, 10)"),
]
VIDEOS = [
    (video(2, 3, 8, 8), axes((2, 3, 8, 8)) + "; grey frames have one channel:"
     " video[:, :, None]"),
    (video(3, 1, 8, 8), axes((3, 1, 8, 8)) + "; a single video is a batch of one:"
     " video[None]"),
    (video(3, 8, 8), axes((3, 8, 8)) + "; a single video in grey:"
     " video[None, :, None]"),
    (video(8, 8), axes((8, 8))),
    (video(2, 1, 3, 8, 8), channels((2, 1, 3, 8, 8)) + "; if time comes after"
     " channels: video.transpose(1, 2)"),
    (video(2, 3, 8, 8, 1), channels((2, 3, 8, 8, 1)) + "; if channels come last:"
     " video.movedim(-1, 2)"),
    (video(2, 4, 3, 8, 8), channels((2, 4, 3, 8, 8)) + "; grey frames are"
     " video.mean(2, keepdim=True)"),
    (video(2, 0, 1, 8, 8), "at least one frame must be observed, got (2, 0, 1, 8, 8)"),
    (video(dtype=torch.uint8), "frames are uint8, the weights float32; convert them:"
     " .float() / 255"),
    (video(dtype=torch.int64), "frames are int64, the weights float32; convert them:"
     " .to(torch.float32)"),
    (video(dtype=torch.bool), "frames are bool, the weights float32; convert them:"
     " .to(torch.float32)"),
    (video(dtype=torch.float64), "frames are float64, the weights float32; convert"
     " them: .to(torch.float32)"),
    (video(dtype=torch.bfloat16), "frames are bfloat16, the weights float32; convert"
     " them: .to(torch.float32)"),
    (video(device="meta"), "frames lie on meta, the weights on cpu; move them:"
     " .to('cpu')"),
    (video().numpy(), "a video must be a torch.Tensor, got ndarray; use"
     " torch.from_numpy"),
    (video().tolist(), "a video must be a torch.Tensor, got list"),
    (None, "a video must be a torch.Tensor, got None"),
]  # fmt: skip


@pytest.mark.parametrize("execution", flow_equivariant.executions()[1:])
@pytest.mark.parametrize(("wrong", "line"), VIDEOS + SIZES)
def test_every_execution_refuses_a_wrong_video_alike(execution, wrong, line):
    cell = flow_equivariant.build(FLOW, execution=execution, hidden=2)
    forecaster, classifier = Forecaster(cell, 0), Classifier(cell, 2)
    for call in (
        lambda: cell.lift(wrong),
        lambda: forecaster(wrong, 2),
        lambda: forecaster.predict(wrong, 2),
        lambda: list(forecaster.encode(wrong)),
        lambda: classifier(wrong),
    ):
        assert told(call) == line


@pytest.mark.parametrize(("wrong", "line"), VIDEOS)
def test_a_network_without_a_flow_refuses_it_too(wrong, line):
    assert told(lambda: Conv3d(2)(wrong)) == line


@pytest.mark.parametrize(
    "wrong", [video(3, 1, 8, 8), video(8, 8), video(2, 0, 1, 8, 8)]
)
def test_copies_of_the_last_frame_need_a_video(wrong):
    copies = Persistence("still").predict(wrong, 2, torch.zeros(2, 1, 2).int())
    assert "axes" in told(lambda: next(copies)) or wrong.ndim == 5


@pytest.mark.parametrize("execution", flow_equivariant.executions()[1:])
def test_every_execution_refuses_a_wrong_step_alike(execution):
    cell = flow_equivariant.build(FLOW, execution=execution, hidden=2)
    seen = torch.rand(2, 3, 1, 8, 8)
    drive = cell.lift(seen)[0]
    state = cell(drive, None)
    lifted = "a lifted frame is (batch, 1 or 9 slots, 2 hidden, height, width), got"
    stated = "a state is (batch, 9 slots, 2 hidden, height, width), got"
    lift = "; lift a video first: for lifted in cell.lift(video)"
    for given, line in [
        ((seen, None), f"{lifted} (2, 3, 1, 8, 8){lift}"),
        ((seen[:, 0], None), f"{lifted} (2, 1, 8, 8){lift}"),
        ((None, None), "a step needs a lifted frame or a state, got neither"),
        ((drive.detach().numpy(), None), "a lifted frame must be a torch.Tensor, got"
         " ndarray; use torch.from_numpy"),
        ((drive, state[:, :4]), f"{stated} (2, 4, 2, 8, 8)"),
        ((drive, state[:, :, :1]), f"{stated} (2, 9, 1, 8, 8)"),
        ((drive, state[..., :6]), f"frames are 8×6 {TORUS}(8, 6)"),
        ((drive, state[:1]), "a batch of 2 lifted frames does not fit one of 1 states"),
        ((None, state.double()), "states are float64, the weights float32; convert"
         " them: .to(torch.float32)"),
        ((drive.double(), state), "lifted frames are float64, the weights float32;"
         " convert them: .to(torch.float32)"),
    ]:  # fmt: skip
        assert told(lambda given=given: cell(*given)) == line


V = "each velocity of V must be (rows, columns) in whole pixels per frame, got"
SIZE = "size must be a positive number of pixels, or two of them (rows, columns), got"
CELL = "a cell needs a flow such as Translation(square(1), size=16), got"
MODEL = "needs a cell such as FusedCell(flow, hidden=32), got"
WHOLE = "channels, hidden and kernel must be whole numbers, got"
HORIZON = "at least one whole frame must be predicted, got"
SPEED = "max_speed must be a whole number of pixels per frame, zero or more, got"
DEGREES = "each velocity of V must be (degrees,) in whole degrees per frame, got"


def cell():
    return FusedCell(FLOW, hidden=2)


def model(**options):
    return Forecaster(cell(), 0, **options)


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: Translation([(0.5, 0), (1.5, 0)], 16), f"{V} (0.5, 0)"),
        (lambda: Translation([(0, np.nan)], 16), f"{V} (0, nan)"),
        (lambda: Translation([(0, np.inf)], 16), f"{V} (0, inf)"),
        (lambda: Translation([1, 2], 16), f"{V} 1"),
        (lambda: Translation([(1, 2, 3)], 16), f"{V} (1, 2, 3)"),
        (lambda: Translation(["12"], 16), f"{V} '12'"),
        (lambda: Translation(5, 16), "V must be a list of velocities (rows, columns),"
         " got 5"),
        (lambda: Translation([], 16), "a flow needs at least one velocity; V is empty"),
        (lambda: Translation(square(1), 0), f"{SIZE} 0"),
        (lambda: Translation(square(1), 16.5), f"{SIZE} 16.5"),
        (lambda: Translation(square(1), "16"), f"{SIZE} '16'"),
        (lambda: Translation(square(1), None), f"{SIZE} None"),
        (lambda: Translation(square(1), (4, 5, 6)), f"{SIZE} (4, 5, 6)"),
        (lambda: Translation(square(1), (4, -5)), f"{SIZE} (4, -5)"),
        (lambda: Translation([(0, 0), (4, 6)], (4, 6)), "two velocities of V are equal"
         " on a frame of (4, 6) pixels; V has 2, of which 1 differ"),
        (lambda: square(1.5), f"{SPEED} 1.5"),
        (lambda: square(-1), f"{SPEED} -1"),
        (lambda: Rotation([90], 4), f"{DEGREES} 90"),
        (lambda: Rotation([(0.5,)], 4), f"{DEGREES} (0.5,)"),
        (lambda: Rotation([(90,)], 2.5), "orientations must be positive, got 2.5"),
        (lambda: flows.build({"kind": "rotation", "orientations": 4, "max_speed": 1},
                             (12, 20)),
         "rotations need square frames, got 12×20 pixels"),
        (lambda: FusedCell(16), f"{CELL} 16"),
        (lambda: FlowEquivariantCell("translation"), f"{CELL} 'translation'"),
        (lambda: FusedCell(Translation), f"{CELL} the class Translation"),
        (lambda: FusedCell({"kind": "translation"}), f"{CELL} dict"),
        (lambda: flow_equivariant.build(16, execution="fused", hidden=2), f"{CELL} 16"),
        (lambda: FusedCell(FLOW, hidden=2.5), f"{WHOLE} 2.5"),
        (lambda: FusedCell(FLOW, hidden=None), f"{WHOLE} None"),
        (lambda: FusedCell(FLOW, kernel="3"), f"{WHOLE} '3'"),
        (lambda: Forecaster(FLOW), f"a forecaster {MODEL} Translation"),
        (lambda: Forecaster(FusedCell), f"a forecaster {MODEL} the class FusedCell"),
        (lambda: Classifier(FLOW, 2), f"a classifier {MODEL} Translation"),
        (lambda: Classifier(cell(), 3), "hidden must be the 2 channels of the cell's"
         " state, got 3"),
        (lambda: Forecaster(cell(), 1.5), "decoder_layers must not be negative, got"
         " 1.5"),
        (lambda: model(decoder_hidden=0), "decoder_hidden must be positive, got 0"),
        (lambda: model()(video(), 0), f"{HORIZON} 0"),
        (lambda: model()(video(), 2.5), f"{HORIZON} 2.5"),
        (lambda: model().predict(video(), "2"), f"{HORIZON} '2'"),
        (lambda: next(Persistence("still").predict(video(), 0, video().int())),
         f"{HORIZON} 0"),
        (lambda: Conv3d(2.5), "width must be positive, got 2.5"),
        (lambda: flow_equivariant.build(FLOW, 2, mixing="lattice", mixing_radius=0.5),
         "mixing_radius must be positive, got 0.5"),
    ],
)  # fmt: skip
def test_what_is_built_wrong_is_refused(call, line):
    assert told(call) == line


def test_long_values_are_cut():
    assert len(told(lambda: FusedCell("x y " * 999))) < 200
    assert len(told(lambda: Translation([torch.zeros(9, 9)], 8))) < 200


@pytest.mark.parametrize("interpolating", [[(90,)], [(30,)]])
def test_rotations_refuse_rectangles_in_every_form(interpolating):
    flow = Rotation(interpolating, 4)
    kinds = ["comoving"] if flow.lab_objection() else ["plain", "comoving", "triton"]
    for execution in kinds:
        model = Forecaster(
            flow_equivariant.build(flow, execution=execution, hidden=2), 0
        )
        line = told(lambda model=model: model(torch.rand(1, 2, 1, 6, 8), 1))
        assert line == "rotations need square frames, got 6×8 pixels"
    assert (
        flow_equivariant.build(flow, execution=kinds[0], hidden=2)
        .lift(torch.rand(1, 2, 1, 6, 6))
        .shape
    )


@pytest.mark.filterwarnings("ignore")  # torch's own
def test_autocast_and_compiled_graphs_refuse_it_alike():
    """A graph is of the right shapes; others meet the check again."""
    lift = cell().lift
    graph = torch.compile(lift, backend="eager")
    torch.testing.assert_close(graph(video()), lift(video()))
    for wrong in (video(2, 3, 1, 10, 10), video(dtype=torch.uint8)):
        line = told(lambda wrong=wrong: lift(wrong))
        assert told(lambda wrong=wrong: graph(wrong)) == line
        with torch.autocast("cpu", torch.bfloat16):
            assert told(lambda wrong=wrong: lift(wrong)) == line


@pytest.mark.parametrize("execution", ["plain", "comoving", "fused"])
@pytest.mark.parametrize("kind", ["whole", "autocast", "double", "half", "strided"])
def test_right_frames_are_not_refused(execution, kind):
    """And what they give is what the reference gives."""
    flow = Translation([(1.0, np.int64(0)), torch.tensor([0, -2])], np.int64(8))
    assert flow.velocities == ((1, 0), (0, -2)) and flow.size == 8
    assert all(type(part) is int for nu in flow.velocities for part in nu)
    frames = (torch.arange(2 * 3 * 64).view(2, 3, 1, 8, 8) % 7).to(torch.uint8)
    frames = frames.float() / 255
    made = []
    for name in ("plain", execution):
        torch.manual_seed(0)
        network, seen = (
            Forecaster(flow_equivariant.build(flow, execution=name, hidden=2), 1),
            frames,
        )
        if kind in ("double", "half"):
            dtype = torch.float64 if kind == "double" else torch.bfloat16
            network, seen = network.to(dtype), frames.to(dtype)
        if kind == "strided":
            seen = frames.mT.contiguous().mT
        with torch.autocast("cpu", torch.bfloat16, enabled=kind == "autocast"):
            made.append(network(seen, np.int64(2)))
    assert made[0].abs().max() > 0
    rough = kind in ("autocast", "half")
    near = {"rtol": 0.1, "atol": 0.01} if rough else {"rtol": 1e-4, "atol": 1e-6}
    torch.testing.assert_close(*made, **near)


def test_models_without_numbers_are_not_refused():
    """Those that an estimate counts the operations of."""
    with torch.device("meta"):
        spec = {"kind": "forecaster", "flow": {"kind": "translation", "max_speed": 1}}
        network = models.build({**spec, "hidden": 2, "execution": "triton"}, 8)
        assert network(torch.rand(2, 3, 1, 8, 8), 2).shape == (2, 2, 1, 8, 8)
