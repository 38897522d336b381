"""Treatments: neutral ones change no bit, active ones no equivariance."""

import copy
import itertools
import math
import re

import numpy as np
import pytest
import torch

from fernn import checkpoint, models, treatments
from fernn.evaluation import squared_error, swept
from fernn.evaluation.subject import Entry, Subject
from fernn.models import rollouts
from fernn.models._recoding import gradient, surprise
from fernn.treatments.analog import quantised
from labrun import lineage
from labrun.errors import UserError
from labrun.modules import load

EXACT = 1e-10  # in double precision
CLOSED = {"kind": "translation", "closed": True}
ACTIVE = {  # options that change predictions, and keep them flow equivariant
    "analog": {"bits": 3, "weight_noise": 0.1},
    "decay": {"factor": 0.8},
    "norm_cap": {"limit": 0.1, "per": "slot"},
    "prune": {"share": 0.5},
    "read_twice": {"readings": 2},
    "recode": {"step": 0.5},
    "segments": {"length": 2, "recent": 2, "keys": 2},
    "speculative": {"tolerance": math.inf, "drafted": 3},
}
BROKEN = {  # options that break the equivariance
    "analog": {"read_noise": 0.1},
    "read_twice": {"readings": 2, "pulled_back": False},
    "segments": {"length": 2, "recent": 2, "keys": 2, "moved": False},
}
KINDS = sorted(ACTIVE)  # window is for other models: test_window.py
ALL = pytest.mark.parametrize("kind", KINDS)


def video(frames=4, size=5, batch=2):
    generator = torch.Generator().manual_seed(1)
    shape = (batch, frames, 1, size, size)
    return torch.rand(shape, dtype=torch.float64, generator=generator)


@pytest.fixture
def closed(forecaster):
    return lambda **changes: forecaster(
        **{"flow": CLOSED, "size": 5, "rollout": "shifted", **changes}
    )


def flowed(flow, frames, nu, first=0):
    moved = [flow.act(f, nu, first + t) for t, f in enumerate(frames.unbind(1))]
    return torch.stack(moved, dim=1)


def error(found, expected):
    return ((found - expected).norm() / expected.norm()).item()


def treated(model, kind, **options):
    return treatments.treat(model, {"kind": kind, **options})


@ALL
@pytest.mark.parametrize("rollout", rollouts.kinds())
def test_a_neutral_treatment_changes_no_bit(closed, kind, rollout):
    model = closed(rollout=rollout)
    same = treated(model, kind, **load("fernn.treatments", kind).NEUTRAL)
    pairs = zip(model.predict(video(), 4), same.predict(video(), 4), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)
    assert same is not model


@ALL
def test_an_active_one_changes_predictions_and_leaves_its_model_alone(closed, kind):
    model = closed()
    before, weights = model(video(), 4), copy.deepcopy(model.state_dict())
    after = treated(model, kind, **ACTIVE[kind])
    assert error(after(video(), 4), before) > 1e-6
    assert (
        error(torch.stack([*after.predict(video(), 4)], 1), after(video(), 4)) < EXACT
    )
    assert torch.equal(model(video(), 4), before)
    assert all(torch.equal(v, weights[k]) for k, v in model.state_dict().items())


def flow_error(model, nu=(1, -2), observed=4, horizon=5):
    """Of the slots of the last observed state, and of the predicted frames."""
    flow, frames = model.cell.flow, video(observed)
    moving = flowed(flow, frames, nu)
    *_, still = model.encode(frames)
    *_, moved = model.encode(moving)
    sources = [flow.difference(each, nu) for each in flow.velocities]
    expected = flow.act_on_state(still[:, sources], nu, observed - 1)
    predicted = flowed(flow, model(frames, horizon), nu, observed)
    return error(moved, expected), error(model(moving, horizon), predicted)


@ALL
@pytest.mark.parametrize("execution", ["fused", "comoving"])
def test_slots_and_predictions_flow_on_a_closed_set(closed, kind, execution):
    model = treated(closed(execution=execution), kind, **ACTIVE[kind])
    assert max(flow_error(model)) < EXACT


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("execution", ["fused", "comoving"])
def test_what_is_of_a_place_breaks_the_equivariance(closed, kind, execution):
    model = treated(closed(execution=execution), kind, **BROKEN[kind])
    assert max(flow_error(model)) > 1e-3


