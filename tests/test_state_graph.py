"""Graphs of states: cycles on a ring of 12, and what loses them."""

import numpy as np
import pytest
import xarray as xr

from fernn.evaluation import graphs, state_graph
from fernn.evaluation.subject import Subject

SIZE, SPEEDS, FRAMES = 12, (1, 2, 3, 4), 48
PERIODS = [12, 6, 4, 3]


def labels(knows_speed=True):
    """The place on the ring, with the number of the speed or without; one a speed."""
    times = np.arange(FRAMES)
    places = [
        speed * times % SIZE + 12 * i * knows_speed for i, speed in enumerate(SPEEDS)
    ]
    return np.array(places)


def recovered(known):
    return graphs.periods(known, graphs.transitions(known)).tolist()


@pytest.mark.law("evaluation/state_graph")
def test_states_on_a_ring_have_cycles_of_its_size_by_the_speed():
    assert recovered(labels()) == PERIODS
    counts = graphs.transitions(labels())
    assert graphs.determinism(counts) == 1
    assert graphs.edges(counts) == sum(PERIODS)  # one of each state


def test_states_without_a_velocity_have_neither_cycles_nor_one_successor():
    assert recovered(labels(knows_speed=False)) != PERIODS
    counts = graphs.transitions(labels(knows_speed=False))
    # Places 0 … 11: of 4·47 steps those of the speeds that visit a place most often.
    assert graphs.determinism(counts) < 0.6


def test_a_permuted_code_book_has_the_same_graph():
    book = np.random.default_rng(0).permutation(60)
    assert recovered(book[labels()]) == PERIODS
    one, other = (graphs.transitions(each) for each in (labels(), book[labels()]))
    assert graphs.determinism(one) == graphs.determinism(other)
    assert graphs.edges(one) == graphs.edges(other)


def test_determinism_and_edges_by_hand():
    """Code 0 is followed by 1 three times and by 2 once, code 1 by 0 three times."""
    counts = graphs.transitions(np.array([[0, 1, 0, 1, 0, 1, 0, 2]]))
    assert counts.tolist() == [[0, 3, 1], [3, 0, 0], [0, 0, 0]]
    assert graphs.determinism(counts) == 6 / 7
    assert (graphs.edges(counts), graphs.edges(counts, 0.3)) == (3, 2)
    assert np.isnan(graphs.periods(np.array([[2]]), counts))[0]


@pytest.mark.parametrize("noise", [0.0, 1e-3])
def test_clusters_are_the_states_that_there_are(noise):
    """Of 25 distinct states, one for each place that a speed visits."""
    vectors = np.random.default_rng(1).standard_normal((48, 6))
    states = vectors[labels()]
    states = states + noise * np.random.default_rng(2).standard_normal(states.shape)
    found = graphs.codes(states, 1e-4, 64)
    assert len(np.unique(found)) == sum(PERIODS)
    assert recovered(found) == PERIODS
    few = graphs.codes(states, 1e-4, 8)
    assert len(np.unique(few)) == 8 and recovered(few) != PERIODS


def test_true_periods_by_hand():
    """(3, 4) on 12 pixels: 4 and 3 frames, so 12; at rest 1; two digits, 6 and 4."""
    rows, columns = [[3, 0], [0, 0], [0, 0]], [[4, 0], [0, 0], [2, 9]]
    dims = ("sample", "digit")
    recipe = xr.Dataset(
        {"velocity_rows": (dims, rows), "velocity_columns": (dims, columns)},
        attrs={"frame_size": 12},
    )
    assert state_graph.true_periods(recipe).tolist() == [12, 1, 12]


@pytest.mark.parametrize("bottleneck", [None, 5])
def test_a_model_that_keeps_its_last_frame_alone_walks_the_cycle_of_the_torus(
    sequences, forecaster, bottleneck
):
    """Without a recurrence states are those of the input; in the roll-out none move."""
    flow = {"kind": "pan", "max_speed": 0}
    model = forecaster(flow=flow, rollout="free", bottleneck=bottleneck)
    model.cell.conv_h.weight.data.zero_()
    model.cell.conv_u.weight.data.abs_()
    subject = Subject(
        None, None, sequences(sequences=4, digits=1, max_speed=1, frames=32)
    )
    subject.__dict__["model"] = model.float()
    spec = {"context": 4, "horizon": 28, "batch": 3}
    found = state_graph.measure(subject, spec, unexplained=1e-6)
    driven = found.sel(run="driven")
    assert driven.period.values.tolist() == found.true_period.values.tolist()
    assert {*found.true_period.values} >= {7.0}
    assert driven.determinism == 1
    assert {*found.period.sel(run="rollout").values.tolist()} != {7.0}


def test_behind_a_bottleneck_codes_are_clustered(sequences, forecaster):
    """States within one level are one state; without a bottleneck they are not."""
    found = []
    for bottleneck in (3, None):
        model = forecaster(flow={"kind": "pan", "max_speed": 0}, bottleneck=bottleneck)
        model.cell.conv_u.weight.data.abs_().mul_(1e-3)  # all far below one half
        model.cell.conv_h.weight.data.zero_()
        shown = sequences(sequences=2, digits=1, max_speed=1, frames=12)
        subject = Subject(None, None, shown)
        subject.__dict__["model"] = model.float()
        spec = {"context": 4, "horizon": 8, "batch": 2}
        measured = state_graph.measure(subject, spec)
        found.append(float(measured.codes.sel(run="driven")))
    assert found[0] == 1 < found[1]
