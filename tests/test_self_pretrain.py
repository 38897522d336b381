"""Self-pretraining: two phases of one training; the head and the decoder are apart."""

import pytest
import torch

import mock_clips
from continued import made, require_same_bits, run
from fernn import models
from fernn.training import tasks
from fernn.training.gradient import Objective
from fernn.training.strategies.self_pretrain import masks
from labrun.errors import UserError

FLOW = {"kind": "pan", "max_speed": 1}
MODEL = {"kind": "classifier", "flow": FLOW, "hidden": 4, "boundary": "circular"}
LRCN = {"kind": "lrcn", "hidden": 4}
BRNN = {**LRCN, "bidirectional": True}
CONV3D = {"kind": "conv3d", "width": 2}
PLSTM = {"kind": "plstm", "hidden": 4, "heads": 2}
NEXT = {"kind": "self_pretrain", "share": 0.5}
MASKED = {**NEXT, "pretext": "masked"}
HOW = {"model": MODEL, "size": 6, "context": 3, "horizon": 0, "sequences": 12}


@pytest.fixture
def splits():
    shown = {"sequences": 12, "frames": 3}
    train = mock_clips.sequences(flow="pan", max_speed=1, **shown)
    return [train, mock_clips.sequences(split="val", pool="val", flow="pan", **shown)]


def loss(strategy, splits, step):
    model, chosen, way = made(strategy, **HOW)
    found = Objective(splits[0], chosen, way).loss(model, (0, 4), step)
    return found, model, splits[0].video(0, 4, 3, step // 3)


def test_the_next_frames_are_predicted_by_moved_states(splits):
    found, model, video = loss(NEXT, splits, step=0)
    frames = model.frames(video, model.scaffold["self_pretrain"], 1)
    torch.testing.assert_close(found, (frames[:, :2] - video[:, 1:]).square().mean())
    unmoved = model.frames(video, model.scaffold["self_pretrain"], 0)
    assert not torch.allclose(frames, unmoved)


def test_hidden_pixels_alone_are_restored(splits):
    found, model, video = loss(MASKED, splits, step=1)
    hidden = masks((0, "mask", 1, 0), video.shape, 0.5)
    seen = video * ~hidden
    frames = model.frames(seen, model.scaffold["self_pretrain"], 0)
    torch.testing.assert_close(found, ((frames - video).abs() * hidden).mean())
    assert 0.2 < hidden.float().mean() < 0.8
    patch = hidden[:, :, :, :4, :4].flatten(3)
    assert (patch.amin(3) == patch.amax(3)).all()


def test_masks_are_of_the_step_and_the_sequence_in_any_piece(splits):
    *_, way = made(MASKED, **HOW)

    def hidden(step, first, count):
        _, task = way.source(step, splits[0], tasks.of(splits[0]))
        return task.batch(splits[0], first, count, 3, 0, 0)[0][1]

    assert torch.equal(hidden(1, 8, 4), hidden(1, 0, 12)[8:])
    assert not torch.equal(hidden(2, 0, 12), hidden(1, 0, 12))


@pytest.mark.parametrize("spec", [MODEL, LRCN, BRNN, CONV3D, PLSTM])
@pytest.mark.parametrize("frames", [3, 4])
def test_causal_classifiers_alone_decode_frames_without_later_ones(spec, frames):
    """As many and as large as those seen; `causal` says which may predict."""
    torch.manual_seed(0)
    model = models.build(spec, 6).eval()
    decoder = model.frame_decoder()
    video = torch.rand(2, frames, 1, 6, 6)
    other = video.clone()
    other[:, 2:] = 0
    made, changed = (model(each, decoder, 1) for each in (video, other))
    assert made.shape == video.shape
    assert torch.equal(made[:, :2], changed[:, :2]) == model.causal
    assert not torch.equal(made[:, 2], changed[:, 2])


def test_the_head_is_first_touched_in_the_second_phase(splits):
    start = made(NEXT, **HOW)[0].state_dict()
    parts = {"head": "linear.weight", "decoder": "scaffold.self_pretrain.weight"}
    long = {**NEXT, "share": 0.99}
    moved = {}
    for name, spec, epochs in (("first", long, 3), ("both", NEXT, 4)):
        weights = run(spec, splits, **{**HOW, "epochs": epochs})[1]
        moved[name] = {
            k: not torch.equal(weights[v], start[v]) for k, v in parts.items()
        }
    assert moved["first"] == {"head": False, "decoder": True}
    assert moved["both"] == {"head": True, "decoder": True}


def test_the_second_phase_begins_without_the_optimisers_memory(splits):
    model, _, way = made(NEXT, **HOW)
    optimiser = torch.optim.Adam(model.parameters())
    model(splits[0].video(0, 4, 3, 0)).sum().backward()
    optimiser.step()
    at = {"step": 5, "records": [{}, {}], "best": {"some": "weights"}}
    way.before_step(at, optimiser)
    assert optimiser.state and at["best"]
    at["step"] = 6
    way.before_step(at, optimiser)
    assert not optimiser.state and at["best"] is None and at["phase_start"] == 2


@pytest.mark.parametrize("spec", [MODEL, BRNN, CONV3D])
@pytest.mark.law("training/strategies/self_pretrain")
def test_no_first_phase_is_plain_training_and_the_decoder_is_dropped(splits, spec):
    how = {**HOW, "model": spec}
    plain = run(None, splits, **how)[1]
    weights = run({**MASKED, "share": 0.0}, splits, **how)[1]
    _, kept = made(MASKED, **how)[2].kept(spec, weights)
    assert kept.keys() == plain.keys()
    assert all(torch.equal(kept[name], plain[name]) for name in plain)
    assert kept.keys() < weights.keys()


@pytest.mark.parametrize("strategy", [NEXT, MASKED])
def test_a_stopped_self_pretraining_continues_in_each_phase(splits, tmp_path, strategy):
    """Within the first phase, at its end, just after it and later."""
    require_same_bits(strategy, splits, tmp_path, (2, 6, 7, 10), **HOW)


@pytest.mark.parametrize(
    ("strategy", "changes", "message"),
    [
        ({**NEXT, "share": 1.0}, {}, "share must be from 0 to below 1"),
        ({**NEXT, "pretext": "nxt"}, {}, "no pretext 'nxt'"),
        (NEXT, {"loss": "cross_entropy"}, "needs two frames or more and no `loss`"),
        (NEXT, {"context": 1}, "needs two frames or more"),
        (NEXT, {"model": BRNN}, "sees the frames after each; give it pretext 'masked'"),
        (NEXT, {"model": {"kind": "bag", "of": "frames"}}, "a Bag decodes no frames"),
    ],
)
def test_a_wrong_self_pretraining_is_refused(strategy, changes, message):
    with pytest.raises(UserError, match=message):
        made(strategy, **{**HOW, **changes})
