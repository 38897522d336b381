"""One table of laws for models: shifts, flows, horizons and sizes."""

from typing import Any, NamedTuple

import pytest
import torch

from fernn import models

SIZE, SEEN = 8, 4
EXACT, BROKEN = 1e-12, 1e-4  # in double precision; what is compared is about one
FLOW = (0, 1)
RING = {"kind": "pan", "closed": True}
STILL = {"kind": "pan", "max_speed": 0}
ADVECTED = {"hidden": 3, "decoder_layers": 1, "rollout": "advect"}
COMOVING = {**ADVECTED, "cell": {"kind": "gru"}}
SHIFT, ODD = (2, -4), (1, 0)  # by whole patches, and by less
ALL = (3, -1)


class Row(NamedTuple):
    """What is claimed of a model.

    Attributes:
        kind: of its file.
        options: small ones.
        parameters: how many it then has.
        moves: a static shift that its answers follow, or None if they follow none.
        broken: a shift that they do not follow, or options with which they do not
            follow `moves`; None if all shifts are followed.
        flows: whether they follow a flow.
    """

    kind: str
    options: dict[str, Any]
    parameters: int
    moves: tuple[int, int] | None
    broken: Any
    flows: bool = False


ZERO, ROUND = {"boundary": "zero"}, {"boundary": "circular"}
BLOCK = {"context": SEEN}
TORUS = {"hidden": 4, "blocks": 2, "stages": 2, "shrink": 1, "normalize": "sample"}
TORUS |= {"kernel": 5, "dilation": 2, "scale": 1.0, **BLOCK, **ROUND}
ROWS = [
    Row("forecaster", {**ADVECTED, "flow": RING}, 216, ALL, None, flows=True),
    Row("forecaster", {**ADVECTED, "flow": STILL}, 216, ALL, None),
    Row("comoving", {**COMOVING, "flow": RING}, 472, ALL, None, flows=True),
    Row("comoving", {**COMOVING, "flow": STILL}, 472, ALL, None),
    Row("convlstm", {"hidden": 4, "layers": 2, "decoder_layers": 1}, 2_089, ALL, ZERO),
    Row("convlstm", {"hidden": 4, "patch": 2}, 1_908, SHIFT, ODD),
    Row("convgru", {"hidden": 4, "decoder_layers": 1}, 737, ALL, ZERO),
    Row("predrnn", {"hidden": 3, "layers": 2}, 2_383, ALL, ZERO),
    Row("predrnn", {"hidden": 3, "patch": 2}, 3_034, SHIFT, ODD),
    Row("phydnet", {"hidden": 4, "kernel": 3}, 2_520, ALL, ZERO),
    Row("pvrnn", {"hidden": 4, "decoder_layers": 1}, 881, ALL, ZERO),
    Row("transformer", {"hidden": 8, "patch": 2, "layers": 2}, 2_572, None, SHIFT),
    Row(
        "transformer", {"hidden": 8, "patch": 2, "position": "none"}, 4_796, SHIFT, ODD
    ),
    Row(
        "transformer",
        {"hidden": 8, "tied": True, "halting": "act"},
        1_545,
        None,
        (4, 0),
    ),
    Row("sasrec", {"hidden": 8, "codes": 12, "heads": 2}, 1_824, None, ODD),
    Row("lion", {"hidden": 4, **BLOCK}, 1_621, (4, -4), SHIFT),
    Row("simvp", TORUS, 14_313, ALL, ZERO),
    Row("simvp", {**TORUS, "attention": "tau"}, 14_025, ALL, ZERO),
    Row("simvp", {**TORUS, "shrink": 2}, 14_757, SHIFT, ODD),
    Row("persistence", {"motion": "still"}, 0, ALL, None),
    Row("persistence", {"motion": "estimated"}, 0, ALL, None, flows=True),
    Row("ngram", {"matched": 2}, 0, ALL, None, flows=True),
    Row("classifier", {"hidden": 4, "flow": RING, **ROUND}, 586, ALL, ZERO, flows=True),
    Row("classifier", {"hidden": 4, "flow": STILL, **ROUND}, 586, ALL, ZERO),
    Row("conv3d", {"width": 4, **ROUND}, 13_274, (4, -4), ODD),
    Row("lrcn", {"hidden": 8, "stride": 1, **ROUND}, 1_130, ALL, ZERO, flows=True),
    Row("lrcn", {"hidden": 8, "bidirectional": True}, 1_754, None, ODD),
    Row("plstm", {"hidden": 8, "heads": 2}, 3_086, None, SHIFT),
    Row("bag", {"of": "frames"}, 5_766, SHIFT, ODD),
]