@ALL
def test_executions_agree_on_a_treated_model(closed, kind):
    models = [closed(execution=each) for each in ("plain", "fused", "comoving")]
    for options in (ACTIVE[kind], BROKEN.get(kind, ACTIVE[kind])):
        if options.get("read_noise"):  # of the devices of one execution
            continue
        plain, *others = (treated(m, kind, **options)(video(), 6) for m in models)
        assert all(error(other, plain) < EXACT for other in others)


def test_several_in_a_row_are_all_in_force(closed):
    model = closed()
    for pair in itertools.permutations(["read_twice", "recode", "decay"], 2):
        specs = [{"kind": kind, **ACTIVE[kind]} for kind in pair]
        both = treatments.treat(model, specs)(video(), 3)
        for spec in specs:
            assert error(treatments.treat(model, spec)(video(), 3), both) > 1e-6
    assert max(flow_error(treatments.treat(model, specs))) < EXACT
    with pytest.raises(UserError, match="recode is given twice"):
        treatments.treat(model, 2 * [{"kind": "recode", "step": 1.0}])


@pytest.mark.parametrize("scope", ["layer", "global"])
@pytest.mark.law("treatments/prune")
def test_pruning_leaves_as_many_zeros_as_it_says(closed, scope):
    model = closed()
    pruned = treated(model, "prune", share=0.3, scope=scope)
    zeros = [(w == 0).sum().item() for w in pruned.parameters()]
    sizes = [w.numel() for w in model.parameters()]
    if scope == "layer":
        assert zeros == [round(0.3 * size) for size in sizes]
    else:
        assert sum(zeros) == round(0.3 * sum(sizes))
        assert zeros != [round(0.3 * size) for size in sizes]
    for before, after in zip(model.parameters(), pruned.parameters(), strict=True):
        if scope == "layer":
            assert before[after == 0].abs().max() < before[after != 0].abs().min()
    part = treated(model, "prune", share=1.0, of="conv_h")
    gone = {n for n, w in part.named_parameters() if not w.any()}
    assert gone == {"cell.conv_h.weight"}


@pytest.mark.law("treatments/analog")
def test_a_converter_has_its_levels_and_no_others(closed):
    state, full = torch.tensor([0.0, 0.2, 0.49, 0.51, 0.9, 2.0]), torch.tensor(1.0)
    assert quantised(state, full, 1, signed=False).tolist() == [0, 0, 0, 1, 1, 1]
    assert quantised(state - 1, full, 1, signed=True).tolist() == [
        -1,
        -1,
        -1,
        -1,
        -1,
        1,
    ]
    model = treated(closed(), "analog", bits=2, full_scale=0.5)
    *_, state = model.encode(video())
    assert len(state.unique()) == 4
    again = quantised(state, torch.tensor(0.5), 2, signed=False)
    assert torch.allclose(again, state, atol=1e-12)
    coarse, fine = (
        error(treated(closed(), "analog", bits=bits)(video(), 3), closed()(video(), 3))
        for bits in (3, 12)
    )
    assert fine < 0.01 * coarse


@pytest.mark.parametrize(
    ("per", "axes"), [("sample", (1, 2, 3, 4)), ("slot", (2, 3, 4))]
)
@pytest.mark.law("treatments/norm_cap")
def test_no_norm_exceeds_the_cap_and_smaller_ones_stay(closed, per, axes):
    def norms(model):
        return torch.stack(
            [s.square().mean(axes).sqrt() for s in model.encode(video())]
        )

    free = norms(closed())
    limit = free[0].mean().item()
    assert free[0].min() < limit < free[0].max()
    capped = norms(treated(closed(), "norm_cap", limit=limit, per=per))
    assert capped.max() <= limit * (1 + 1e-12) < free.max()
    # The first states have no earlier one that was capped.
    assert torch.allclose(capped[0], free[0].clamp_max(limit), rtol=1e-12)


@pytest.mark.law("treatments/decay")
def test_decay_is_a_factor_of_every_state(closed):
    model = closed()
    first, second = model.encode(video(2))
    found = [*treated(model, "decay", factor=0.5).encode(video(2))]
    assert torch.allclose(found[0], first / 2, rtol=1e-12)
    lifted = model.cell.lift(video(2))[1]
    assert torch.allclose(found[1], model.cell(lifted, first / 2) / 2, rtol=1e-12)
    assert error(found[1], second) > 0.1


@pytest.mark.law("treatments/recode")
def test_surprise_falls_by_the_square_of_its_gradient(closed):
    model, frame = closed(), video(1)[:, 0]
    *_, state = model.encode(video())
    before = surprise(model, state, frame, 4)
    down = gradient(model, state, frame, 4)
    for step in (1e-4, 1e-5):
        fallen = before - surprise(model, state - step * down, frame, 4)
        expected = step * down.square().sum((1, 2, 3, 4))
        assert torch.allclose(fallen, expected, rtol=100 * step) and fallen.min() > 0
    with torch.no_grad():  # as statistics measure
        assert treated(model, "recode", step=0.5)(video(), 2).requires_grad is False


