"""Which groups the products of a DeltaProduct can follow: by rank, and by training.

A word is a series of elements of a group; the label of each place is the product up to
there. Weights by hand follow Z₂ with one reflection a step and S₃ with two.
"""

import itertools

import pytest
import torch
import torch.nn.functional as F

from fernn import flows
from fernn.models import temporal
from fernn.models.temporal.delta import corrected, read

EXACT = 1e-12
WIDTH = 32  # of an element's vector


def reflection(key):
    """I - 2kkᵀ for a key of any length."""
    key = F.normalize(key, dim=0)
    return torch.eye(len(key), dtype=key.dtype) - 2 * key[:, None] * key


def test_a_cyclic_shift_of_n_places_is_n_minus_one_reflections_and_no_fewer():
    """(1 2 … n) is n - 1 exchanges; k reflections keep n - k dimensions."""
    size = 6
    shift = torch.eye(size, dtype=torch.float64).roll(1, 0)
    units = torch.eye(size, dtype=torch.float64)
    product = torch.eye(size, dtype=torch.float64)
    for place in range(1, size):
        product = reflection(units[place - 1] - units[place]) @ product
    assert min((product - shift).norm(), (product - shift.T).norm()) < EXACT
    assert torch.linalg.matrix_rank(shift - units) == size - 1
    torch.manual_seed(0)
    keys = torch.randn(size - 2, size, dtype=torch.float64)
    fewer = torch.linalg.multi_dot([reflection(key) for key in keys])
    assert torch.linalg.matrix_rank(fewer - units) == size - 2


def test_one_reflection_a_step_counts_by_its_sign():
    """Of an element 1 the step is I - 2kkᵀ, of 0 the identity: the sign is parity."""
    key = torch.zeros(1, 1, 2, 1, 1)
    key[:, :, 0] = 1
    memory = key.unsqueeze(3).clone()  # S = e₁, a value of one number
    nothing, parity = torch.zeros(1, 1, 1, 1, 1), 1
    for element in (1, 0, 1, 1, 0, 1):
        rate = torch.full((1, 1, 1, 1, 1, 1), 2.0 * element)
        memory = corrected(memory, key, nothing, rate)
        parity *= -1 if element else 1
        assert read(memory, key).item() == parity


def test_two_reflections_a_step_follow_the_permutations_of_three_and_one_cannot():
    """A cycle is two exchanges; it differs from the identity by a matrix of rank 2."""
    units = torch.eye(3)
    exchanges = {0: units[0] - units[1], 1: units[1] - units[2]}
    nothing, memory = torch.zeros(1, 1, 3, 1, 1), units[None, None, ..., None, None]
    expected = units
    for element in ((0, 1), (1,), (1, 0), (), (0, 1), (0,)):
        for place in range(2):  # n_h = 2; a β of 0 where there is no exchange
            used = place < len(element)
            key = F.normalize(exchanges[element[place] if used else 0], dim=0)
            rate = torch.full((1, 1, 1, 1, 1, 1), 2.0 * used)
            memory = corrected(memory, key[None, None, :, None, None], nothing, rate)
            if used:
                order = [1, 0, 2] if element[place] == 0 else [0, 2, 1]
                expected = expected[order]
        assert torch.allclose(memory[0, 0, ..., 0, 0], expected, atol=1e-5)
    assert torch.linalg.matrix_rank(units[[1, 2, 0]] - units) == 2
    assert torch.linalg.matrix_rank(reflection(exchanges[0]) - units) == 1


class Reader(torch.nn.Module):
    """A vector for each element, one layer, and the logits of each product."""

    def __init__(self, elements, **options):
        super().__init__()
        still = flows.build({"kind": "translation", "max_speed": 0}, 1)
        still.kernel = 1  # of nine weights the sum would be learnt, nine times as fast
        self.embed = torch.nn.Embedding(elements, WIDTH)
        self.enter, self.leave = (torch.nn.LayerNorm(WIDTH) for _ in range(2))
        spec = {"kind": "delta", "heads": 4, "width": 4, **options}
        self.layer = temporal.layer(spec, temporal.Space(still), WIDTH, WIDTH)
        self.answer = torch.nn.Linear(WIDTH, elements)

    def forward(self, words):
        given = self.enter(self.embed(words))[..., None, None]
        return self.answer(self.leave(self.layer(given, None)[0][..., 0, 0]))


def group(places):
    """The table of products of the permutations of so many places."""
    elements = list(itertools.permutations(range(places)))
    table = [
        [elements.index(tuple(g[i] for i in y)) for y in elements] for g in elements
    ]
    return torch.tensor(table)


def words(table, batch, length):
    drawn = torch.randint(len(table), (batch, length))
    products = [drawn[:, 0]]
    for time in range(1, length):
        products.append(table[drawn[:, time], products[-1]])
    return drawn, torch.stack(products, 1)


def accuracy(places, steps, length, batch=64, **options):
    """At the last place of a word, after training on words that grow to this length."""
    torch.manual_seed(0)
    table = group(places)
    model = Reader(len(table), **options)
    optimiser = torch.optim.AdamW(model.parameters(), 5e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for step in range(steps):
        grown = min(length, 3 + int((length - 2) * step / (0.4 * steps)))
        given, products = words(table, batch, grown)
        loss = F.cross_entropy(model(given).flatten(0, 1), products.flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    given, products = words(table, 512, length)
    with torch.no_grad():
        return (model(given)[:, -1].argmax(1) == products[:, -1]).float().mean().item()


@pytest.mark.minutes
@pytest.mark.parametrize("reflects", [True, False])
def test_parity_needs_an_eigenvalue_below_zero(reflects):
    found = accuracy(2, 150, 12, householders=1, reflects=reflects)
    assert (found > 0.95) if reflects else (found < 0.75)


@pytest.mark.minutes
@pytest.mark.parametrize("householders", [1, 2])
def test_the_permutations_of_three_are_learnt_with_two_householders(householders):
    """At the 16th place of a word; by chance it is one in six."""
    options = {"householders": householders, "reflects": True}
    found = accuracy(3, 1000, 16, batch=128, **options)
    print(householders, found)
    assert (found > 0.95) if householders == 2 else (found < 0.6)
