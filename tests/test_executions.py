"""Every execution computes what the plain one computes, as exactly, for every size."""

import pytest
import torch

from fernn import models
from fernn.cells.flow_equivariant import _gather, _trust, build, choose
from fernn.flows.rotation import Rotation
from fernn.flows.translation import Translation, square
from fernn.models import rollouts

RECURRENT = {"kind": "corrected", "by": "recurrence"}
VELOCITIES = [[0, 0], [2, -1], [1, 3], [-3, 0]]
CASES = [
    {"flow": {"kind": "translation", "max_speed": 2}},
    {"flow": {"kind": "translation", "max_speed": 0}, "activation": "selu"},
    {"flow": {"kind": "translation", "velocities": VELOCITIES}, "kernel": 5},
    {"flow": {"kind": "translation", "max_speed": 1}, "activation": "tanh"},
    {"flow": {"kind": "translation", "max_speed": 1}, "pooling": "sum"},
    {"flow": {"kind": "translation", "max_speed": 1}, "pooling": "mean"},
]


def with_gradients(model, video, horizon=5):
    """The predictions, and the gradient of each weight."""
    return gradients_of(model, model(video, horizon))


def gradients_of(model, predicted):
    loss = predicted.square().sum()
    return [predicted.detach(), *torch.autograd.grad(loss, list(model.parameters()))]


@pytest.mark.parametrize("execution", ["fused", "comoving"])
@pytest.mark.parametrize("rollout", [*rollouts.kinds(), RECURRENT], ids=str)
@pytest.mark.parametrize("options", CASES)
def test_it_equals_the_plain_form(forecaster, execution, rollout, options):
    """In double precision, with an odd batch and a frame that tiles do not divide."""
    plain, fast = (
        forecaster(execution=name, rollout=rollout, **options)
        for name in ("plain", execution)
    )
    video = torch.rand(3, 4, 1, 7, 7, dtype=torch.float64)
    made = [with_gradients(model, video) for model in (plain, fast)]
    for expected, found in zip(*made, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11)
        assert expected.abs().max() > 0
    with torch.no_grad():
        assert torch.equal(fast(video, 5), made[1][0])


@pytest.mark.parametrize("size", [7, 8, 10])
@pytest.mark.parametrize("max_speed", [0, 1, 2])
def test_single_precision_is_as_exact_as_the_plain_form(size, max_speed):
    """Against double precision, at most twice the plain form's own error."""
    plain, fast = rounding(size, max_speed=max_speed)
    assert 0 < fast.sum() < 2 * plain.sum()


SMOOTH = {"activation": "tanh", "pooling": "mean"}  # nothing switches by rounding


@pytest.mark.parametrize("hidden", [32, 96])
def test_gradients_of_what_is_smooth_are_as_exact_as_in_the_plain_form(hidden):
    """Of each weight, at most four times the plain form's own error."""
    plain, fast = rounding(8, hidden=hidden, **SMOOTH)
    assert (plain > 0).all()
    assert (fast < 4 * plain).all()


def test_a_coarser_precision_breaks_that_law():
    plain, fast = rounding(8, dtype=torch.bfloat16, hidden=32, **SMOOTH)
    assert (fast > 40 * plain).any()


@pytest.mark.parametrize("hidden", [32, 96])
def test_auto_rounds_states_within_four_times_the_plain_form(hidden):
    """A rectifier switches where rounding decides, the more often the coarser it is."""
    draw = torch.Generator().manual_seed(0)
    flow = Translation(square(1), 14)
    state = torch.randn(2, 9, hidden, 14, 14, generator=draw).relu()
    cells = {}
    for execution in ("plain", "auto"):
        torch.manual_seed(1)
        cells[execution] = build(flow, hidden, execution=execution)
    with torch.no_grad():
        plain, auto = (cell(None, state) for cell in cells.values())
        exact = cells["plain"].double()(None, state.double())
    assert 0 < apart(plain, exact) and 0 < apart(auto, exact) < 4 * apart(plain, exact)
    assert apart(plain.bfloat16(), exact) > 4 * apart(plain, exact)


def rounding(size, seed=0, hidden=16, max_speed=1, dtype=torch.float32, **options):
    """Errors of `plain` and `fused`: of the predictions, and of each gradient."""
    spec = {
        "kind": "forecaster",
        "flow": {"kind": "translation", "max_speed": max_speed},
        "hidden": hidden,
        "decoder_layers": 1,
        "rollout": "repeat",
        **options,
    }
    draw = torch.Generator().manual_seed(seed + 1)
    video = torch.rand(3, 5, 1, size, size, generator=draw)

    def made(execution, dtype):
        torch.manual_seed(seed)
        model = models.build({**spec, "execution": execution}, size).to(dtype)
        return with_gradients(model, video.to(dtype))

    exact = made("plain", torch.float64)
    forms = made("plain", torch.float32), made("fused", dtype)
    return [torch.tensor([*map(apart, form, exact)]) for form in forms]


