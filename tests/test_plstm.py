"""Memories on a grid: what is sent is bounded, and walks begin in all four corners."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR

from fernn import models
from fernn.models._plstm import FACTORS, FLIPS, Plstm, Walk, walked
from labrun.errors import UserError

EXACT = 1e-12
SIZE = 8


def units(size, at):
    """Queries and values of one, and one key, at a node."""
    one = torch.ones(1, size, size, 1, 1, dtype=torch.float64)
    key = torch.zeros_like(one)
    key[(0, *at)] = 1
    return one, key, one


def diagonals(mode, logits, size=12):
    """What reaches each node from the first corner, as lists by its distance."""
    gates = FACTORS[mode](*logits)
    read = walked(*units(size, (0, 0)), gates)[0, :, :, 0, 0]
    return [
        [read[row, far - row].item() for row in range(far + 1)]
        for far in range(1, size)
    ]


def test_in_mode_p_nothing_is_lost_whatever_the_shares():
    """With S and M of 1, and T of 1: 11 diagonals, each with a sum of one."""
    torch.manual_seed(0)
    open_, share = torch.full((1, 12, 12, 1), 99.0).double(), torch.randn(1, 12, 12, 1)
    logits = open_, share.double(), open_, open_, open_
    assert all(abs(sum(d) - 1) < EXACT for d in diagonals("P", logits))
    fading = 0 * open_, share.double(), open_, open_, open_  # T of a half
    sums = [sum(d) for d in diagonals("P", fading)]
    assert sums == pytest.approx([0.5**far for far in range(11)])


def test_in_mode_d_there_is_one_path_and_without_a_mode_there_are_many():
    open_ = torch.full((1, 12, 12, 1), 99.0).double()
    every = diagonals("D", 7 * (open_,))
    assert all(number == pytest.approx(1, abs=EXACT) for d in every for number in d)
    ones = Walk(*8 * (torch.ones_like(open_),))
    read = walked(*units(12, (0, 0)), ones)[0, :, :, 0, 0]
    paths = [read.flip(0).diagonal(far - 11).sum().item() for far in range(1, 12)]
    assert paths == [2.0**far for far in range(1, 12)]  # 2048 at a distance of 11


@pytest.mark.law("models/plstm")
def test_diagonals_at_once_are_nodes_one_by_one():
    torch.manual_seed(0)
    shape = (2, 3, 5, 2)  # samples, rows, columns, heads
    query, key, value = torch.randn(3, *shape, 4, dtype=torch.float64)
    gates = Walk(*torch.randn(8, *shape, dtype=torch.float64))
    right, down = {}, {}
    for row in range(3):
        for column in range(5):
            at = (slice(None), row, column)
            g = Walk(*(gate[at][..., None, None] for gate in gates))
            left = right.get((row, column - 1), torch.zeros(2, 2, 4, 4).double())
            top = down.get((row - 1, column), torch.zeros(2, 2, 4, 4).double())
            written = key[at][..., None] * value[at][..., None, :]
            found = g.read_left * left + g.read_top * top
            there = torch.einsum("bhk,bhkv->bhv", query[at], found)
            here = walked(query, key, value, gates)[at]
            assert (there - here).abs().max() < EXACT
            right[row, column] = g.right_left * left + g.right_top * top
            right[row, column] += g.send_right * written
            down[row, column] = g.down_left * left + g.down_top * top
            down[row, column] += g.send_down * written


@pytest.mark.parametrize("mode", ["P", "D"])
def test_every_node_hears_of_every_other_and_of_flips_one_side_alone(mode, monkeypatch):
    """With the flips of the published code, one axis, half of the grid is not heard."""
    torch.manual_seed(0)
    layer = Plstm(8, 2, mode).double()
    heard = []
    for flips in (FLIPS, FLIPS[:2]):
        monkeypatch.setattr("fernn.models._plstm.FLIPS", flips)
        grid = torch.randn(1, 7, 7, 8, dtype=torch.float64, requires_grad=True)
        with torch.no_grad():
            asked = layer.ask.weight.view(4, -1, 8)[: len(flips)].flatten(0, 1)
            layer.ask = nn.Linear(8, len(asked)).double()
            layer.ask.weight.copy_(asked)
        layer(grid)[0, 3, 3].sum().backward()
        heard.append((grid.grad.abs().sum(-1)[0] > 1e-9).sum().item())
    assert heard[0] == 49 and heard[1] < 49


def build(**changes):
    torch.manual_seed(0)
    spec = {"kind": "plstm", "hidden": 8, "heads": 2, **changes}
    return models.build(spec, SIZE).double()


def clip(frames=4):
    torch.manual_seed(1)
    return torch.rand(2, frames, 1, SIZE, SIZE, dtype=torch.float64)


@torch.no_grad()
def test_answers_know_the_border_and_no_later_frame():
    """So neither a static shift, nor one by a patch, nor a flow leaves them."""
    model, video = build(), clip()
    for shift in (1, 2):
        assert (model(video.roll(shift, -1)) - model(video)).abs().max() > 1e-4
    flowed = torch.stack([video[:, t].roll(t, -1) for t in range(4)], 1)
    assert (model(flowed) - model(video)).abs().max() > 1e-4
    other = video.clone()
    other[:, 2:] = 0
    change = (model.answers(video) - model.answers(other)).abs().amax((0, 2))
    assert change[:2].max() == 0 and change[2:].min() > 1e-6


def test_sizes():
    assert models.parameters(models.build({"kind": "plstm"}, 32)) == 117_158


@pytest.mark.usefixtures("unchecked")
def test_wrong_options_are_refused():
    with pytest.raises(UserError, match="heads must divide the width 8, got 3"):
        build(heads=3)
    with pytest.raises(UserError, match=r"patches of 3 pixels do not divide .* 8×8"):
        build(patch=3)


def rays(count, size):
    """A source that looks in one of four directions, and a target, hit or not.

    Nodes are empty (0), sources (1 to 4: right, left, down, up) or the target (5); of
    half of the grids the target is ahead, else anywhere that is not.
    """
    source = torch.randint(size, (count, 2))
    way = torch.randint(4, (count,))
    steps = torch.tensor([[0, 1], [0, -1], [1, 0], [-1, 0]])[way]
    room = torch.where(steps > 0, size - 1 - source, source)[steps != 0]
    hit = (torch.arange(count) % 2 == 0) & (room > 0)
    far = 1 + (torch.rand(count) * room).long().clamp(max=size)
    ahead = source + far[:, None] * steps
    grid = torch.zeros(count, size, size, dtype=torch.long)
    grid[torch.arange(count), *source.T] = way + 1
    for sample in range(count):
        target = ahead[sample]
        while not hit[sample]:
            target = torch.randint(size, (2,))
            apart = target - source[sample]
            along = (apart * steps[sample]).sum()
            beside = (apart * (1 - steps[sample].abs())).abs().sum()
            if apart.any() and (along <= 0 or beside > 0):
                break
        grid[sample, *target] = 5
    return grid, hit.long()


RIGHT, LEFT, DOWN, UP, TARGET = range(1, 6)
TURNED = {1: {DOWN: UP, UP: DOWN}, 2: {RIGHT: LEFT, LEFT: RIGHT}}  # by a flip's axis


def by_hand(grid, flips):
    """Whether a memory that walks straight on from the source reaches the target."""
    reached = torch.zeros(len(grid))
    for axes in flips:
        seen = grid.flip(axes)
        for axis in axes:
            one, other = TURNED[axis]
            swapped = torch.where(seen == one, other, seen)
            seen = torch.where(seen == other, one, swapped)
        seen = seen[..., None].float()
        one, none = torch.ones_like(seen), torch.zeros_like(seen)
        sent = (seen == RIGHT).float(), (seen == DOWN).float()
        nodes = one[..., None]
        read = walked(nodes, nodes, nodes, Walk(one, none, none, one, *sent, one, one))
        reached += (read[..., 0] * (seen == TARGET)).flatten(1).sum(1)
    return reached > 0


@pytest.mark.parametrize("size", [10, 30])
def test_gates_by_hand_tell_whether_a_ray_hits_on_a_grid_of_any_size(size):
    """In mode D without turns; flips of one axis leave one direction out."""
    torch.manual_seed(0)
    grids, hits = rays(80, size)
    assert hits.any() and not hits.all()
    assert torch.equal(by_hand(grids, FLIPS), hits.bool())
    assert not torch.equal(by_hand(grids, FLIPS[:2]), hits.bool())


class Walked(nn.Module):
    """One layer in mode P, a network, the maximum over nodes."""

    def __init__(self, width=8):
        super().__init__()
        self.table, self.walk = nn.Embedding(6, width), Plstm(width, 2, "P")
        self.network = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Linear(2 * width, width),
        )
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 2)

    def forward(self, grid):
        nodes = self.walk(self.table(grid))
        nodes = self.norm(nodes + self.network(nodes))
        return self.head(nodes.flatten(1, 2).amax(1))


class Convolved(nn.Module):
    """Two convolutions, the maximum over nodes; more weights than the other."""

    def __init__(self, width=8):
        super().__init__()
        self.table, self.head = nn.Embedding(6, width), nn.Linear(width, 2)
        self.near = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
        )

    def forward(self, grid):
        return self.head(self.near(self.table(grid).movedim(-1, 1)).amax((2, 3)))


def accuracies(model, steps=250):
    """Of grids of each size, after training on grids of 10×10."""
    optimiser = torch.optim.AdamW(model.parameters(), 0.01)
    schedule = OneCycleLR(optimiser, 0.01, steps, pct_start=0.1)
    for _ in range(steps):
        grids, hits = rays(32, 10)
        loss = F.cross_entropy(model(grids), hits)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    found = {}
    with torch.no_grad():
        for size in (10, 15, 20, 30):
            parts = [rays(50, size) for _ in range(4)]
            right = [(model(grids).argmax(1) == hits).float() for grids, hits in parts]
            found[size] = torch.cat(right).mean().item()
    return found


@pytest.mark.minutes
def test_a_walk_learns_rays_that_convolutions_of_its_size_do_not_follow():
    torch.manual_seed(0)
    walked_, convolved = accuracies(Walked()), accuracies(Convolved())
    print(walked_, convolved)
    assert walked_[10] > 0.95 and walked_[20] > 0.9
    assert max(convolved.values()) < 0.9
