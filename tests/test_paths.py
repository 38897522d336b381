"""Plans in the graph of a random walk: by hand, and of models that remember."""

import numpy as np
import pytest
import torch
import xarray as xr

import drawn
from fernn import models
from fernn.data import world
from fernn.evaluation import graphs, paths
from fernn.evaluation.subject import Subject
from fernn.models._window import corners_of
from fernn.models.persistence import roll
from fernn.tables.paths import tabulate
from fernn.videos.recipes import synthesize
from labrun.errors import UserError

SIZE, TORUS, FRAMES = 3, 7, 120
RECALL = {"kind": "recall", "world": TORUS}
WORLD = {"kind": "world", "flow": {"kind": "translation", "max_speed": 1}}
WORLD |= {"world": TORUS, "hidden": 3}
SPEC = {"context": 1, "horizon": FRAMES - 1, "batch": 2}


def test_ways_and_the_shortest_of_them_by_hand():
    """A ring of four, walked on by ones, with a step of two from 0 to 2 and back."""
    labels = np.array([0, 1, 2, 3, 0, 2, 3, 0, 2, 0])
    steps = np.array([[1], [1], [1], [1], [2], [1], [1], [2], [2]])
    known = graphs.ways(labels, steps)
    assert known == {
        0: {(1,): 1, (2,): 2},
        1: {(1,): 2},
        2: {(1,): 3, (2,): 0},
        3: {(1,): 0},
    }
    assert graphs.shortest(known, 0, 3) == [(2,), (1,)]
    assert graphs.shortest(known, 1, 0) == [(1,), (2,)]
    assert graphs.shortest(known, 1, 1) == []
    assert graphs.shortest(graphs.ways(labels[:3], steps[:2]), 2, 0) is None
    often = graphs.ways(np.array([0, 1, 0, 2, 0, 2]), np.ones((5, 1), int))
    assert often[0] == {(1,): 2}


def walk():
    """On a torus of 4×4: steps of at most one, of 200 frames."""
    steps = np.random.default_rng(0).integers(-1, 2, (199, 2))
    return np.pad(steps.cumsum(0), ((1, 0), (0, 0)))


def success(*labels):
    return paths._of_world(labels, walk(), 4, (0, 0, 60))[0].tolist()


@pytest.mark.law("evaluation/paths")
def test_who_knows_the_place_succeeds_and_who_takes_two_for_one_does_not():
    rows, columns = (walk() % 4).T
    place, each = 4 * rows + columns, np.arange(200)
    book = np.random.default_rng(1).permutation(16)
    right, renamed, blind = success(place, book[place])
    assert right == renamed == 1
    assert blind < 0.3
    merged, alone, _ = success(place % 8, each)
    assert merged < 0.7  # of rows 0 and 2, 1 and 3
    assert alone < 0.5  # who knows no place again has the walk alone
    assert success(0 * place, place)[0] == 0


@pytest.fixture
def sequences(atlas):
    """Two worlds of 7×7 pixels, seen through 3×3."""

    def make(**changes):
        spec = {"kind": "world", "split": "test", "pool": "test", "draw": "sampled"}
        spec |= {"seed": 0, "sequences": 2, "frames": FRAMES, "frame_size": SIZE}
        spec |= {"world": TORUS, "digits": 1, "max_speed": 0, "agent_speed": 1}
        return world.Sequences(synthesize({**spec, **changes}, atlas), atlas)

    return make


def test_a_map_knows_the_way_where_windows_are_alike(sequences):
    subject = Subject(None, RECALL, sequences(sequences=1))
    found = paths.measure(subject, SPEC, goals=30, unexplained=1e-9)
    state, pixels, blind = found.success.mean("sample").values
    assert state == 1
    assert (found.codes.sel(graph="state") == found.places).all()
    assert (found.codes.sel(graph="pixels") < found.places).all()
    assert pixels < 0.8
    assert blind < 0.2


@torch.no_grad()
def test_a_map_that_diverges_tells_no_places_apart(sequences):
    torch.manual_seed(0)
    model = models.build(WORLD, SIZE)
    model.cell.conv_h.weight.fill_(100)
    subject = Subject(None, RECALL, sequences(sequences=1))
    subject.__dict__["model"] = model
    found = paths.measure(subject, SPEC, goals=5)
    assert found.success.sel(graph="state") == 0
    assert found.codes.sel(graph="state") == 1 < found.codes.sel(graph="pixels")


@torch.no_grad()
def test_what_is_remembered_lies_from_the_window_on(sequences):
    """Of a map: its window is the frame; of a world model: what it decodes there."""
    split = sequences()
    video, actions = split.video(0, 2, 8), split.actions(0, 2, 8)
    recall = models.build(RECALL, SIZE)
    for seen, frame in zip(
        recall.remembered(video, actions), video.unbind(1), strict=True
    ):
        assert torch.equal(seen[..., :SIZE, :SIZE], frame)
    torch.manual_seed(0)
    model = models.build(WORLD, SIZE)
    *_, last = model.remembered(video, actions)
    *_, state = model.states(video, corners_of(actions))
    found = roll(last, corners_of(actions)[:, -1])
    torch.testing.assert_close(found, model.map.decode(state))
    rssm = models.build({"kind": "rssm", "hidden": 6, "latent": 2, "layers": 1}, SIZE)
    steps = [*rssm.remembered(video, actions)]
    assert [tuple(each.shape) for each in steps] == 8 * [(2, 8)]


def test_worlds_that_move_and_models_without_memory_are_refused(sequences):
    with pytest.raises(UserError, match="paths needs worlds at rest"):
        paths.measure(Subject(None, RECALL, sequences(max_speed=1)), SPEC)
    subject = Subject(None, RECALL, sequences())
    subject.__dict__["model"] = models.build({"kind": "told", "hidden": 2}, SIZE)
    with pytest.raises(UserError, match="paths needs a model that remembers, got a To"):
        paths.measure(subject, SPEC)


def test_the_table_has_shares_of_models_beside_those_of_the_controls():
    state = np.array([[0.5, 0.7], [0.1, 0.3], [1, 1]])[:, :, None]
    shares = np.stack([state, 0 * state + 0.2, 0 * state + 0.05], 2)
    shares = shares + np.array([-0.1, 0.1])  # of two worlds
    dims = ("model", "seed", "graph", "sample")
    table = {"success": (dims, shares), "codes": (dims, 0 * shares + 40)}
    table["places"] = (("model", "seed", "sample"), 0 * shares[:, :, 0] + 49)
    coords = {"model": [*drawn.MODELS], "graph": [*paths.GRAPHS]}
    cube = xr.Dataset(table, coords, drawn.attrs("paths"))
    first, other, copied = tabulate([cube]).to_dict("records")
    assert (first["model"], first["codes"], first["places"]) == ("Red net", 40, 49)
    assert first["state_mean"] == pytest.approx(0.6)
    assert first["state_std"] == pytest.approx(0.02**0.5)
    assert other["state_mean"] == pytest.approx(0.2) == first["pixels"]
    assert first["random"] == pytest.approx(0.05)
    assert copied["state_mean"] == 1 and np.isnan(copied["state_std"])