def apart(found, exact):
    """The relative error, in the Euclidean norm."""
    return ((found - exact).norm() / exact.norm()).item()


def test_ties_share_the_gradient(forecaster):
    """Nothing moves in a video of one grey: all slots are equal."""
    plain, fast = (
        forecaster(execution=name, rollout="repeat") for name in ("plain", "fused")
    )
    video = torch.full((1, 3, 1, 7, 7), 0.5, dtype=torch.float64)
    for expected, found in zip(
        with_gradients(plain, video), with_gradients(fast, video), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("rollout", rollouts.kinds())
@pytest.mark.parametrize("pooling", ["max", "mean"])
def test_frames_decoded_together_are_those_one_by_one(forecaster, rollout, pooling):
    model = forecaster(execution="fused", rollout=rollout, pooling=pooling)
    video, calls = torch.rand(3, 4, 1, 7, 7, dtype=torch.float64), []
    model.decoder.register_forward_hook(lambda *call: calls.append(1))
    together, decoded = model(video, 7), len(calls)
    one_by_one = torch.stack(list(model.predict(video, 7)), dim=1)
    torch.testing.assert_close(together, one_by_one, rtol=1e-12, atol=1e-14)
    assert not torch.allclose(together[:, 0], together[:, 1])
    # By segments of √11 frames, 3, 3 and 1; corrected in twos; advect has no segments.
    several = {"free": 3, "masked": 3, "advect": 1, "corrected": 5}
    assert decoded == several.get(rollout, 7)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("slots", [1, 2])
def test_a_gather_in_words_as_on_a_gpu_reads_the_same(monkeypatch, dtype, slots):
    """Also from a state whose channels are not last in memory."""
    state = torch.randn(2, slots, 16, 5, 5).to(dtype).movedim(2, -1)
    table = _gather.sources([(1, 2), (0, 1)][:slots], (5, 5), 1)
    expected = _gather.gather(state, table, slots, 1)
    monkeypatch.setattr(_trust, "ACCELERATOR", "cpu")
    assert torch.equal(_gather.gather(state, table, slots, 1), expected)
    inner = expected[:, :, 1:-1, 1:-1]
    assert torch.equal(inner[:, 0], state[:, 0].roll((1, 2), (1, 2)))


@pytest.mark.parametrize("rollout", rollouts.kinds())
@pytest.mark.parametrize("execution", ["plain", "fused"])
def test_checkpoints_over_time_change_no_bit(forecaster, execution, rollout):
    """And they do keep less for the backward pass."""
    video = torch.rand(2, 8, 1, 7, 7, dtype=torch.float64)
    kept, made = {}, {}
    for checkpoint in ("none", "segments"):
        options = {"rollout": rollout, "execution": execution}
        model = forecaster(checkpoint=checkpoint, **options)
        sizes = {}

        def note(tensor, sizes=sizes):
            sizes[tensor.data_ptr()] = tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            model(video, 8)
        kept[checkpoint] = sum(sizes.values())
        made[checkpoint] = with_gradients(model, video, 8)
    assert all(map(torch.equal, made["none"], made["segments"]))
    assert kept["segments"] < kept["none"] / 2


@pytest.mark.parametrize("rollout", rollouts.kinds())
def test_mixed_precision_is_near_the_plain_form(forecaster, rollout):
    """In bfloat16, with weights and their gradients in single precision."""
    video = torch.rand(2, 4, 1, 7, 7)
    plain, fast = (
        forecaster(execution=name, rollout=rollout, hidden=8).float()
        for name in ("plain", "fused")
    )
    exact = with_gradients(plain, video)
    with torch.autocast("cpu", torch.bfloat16):
        predicted = fast(video, 5)
    found = gradients_of(fast, predicted)
    assert found[0].dtype == torch.bfloat16
    assert all(gradient.dtype == torch.float32 for gradient in found[1:])
    for one, other in zip(found, exact, strict=True):
        assert 1e-5 < apart(one.float(), other) < 0.1


def test_the_choice_is_a_rule_and_says_why(forecaster):
    """It reads the flow, and neither the width, the kernel nor the processor."""
    execution, why = choose(Translation([(0, 0)], 7))
    assert execution == "fused" and why.startswith("Translation shifts")
    execution, why = choose(Rotation([(0,)], 4))
    assert execution == "comoving" and why.startswith("Rotation interpolates")
    for size in ({"hidden": 2}, {"hidden": 128}, {"kernel": 5}):
        assert type(forecaster(execution="auto", **size).cell).__name__ == "FusedCell"
