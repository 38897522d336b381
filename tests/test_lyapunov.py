"""Exponents of roll-outs: laws with their converse, and worked cases."""

import json
import math

import numpy as np
import pytest
import torch
import xarray as xr

import mock_cubes
from fernn.evaluation import exponents, lyapunov
from fernn.evaluation.subject import Subject
from fernn.figures import lyapunov_gap
from fernn.flows.translation import Translation
from fernn.models.rollouts import Carry
from fernn.models.rollouts.free import coast
from labrun.errors import UserError

EXACT = 1e-12  # in double precision
CLOSED = {"kind": "pan", "closed": True}
TRUNCATED = {"kind": "pan", "max_speed": 1}
SINGLE = {"kind": "pan", "max_speed": 0}
SPEC = {"context": 4, "horizon": 4, "batch": 2}


def video(samples, frames):
    generator = torch.Generator().manual_seed(0)
    shape = samples, frames, 1, 7, 7
    return torch.rand(shape, dtype=torch.float64, generator=generator)


@pytest.fixture
def measured(sequences, forecaster):
    """The statistic of a model on digits that move along both axes."""

    def measure(sequence_changes=None, **changes):
        subject = Subject(
            None, None, sequences(sequences=3, **(sequence_changes or {}))
        )
        subject.__dict__["model"] = forecaster(**changes)
        return lyapunov.measure(subject, SPEC)

    return measure


@pytest.mark.parametrize("rollout", ["free", "shifted", "warped", "advect"])
def test_a_closed_v_has_no_gap_and_the_others_have(measured, rollout):
    def gap(flow):
        found = measured(flow=flow, rollout=rollout)
        return found.deviation.sel(perturbation="flow", direction="columns").values

    assert gap(CLOSED).max() < EXACT
    assert gap(TRUNCATED).min() > 1e-3
    assert gap(SINGLE).min() > 1e-3


def test_a_flow_that_no_slot_answers_has_no_number(measured):
    """Along the rows a pan has the speed 0 alone, so that no slot has a source."""
    found = measured(flow=CLOSED).deviation.sel(perturbation="flow")
    assert found.sel(direction="rows").isnull().all()
    assert found.sel(direction="columns").notnull().all()


@pytest.mark.parametrize("flow", [CLOSED, TRUNCATED, SINGLE])
def test_every_v_answers_a_shift_with_the_shifted_state(measured, flow):
    found = measured(flow=flow, rollout="free").sel(perturbation="shift")
    assert found.deviation.max() < EXACT
    assert found.displacement.min() > 1e-2  # it is not that nothing happens


def test_a_rollout_that_is_not_equivariant_has_a_gap_for_a_closed_v(measured):
    found = measured(flow=CLOSED, rollout="repeat").sel(perturbation="flow")
    assert found.deviation.sel(direction="columns").min() > 1e-3


def test_the_expected_state_is_permuted_moved_and_zero_without_a_source():
    """V = {-1, 0, 1}, a = 1, two steps: slot 0 has what slot -1 had, two pixels on."""
    flow = Translation([(0, -1), (0, 0), (0, 1)], 4)
    state = torch.zeros(1, 3, 1, 4, 4)
    state[0, 0, 0, 0, 1], state[0, 2, 0, 0, 0] = 5, 7
    found = lyapunov.transformed(flow, state, (0, 1), 2, permuted=True)
    assert found[0, 1, 0, 0, 3] == 5
    assert found.sum() == 5  # what had velocity 1 would have 2, which V does not hold
    shifted = lyapunov.transformed(flow, state, (0, 1), 1, permuted=False)
    assert (shifted[0, 0, 0, 0, 2], shifted[0, 2, 0, 0, 1]) == (5, 7)


class Doubles(torch.nn.Module):
    """State and roll-out of a cell that multiplies: x by 2, y by 1/2, and no frames."""

    def __init__(self, factors):
        super().__init__()
        self.register_buffer("factors", torch.tensor(factors).double())
        self.rollout = self

    def begin(self, state, video):
        return Carry(state, video.shape[1])

    def observed(self, video):
        return torch.ones(len(video), *self.factors.shape).double()

    def step(self, model, carry):
        return carry._replace(state=carry.state * self.factors), None