def made(row, **changes):
    torch.manual_seed(0)
    spec = {"kind": row.kind, **row.options, **changes}
    model = models.build(spec, SIZE).double().eval()
    if row.kind == "classifier":
        for weight in model.cell.parameters():  # out of the linear range, where all
            weight.data *= 3  # means over the frame are equal
    return model


def video():
    torch.manual_seed(1)
    return 3 * torch.rand(2, SEEN, 1, SIZE, SIZE, dtype=torch.float64)


@torch.no_grad()
def answer(model, frames, horizon=3):
    """Predicted frames, or the logits of a clip."""
    if not hasattr(model, "predict"):
        return model(frames)
    extra = [torch.zeros(2, 1, 2).long()] if hasattr(model, "motion") else []
    return torch.stack([*model.predict(frames, horizon, *extra)], 1)


def moved(frames, *shifts):
    """Each frame by its shift, or all by one; a clip's logits stay."""
    if frames.ndim == 2:
        return frames
    shifts = frames.shape[1] * shifts if len(shifts) == 1 else shifts
    pairs = zip(frames.unbind(1), shifts, strict=True)
    return torch.stack([frame.roll(shift, (-2, -1)) for frame, shift in pairs], 1)


def steps(first, count):
    return [(t * FLOW[0], t * FLOW[1]) for t in range(first, first + count)]


def apart(one, other):
    """The difference, relative to how far the answers to the two clips vary."""
    scale = other - other.mean((-2, -1) if other.ndim > 2 else 0, keepdim=True)
    return ((one - other).norm() / scale.norm()).item()


def name(row):
    return "-".join([row.kind, *(str(value) for value in row.options.values())])


CLASSIFIERS = ("bag", "classifier", "conv3d", "lrcn", "plstm")
FORECASTS = [row for row in ROWS if row.kind not in CLASSIFIERS]
every = pytest.mark.parametrize("row", ROWS, ids=name)


@every
def test_static_shifts(row):
    def error(model, shift):
        return apart(answer(model, moved(video(), shift)), moved(still, shift))

    still = answer(made(row), video())
    if row.moves is not None:
        assert error(made(row), row.moves) < EXACT
    if isinstance(row.broken, dict):
        model = made(row, **row.broken)
        still = answer(model, video())
        assert error(model, row.moves) > BROKEN
    elif row.broken is not None:
        assert error(made(row), row.broken) > BROKEN


@every
def test_only_models_with_a_flow_follow_it(row):
    model, frames = made(row), video()
    flowed = answer(model, moved(frames, *steps(0, SEEN)))
    error = apart(flowed, moved(answer(model, frames), *steps(SEEN, 3)))
    assert (error < 1e-10) if row.flows else (error > 0.05)


@pytest.mark.parametrize("row", FORECASTS, ids=name)
def test_a_forecast_does_not_know_its_horizon(row):
    model = made(row)
    longer = answer(model, video(), 9)
    assert torch.equal(longer[:, :3], answer(model, video()))
    assert not torch.equal(longer[:, :3], answer(model, video().flip(1)))


@every
def test_parameters(row):
    assert models.parameters(made(row)) == row.parameters
