"""Fixed points and spectra: of linear maps, and what a closed V does to them."""

import itertools

import numpy as np
import pytest
import torch

from fernn.evaluation import dynamics, fixed_points, lyapunov
from fernn.evaluation.subject import Subject
from fernn.flows.translation import Translation
from labrun.errors import UserError

SPEC = {"context": 3, "horizon": 4, "batch": 2}
CLOSED = {"kind": "pan", "closed": True}
TRUNCATED = {"kind": "pan", "max_speed": 1}


def linear(size, seed=0, scale=0.5):
    """A map h → A h + b, its A and its fixed point."""
    generator = torch.Generator().manual_seed(seed)
    kind = {"dtype": torch.float64, "generator": generator}
    matrix = scale * torch.randn(size, size, **kind) / size**0.5
    shift = torch.randn(size, **kind)

    def step(state):
        return (matrix @ state.flatten() + shift).view_as(state)

    return step, matrix, torch.linalg.solve(torch.eye(size) - matrix, shift)


def state(seed=1, slots=7, channels=3):
    generator = torch.Generator().manual_seed(seed)
    shape = 1, slots, channels, 7, 7
    return torch.rand(shape, dtype=torch.float64, generator=generator)


def test_the_fixed_point_of_a_linear_map_is_found():
    step, _, expected = linear(6)
    start = torch.ones(1, 6, dtype=torch.float64)
    found, q = dynamics.minimised(step, start, 200, 1e-9)
    assert q < 1e-9
    assert found[0].numpy() == pytest.approx(expected.numpy(), abs=1e-7)
    _, early = dynamics.minimised(step, start, 2, 1e-9)
    assert early > 1e-6  # it is the search that finds it


@pytest.mark.parametrize("dense", [True, False])
def test_the_spectrum_of_a_linear_map_is_that_of_its_matrix(monkeypatch, dense):
    monkeypatch.setattr(dynamics, "DENSE", 600 if dense else 0)
    step, matrix, point = linear(40)
    found = dynamics.spectrum(step, point, 8)
    every = np.linalg.eigvals(matrix.numpy())
    largest = every[np.argsort(-np.abs(every))]
    assert np.abs(found) == pytest.approx(np.abs(largest[:8]), abs=1e-9)
    apart = np.abs(found[:, None] - every[None]).min(1)
    assert apart.max() < 1e-9  # and not the same by magnitude alone


def test_a_small_map_has_all_its_eigenvalues_and_no_more():
    step, _, point = linear(3)
    assert np.isnan(dynamics.spectrum(step, point, 5)[3:]).all()
    assert not np.isnan(dynamics.spectrum(step, point, 5)[:3]).any()


@pytest.mark.law("evaluation/fixed_points")
def test_a_moving_template_is_fixed_in_its_own_frame_alone():
    flow = Translation([(0, 0)], 7)
    before = state(slots=1)
    after = flow.act(before, (0, 2))
    own, lab = dynamics.residuals(flow, before, after, [(0, 2), (0, 0)])
    moved = (after - before).norm() / before.norm()
    assert own.item() == 0 and lab.item() == pytest.approx(moved.item())
    assert lab.item() > 0.1


@pytest.mark.parametrize("rollout", ["free", "shifted"])
@pytest.mark.parametrize("execution", ["plain", "comoving"])
def test_the_map_is_the_step_of_the_roll_out(forecaster, rollout, execution):
    model = forecaster(flow=TRUNCATED, rollout=rollout, execution=execution)
    video = torch.rand(1, 3, 1, 7, 7, dtype=torch.float64)
    with torch.no_grad():
        steps = [carry for carry, _ in model.trajectory(video, 4)]
        states = [model.cell.lab(c.state, c.time, c.ahead) for c in steps]
        for before, after in itertools.pairwise(states):
            found = dynamics.advanced(model, before)
            assert found.numpy() == pytest.approx(after.numpy(), abs=1e-12)


@pytest.mark.parametrize("rollout", ["repeat", "warped", "advect", "corrected"])
def test_a_roll_out_whose_step_needs_more_than_the_state_is_refused(
    forecaster, rollout
):
    options = {"kind": "corrected", "every": 2} if rollout == "corrected" else rollout
    with pytest.raises(UserError, match=f"depends on the state alone.*got {rollout}"):
        dynamics.require_map(forecaster(rollout=options), "fixed_points")


def pair(forecaster, flow):
    """Residual and spectrum at a state in its frame, and at the flowed state."""
    model = forecaster(flow=flow, rollout="free", execution="plain")
    here = state(slots=len(model.cell.flow.velocities))
    there = lyapunov.transformed(model.cell.flow, here, (0, 1), 1, permuted=True)
    found = []
    for at, nu in ((here, (0, 1)), (there, (0, 2))):
        step = dynamics.comoving(model, nu)
        with torch.no_grad():
            q = (step(at) - at).norm() / at.norm()
        found.append((q.item(), dynamics.spectrum(step, at, 6)))
    return found


def test_a_closed_v_maps_fixed_points_of_a_flow_to_those_of_another(forecaster):
    (here, before), (there, after) = pair(forecaster, CLOSED)
    assert there == pytest.approx(here, rel=1e-12)
    assert np.abs(after) == pytest.approx(np.abs(before), rel=1e-6)
    (here, before), (there, after) = pair(forecaster, TRUNCATED)
    assert abs(there / here - 1) > 1e-3


@pytest.fixture
def measured(sequences, forecaster):
    def measure(change=lambda model: None, **options):
        subject = Subject(None, None, sequences(sequences=3, digits=1, max_speed=1))
        subject.__dict__["model"] = forecaster(rollout="free", decoder_layers=0)
        change(subject.model)
        return fixed_points.measure(subject, SPEC, **options), subject

    return measure


def test_residuals_are_those_of_consecutive_states(measured):
    options = {"starts": 1, "steps": 2, "eigenvalues": 3}
    found, subject = measured(**options)
    video = subject.sequences.video(0, 3, 7).double()
    states = [each.detach() for each in subject.model.encode(video)]
    flow, at = subject.model.cell.flow, found.residual.sel(run="driven")
    for time in (1, 5):
        before, after = states[time - 1], states[time]
        lab = (after - before).flatten(1).norm(dim=1) / before.flatten(1).norm(dim=1)
        assert at.sel(system="lab", time=time).values == pytest.approx(lab.numpy())
        every = [dynamics.residuals(flow, before, after, [v]) for v in flow.velocities]
        best = torch.cat(every).amin(0).numpy()
        assert at.sel(system="comoving", time=time).values == pytest.approx(best)
    rolled = found.residual.sel(run="rollout")
    assert rolled.sel(time=slice(1, 2)).isnull().all()
    assert rolled.sel(time=slice(3, 5)).notnull().all()
    assert found.time.values.tolist() == [1, 2, 3, 4, 5]  # both runs end together
    assert found.eigenvalue.shape == (2, 1, 3) and found.sizes["channel"] == 3


def test_a_search_ends_lower_than_the_roll_out(measured):
    short = measured(starts=1, steps=1, eigenvalues=1)[0].fixed_residual.item()
    long = measured(starts=1, steps=60, eigenvalues=1)[0].fixed_residual.item()
    assert long < short / 2


def test_a_channel_that_nothing_reads_is_no_kick(measured):
    def deaf(model):
        model.decoder[0].weight.data[:, 1] = 0

    found, _ = measured(deaf, starts=1, steps=1, eigenvalues=1)
    assert found.kick[1] == 0
    assert (found.kick[[0, 2]] != 0).all()