@pytest.mark.law("evaluation/lyapunov")
def test_the_largest_exponent_of_a_linear_map_is_that_of_its_largest_eigenvalue():
    """Eigenvalues 2 and 1/2: 1/frame · log 2, once the smaller one has died out."""
    seen = torch.zeros(1, 3, 1, 2, 2)
    *_, before, last = lyapunov._stretch(Doubles([2.0, 0.5]), seen, 30)
    assert last.item() - before.item() == pytest.approx(math.log(2), abs=1e-8)
    *_, before, last = lyapunov._stretch(Doubles([0.5, 0.25]), seen, 30)
    assert last.item() - before.item() == pytest.approx(-math.log(2), abs=1e-8)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_the_stretch_is_that_of_the_derivative_of_the_state_map(forecaster):
    """Of `free`, the shadow grows as forward derivatives along the trajectory do."""
    model = forecaster(flow=TRUNCATED, rollout="free", execution="plain")
    seen = video(1, 3)
    with torch.no_grad():
        grown = [float(part) for part in lyapunov._stretch(model, seen, 6)]
    carry = model.rollout.begin(model.observed(seen).detach(), seen)
    generator = torch.Generator().manual_seed(0)
    tangent = torch.randn(carry.state.shape, dtype=torch.float64, generator=generator)
    first = tangent.norm()
    for found in grown:

        def mapped(state, carry=carry):
            return coast(model, carry._replace(state=state)).state

        if carry.kept is not None:  # the first step leaves the state as it is
            _, tangent = torch.func.jvp(mapped, (carry.state,), (tangent,))
        carry = coast(model, carry)
        expected = (tangent.norm() / first).log().item()
        assert found == pytest.approx(expected, abs=1e-4)


def cube(deviation=0.0, growth=1.0, error=(1, 1, 1, 1, 1), stretch=0.0):
    """One model and seed, one direction, one sequence, five frames, two trained."""
    frames = np.arange(1, 6)
    shape = (1, 1, 2, 1, 1, 5)
    dims = ("model", "seed", "perturbation", "direction", "sample", "frame")
    flat = ("model", "seed", "sample", "frame")
    return xr.Dataset(
        {
            "deviation": (dims, np.full(shape, float(deviation))),
            "displacement": (dims, np.broadcast_to(growth**frames, shape)),
            "stretch": (flat, np.reshape(stretch * frames, (1, 1, 1, 5))),
            "squared_error": (flat, np.reshape(error, (1, 1, 1, 5)).astype(float)),
        },
        coords={"model": ["m"], "seed": [0], "frame": frames}
        | {"perturbation": ["shift", "flow"], "direction": ["columns"]},
        attrs={"horizon": 2, "models": json.dumps({})},
    )


def test_exponents_by_hand():
    assert exponents.gap(cube(0)).item() == 0
    # a deviation of 1 is an angle of 60°, a cosine of 1/2, lost in five frames
    assert exponents.gap(cube(1)).item() == pytest.approx(math.log(2) / 5)
    assert exponents.tangent(cube(growth=3)).item() == pytest.approx(math.log(3))
    assert exponents.largest(cube(stretch=-0.25)).item() == pytest.approx(-0.25)
    assert np.isnan(exponents.gap(cube(math.nan)).item())


@pytest.mark.parametrize(
    ("error", "frame"),
    [
        ((1, 3, 3, 4, 9), 4),  # twice the trained mean of 2
        ((1, 3, 3, 3.9, 3.9), math.inf),
        ((1, 3, 4, 1, 1), 3),
        ((1, 3, 3, math.nan, math.nan), 4),  # a roll-out that diverged
    ],
)
def test_the_length_of_twice_the_error_by_hand(error, frame):
    assert exponents.doubling(cube(error=error)).item() == frame


def test_a_dot_is_the_rate_and_the_length_of_a_seed():
    """One whose error never doubles is above the line at the last frame."""
    shown = mock_cubes.lyapunov()
    shown["squared_error"].loc[{"model": "fernn_v2"}] = 1.0
    end = int(shown["frame"][-1])
    figure = lyapunov_gap.draw([shown])
    for axes, rate in zip(
        figure.axes, (exponents.gap, exponents.tangent, exponents.largest), strict=True
    ):
        rates, lengths = rate(shown), exponents.doubling(shown)
        dots = {str(line.get_label()): line for line in axes.lines}
        for name in ("grnn", "fernn_v2"):
            line = dots[json.loads(shown.attrs["models"])[name]["label"]]
            x = np.maximum(rates.sel(model=name), lyapunov_gap.FLOOR)
            wanted = x if rate is exponents.gap else rates.sel(model=name)
            np.testing.assert_allclose(line.get_xdata(), wanted)
            if name == "grnn":
                np.testing.assert_allclose(line.get_ydata(), lengths.sel(model=name))
            else:
                assert end < np.min(line.get_ydata()) <= axes.get_ylim()[1]


def test_a_model_without_a_state_is_refused(sequences):
    subject = Subject(None, None, sequences(sequences=1))
    subject.__dict__["model"] = torch.nn.Identity()
    with pytest.raises(UserError, match="needs a forecaster"):
        lyapunov.measure(subject, SPEC)
