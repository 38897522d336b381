"""Two layers become one where nothing is between them; SELU keeps a signal's size."""

import copy
from types import SimpleNamespace

import pytest
import torch

from fernn import models
from fernn.models._decoders import Annealed, Levels, merged
from fernn.training import strategies
from fernn.training.loop import train
from fernn.training.settings import settings
from fernn.training.strategies import anneal_decoder
from fernn.training.tasks import forecast
from labrun.errors import UserError

EXACT = 1e-12
SPEC = {"kind": "forecaster", "flow": {"kind": "translation", "max_speed": 1}}
SPEC |= {"hidden": 4, "decoder_layers": 2}


def build(size=6, **changes):
    torch.manual_seed(0)
    return models.build({**SPEC, **changes}, size).double()


def video():
    torch.manual_seed(1)
    return torch.rand(2, 4, 1, 6, 6, dtype=torch.float64)


@torch.no_grad()
@pytest.mark.parametrize("execution", ["plain", "fused"])
@pytest.mark.parametrize("width", [None, 3])
@pytest.mark.law("training/strategies/anneal_decoder")
def test_layers_merge_where_the_slope_is_one_and_nowhere_else(execution, width):
    options = {"execution": execution, "decoder_hidden": width}
    deep, plain = build(decoder="annealed", **options), build(**options)
    plain.load_state_dict(merged(deep.state_dict()))
    apart = []
    for slope in (1.0, 0.5, 0.0):
        for layer in deep.modules():
            if isinstance(layer, Annealed):
                layer.slope = slope
        apart.append((deep(video(), 3) - plain(video(), 3)).abs().max().item())
    assert apart[0] < EXACT and apart[2] > apart[1] > 1e-3


def test_the_strategy_raises_the_slope_and_keeps_the_merged_network():
    model = build(decoder="annealed")
    strategy = anneal_decoder.build(model, SimpleNamespace(steps=10), None, until=0.5)
    run = {"step": 0, "records": [{}], "best": "weights"}
    for step, slope, best in (
        (0, 0, True),
        (4, 0.8, True),
        (5, 1, False),
        (9, 1, False),
    ):
        run["step"] = step
        strategy.before_step(run, None)
        assert strategy.report() == {"slope": slope}
        assert (run["best"] is not None) == best
    weights = copy.deepcopy(model.state_dict())
    spec, kept = strategy.kept({**SPEC, "decoder": "annealed"}, weights)
    used = models.build(spec, 6).double()
    used.load_state_dict(kept)
    assert (used(video(), 3) - model(video(), 3)).abs().max() < EXACT


def test_what_a_training_keeps_is_the_network_that_it_validated(sequences):
    splits = [sequences(split=name, pool=name) for name in ("train", "val")]
    spec = {"batch": 4, "sequences": 12, "epochs": 3, "context": 3, "horizon": 2}
    spec |= {"learning_rate": 0.01, "strategy": "anneal_decoder"}
    model = build(7, decoder="annealed").float()
    chosen = settings(spec, seed=0)
    strategy = strategies.build(model, chosen)
    records, weights = train(model, *splits, chosen, strategy=strategy)
    whole, kept = strategy.kept({**SPEC, "decoder": "annealed"}, weights)
    used = models.build(whole, 7)
    used.load_state_dict(kept)
    later = [record["validation_error"] for record in records[1:]]  # from step 5 of 9
    with torch.no_grad():
        (seen, ahead), target = forecast.batch(splits[1], 0, 24, 3, 2)
        error = forecast.errors(used(seen, ahead), target).mean().item()
    assert error == pytest.approx(min(later), rel=1e-4)


def test_five_levels_by_hand_and_the_gradient_of_the_hyperbolic_tangent():
    """tanh is -0.96, -0.38, 0.10 and 0.76; of -1, -0.5, 0, 0.5 and 1 the nearest."""
    signal = torch.tensor([-2.0, -0.4, 0.1, 1.0], requires_grad=True)
    found = Levels(5)(signal)
    assert found.tolist() == [-1, -0.5, 0, 1]
    assert Levels(5).codes(signal).tolist() == [-2, -1, 0, 2]
    found.sum().backward()
    torch.testing.assert_close(signal.grad, 1 - signal.detach().tanh() ** 2)


@torch.no_grad()
@pytest.mark.parametrize("rollout", ["free", "advect"])
def test_a_frame_behind_a_bottleneck_knows_levels_alone(rollout):
    """Weights of the cell that change no level change no frame; without one they do."""
    for bottleneck, same in ((3, True), (None, False)):
        model = build(rollout=rollout, bottleneck=bottleneck)
        model.cell.conv_u.weight.abs_().mul_(50)  # all far from one half
        model.cell.conv_h.weight.abs_()
        frames = model(video(), 3)
        model.cell.conv_u.weight.mul_(1.1)
        assert torch.equal(model(video(), 3), frames) == same


def test_an_unknown_bottleneck_is_refused():
    for levels, message in ((4, "odd number"), (1, "at least 3")):
        with pytest.raises(UserError, match=message):
            build(bottleneck=levels)
    with pytest.raises(UserError, match="merged without a bottleneck"):
        build(bottleneck=3, decoder="annealed")


def test_what_cannot_be_annealed_is_refused():
    steps = SimpleNamespace(steps=10)
    with pytest.raises(UserError, match="no layer of a Forecaster is annealed"):
        anneal_decoder.build(build(), steps, None)
    with pytest.raises(UserError, match="until must be between 0 and 1, got 1"):
        anneal_decoder.build(build(decoder="annealed"), steps, None, until=1.0)
    with pytest.raises(UserError, match="needs decoder_layers of 1 or more"):
        build(decoder="annealed", decoder_layers=0)
    turning = {"kind": "rotation", "orientations": 4, "max_speed": 1}
    with pytest.raises(UserError, match="for flows without orientations"):
        build(size=7, decoder="annealed", flow=turning)


@torch.no_grad()
def test_selu_keeps_the_size_of_a_signal_through_64_layers_and_others_do_not():
    size = {"hidden": 32, "decoder_layers": 64}
    spread = {}
    for activation in ("selu", "relu"):
        torch.manual_seed(0)
        decoder = models.build({**SPEC, **size, "activation": activation}, 6).decoder
        signal = torch.randn(4, 32, 6, 6)
        spread[activation] = decoder[:-1](signal).var().item()
    assert 0.5 < spread["selu"] < 2 and spread["relu"] < 1e-3


@torch.no_grad()
def test_a_cell_with_selu_is_not_homogeneous_and_that_with_relu_is():
    """So the norm that a free roll-out keeps means less: twice the frames differ."""
    for activation, kept in (("relu", True), ("selu", False)):
        model = build(activation=activation)
        *_, once = model.encode(video())
        *_, twice = model.encode(2 * video())
        apart = (twice - 2 * once).abs().max()
        assert (apart < EXACT) if kept else (apart > 1e-3)