@pytest.mark.law("treatments/read_twice")
def test_reading_again_is_reading_from_the_state_pulled_back(closed):
    """Frames at rest, read twice in the slot at rest, are a video of twice as many."""
    model = closed(execution="plain")
    twice = treated(model, "read_twice", readings=2)
    rest = model.cell.flow.velocities.index((0, 0))
    *_, once = model.encode(torch.cat([video(), video()], dim=1))
    *_, found = twice.encode(video())
    assert torch.allclose(found[:, rest], once[:, rest], rtol=1e-12)
    assert error(found, once) > 1e-3  # the other slots were pulled back


@pytest.mark.law("treatments/speculative")
def test_speculation_ends_in_the_own_roll_out_and_in_the_draft(closed):
    """ε = 0 is the one bit for bit, ε = ∞ the other; between, no frame is off by ε."""
    own, draft = closed(), closed(rollout="advect")

    def forecast(tolerance, drafted=6):
        model = treated(own, "speculative", tolerance=tolerance, drafted=drafted)
        return model(video(), 6)

    assert torch.equal(forecast(0.0, 4), own(video(), 6))
    assert error(forecast(math.inf), draft(video(), 6)) < EXACT
    apart = (forecast(math.inf) - own(video(), 6)).square().mean((2, 3, 4))
    assert apart[:, 0].max() < EXACT < apart[:, 1].min()
    # Of the second frame the draft is kept or not; the states so far are the same.
    for sample, limit in enumerate(apart[:, 1].tolist()):
        for tolerance, kept in ((0.99 * limit, False), (1.01 * limit, True)):
            second = forecast(tolerance)[sample, 1]
            expected = (forecast(math.inf) if kept else own(video(), 6))[sample, 1]
            assert torch.allclose(second, expected, rtol=0, atol=EXACT)


@pytest.mark.parametrize("rollout", ["free", "warped", "corrected", "repeat"])
def test_drafts_continue_where_the_last_ended(closed, rollout):
    """A draft begins with the frame after the last, whatever feeds the state."""
    model = closed(rollout=rollout, execution="plain")
    *_, state = model.encode(video())
    one = treated(model, "speculative", tolerance=math.inf, drafted=1)
    steps, carry = [], one.rollout.begin(state, video())
    for _ in range(3):
        before = carry
        carry, frame = one.rollout.step(one, carry)
        ahead = carry.memory.end - before.time
        steps.append((frame, one.decode_moved(before.state, before.time, ahead)))
    assert all(torch.allclose(*pair, atol=EXACT) for pair in steps)
    assert error(steps[1][0], steps[0][0]) > 1e-3


def test_a_segment_is_a_forecast_from_the_last_frames(closed):
    model = closed()
    found = treated(model, "segments", length=3, recent=2)(video(), 8)
    first = model(video(), 3)
    second = model(first[:, 1:].clamp(0, 1), 3)
    third = model(second[:, 1:].clamp(0, 1), 2)
    assert error(found, torch.cat([first, second, third], dim=1)) < EXACT
    long = treated(model, "segments", length=8, recent=2, keys=2)
    assert torch.equal(long(video(), 8), model(video(), 8))


@pytest.mark.law("treatments/segments")
def test_key_frames_of_a_flow_are_the_frames_that_followed(closed):
    """A slot of the flow's own velocity reads moved key frames as a video of it."""
    model = closed(execution="plain")
    flow, nu = model.cell.flow, (0, 1)
    whole = flowed(flow, video(1).expand(-1, 9, -1, -1, -1), nu)
    own = flow.velocities.index(nu)
    wrapped = treated(model, "segments", length=3, recent=2, keys=2).rollout
    memory = wrapped.begin(model.observed(whole[:, :4]), whole[:, :4]).memory
    memory = memory._replace(recent=whole[:, 5:7], age=3)
    again = wrapped._again(model, memory)
    *_, expected = model.encode(whole[:, 3:7])
    assert error(again.state[:, own], expected[:, own]) < EXACT
    rest = flow.velocities.index((0, 0))
    assert error(again.state[:, rest], expected[:, rest]) > 1e-3


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("prune", {"share": 1.5}, "share must be from 0 to 1, got 1.5"),
        (
            "prune",
            {"share": 0.5, "of": "encoder"},
            "no part 'encoder'; known: .*conv_h",
        ),
        ("prune", {"shar": 1}, "no option 'shar'; did you mean 'share'"),
        ("prun", {}, "no 'prun' in treatments; did you mean 'prune'"),
        ("analog", {"bits": 2.5}, "bits must be a whole number from 1 to 32, got 2.5"),
        ("norm_cap", {"limit": -1.0}, "limit must be positive, got -1"),
        ("decay", {"factor": 1.1}, "factor must be from 0 to 1, got 1.1"),
        ("read_twice", {"readings": 0}, "readings must be a positive whole number"),
        ("recode", {"step": -1.0}, "step must not be negative"),
        ("speculative", {"drafted": 0}, "drafted must be a positive whole number"),
        ("segments", {"length": 2, "keys": 1}, "length must be at least recent, 5"),
    ],
)
def test_wrong_options_are_told_in_a_line(closed, kind, options, message):
    with pytest.raises(UserError, match=message):
        treated(closed(), kind, **options)


@pytest.mark.parametrize("kind", sorted({*KINDS} - {"prune"}))
def test_models_without_a_cell_are_refused_in_a_line(kind):
    with pytest.raises(UserError, match=f"{kind} is for a forecaster, got a linear"):
        treated(torch.nn.Linear(2, 2), kind, **ACTIVE[kind])


SWEPT = {"treatment": {"kind": "prune"}, "option": "share"}
SPEC = {"context": 3, "horizon": 2, "batch": 4}


@pytest.fixture
def subject(tmp_path, sequences):
    """An untrained checkpoint and its test sequences."""
    torch.manual_seed(0)
    flow = {"kind": "translation", "max_speed": 1}
    spec = {"kind": "forecaster", "flow": flow, "hidden": 2, "decoder_layers": 0}
    about = {"model": spec, "frame_size": 7}
    weights = models.build(spec, 7).state_dict()
    checkpoint.save(tmp_path / "model.pt", weights, about, lineage.stamp([]))
    return Subject(tmp_path / "model.pt", None, sequences(pool="test", sequences=6))


@pytest.mark.law("evaluation/swept")
def test_swept_is_the_error_of_a_model_treated_with_each_value(subject):
    found = swept.measure(subject, SPEC, **SWEPT, values=[0.5, 0.0, 1.0])
    assert found.squared_error.dims == ("value", "sample", "frame")
    assert found.value.attrs == {"treatment": "prune", "option": "share"}
    assert found.value.values.tolist() == [0.5, 0.0, 1.0]
    plain = squared_error.measure(subject, SPEC)
    assert np.array_equal(found.squared_error.sel(value=0.0), plain.squared_error)
    half = subject.treated({"kind": "prune", "share": 0.5})
    expected = squared_error.measure(half, SPEC).squared_error
    assert np.array_equal(found.squared_error.sel(value=0.5), expected)
    # Without weights a prediction is black.
    true = subject.sequences.video(0, 6, 5)[:, 3:].square().mean((2, 3, 4))
    assert np.allclose(found.squared_error.sel(value=1.0), true)
    assert not np.array_equal(expected, plain.squared_error)
    again = swept.measure(half, SPEC, **SWEPT, values=[0.0, 0.9])
    assert np.array_equal(again.squared_error.sel(value=0.0), expected)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"option": "shar"}, "prune has no option 'shar'; did you mean 'share'"),
        ({"values": []}, "values must be different, and some, got \\[\\]"),
        ({"values": [0.5, 0.5]}, "values must be different"),
        ({"values": [0.5, 1.5]}, "share must be from 0 to 1, got 1.5"),
    ],
)
def test_what_cannot_be_swept_is_told_before_the_first_job(changes, message):
    assert re.search(message, swept.objection(**{**SWEPT, "values": [0.5], **changes}))
    assert swept.objection(**SWEPT, values=[0.0, 1.0]) is None


def test_the_statistics_of_a_treated_model_are_its_own(subject):
    """What is told of it in cubes is of the trained one, the numbers are not."""
    path, given = subject.checkpoint, {"kind": "prune", "share": 1.0}
    axis = {"statistic": "squared_error", "spec": SPEC}
    plain, pruned = (
        Entry(name, [path], treatment=how).measured([0], axis, subject.sequences)
        for name, how in (("a", None), ("b", given))
    )
    assert pruned.model == "b"
    assert pruned.attrs == plain.attrs
    assert float(pruned.squared_error.min()) != float(plain.squared_error.min())
