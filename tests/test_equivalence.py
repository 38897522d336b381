"""A verdict can fail: spread widens the interval of a comparison, never its margin."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import mock_cubes
from fernn.evaluation import comparison
from fernn.evaluation.equivalence import (
    Estimate,
    margin_of,
    of_seeds,
    of_summary,
    word,
    written,
)
from fernn.evaluation.numbers import Number
from labrun.errors import UserError

PUBLISHED = (1.5e-4, 2e-5, 3)  # mean, deviation, seeds


def verdict(ours, published=PUBLISHED, margin=1.5) -> str:
    """Of a summary, or of a list of seeds."""
    summary = isinstance(ours, tuple)
    own = of_summary(*ours, scale="ratio") if summary else of_seeds(ours, "ratio")
    apart = (own - of_summary(*published, scale="ratio")).interval()
    return word(apart, margin_of(margin, "ratio"))


def test_an_interval_by_hand():
    """Logarithms 1, 2, 3 beside a mean 0.5 with squared error 2/3 of 2 seeds.

    The mean is 2, its squared error 1/3 with 2 degrees of freedom. Together 1, with
    1² / ((1/3)²/2 + (2/3)²/1) = 1 / (1/18 + 8/18) = 2: t is 4.302653.
    """
    ours, theirs = of_seeds(np.exp([1.0, 2, 3]), "ratio"), Estimate(0.5, ((2 / 3, 1),))
    half = 4.302653
    expected = (1.5, 1.5 - half, 1.5 + half)
    np.testing.assert_allclose((ours - theirs).interval(), expected, rtol=1e-6)
    plain = of_seeds([1.0, 2, 3], "difference") - theirs
    np.testing.assert_allclose(plain.interval(), expected, rtol=1e-6)
    read = written((ours - theirs).interval(), "ratio")
    np.testing.assert_allclose(read, np.exp(expected), rtol=1e-6)


def test_published_moments_are_those_of_logarithms():
    """Mean 1 and deviation sqrt(e - 1): the logarithm has variance 1 and mean -1/2."""
    found = of_summary(1.0, math.sqrt(math.e - 1), 4, "ratio")
    assert found.value == pytest.approx(-0.5)
    assert found.errors == ((pytest.approx(1 / 4), 3),)
    assert of_summary(0.7, 0.2, 4, "difference").errors == ((pytest.approx(0.01), 3),)


@pytest.mark.parametrize(
    ("ours", "words"),
    [
        ((2.5e-3, 1.2e-3, 3), "higher"),  # 15 times, 5.4 to 42
        ([1.3e-3, 2.5e-3, 3.7e-3], "higher"),  # the same mean and deviation
        ((1.0e-3, 5e-4, 3), "higher"),  # 6 times, 2.1 to 18
        ([0.5e-3, 1.0e-3, 1.5e-3], "higher"),
        ((3.0e-4, 9e-5, 3), "higher"),  # 1.9 times, 1.04 to 3.6
        ((1.5e-4, 2e-5, 3), "reproduced"),  # 0.74 to 1.35
        ((1.5e-4, 2e-4, 3), "undecided"),  # the same mean, of which little is known
        ((1.9e-4, 2e-5, 3), "undecided"),  # 1.27 times, 0.96 to 1.68
        ((2.0e-4, 2e-5, 3), "higher"),  # 1.34 times, 1.02 to 1.76
        ((1.0e-4, 1e-5, 3), "lower"),
        ([1.5e-4], "undecided"),  # one seed, the same number
        ((1.5e-4, 2e-5, 1), "undecided"),
        ([1.5e-4, 1.6e-4, math.inf], "higher"),  # a seed diverged
        ([math.inf], "undecided"),
    ],
)
def test_verdicts_by_hand(ours, words):
    assert verdict(ours) == words


def test_more_spread_never_makes_a_reproduction():
    for mean in (1.5e-4, 1.9e-4, 3e-4, 2.5e-3):
        found = [verdict((mean, mean * s, 3)) for s in (0.01, 0.1, 0.3, 1.0, 3.0)]
        first = found.index("reproduced") if "reproduced" in found else 0
        assert first == 0  # once lost, it does not come back
        assert found[-1] == "undecided"


def test_what_is_not_known_of_the_published_leaves_it_undecided():
    assert verdict((1.5e-4, 1e-6, 9), (1.5e-4, math.nan, 3)) == "undecided"
    assert verdict((1.5e-4, 1e-6, 9), (1.5e-4, 2e-5, 0)) == "undecided"


def test_the_margin_decides():
    assert verdict((1.5e-4, 2e-5, 3), margin=1.3) == "undecided"
    assert verdict((3.0e-4, 9e-5, 3), margin=4) == "reproduced"


def claimed(ours: dict, entry: dict | None = None, /, **values) -> dict[str, Number]:
    """The claims of a cube by their labels."""
    cube = mock_cubes.in_distribution(**mock_cubes.published(None, entry, **values))
    seeds = {name: np.array(each) for name, each in ours.items()}
    words = comparison.LESS_IS_BETTER
    return {n.model: n for n in comparison.claims(cube, seeds, "MSE", words)}


OURS = {"grnn": [2.0, 4, 8], "fernn_v1": [1.0, 1, 1], "fernn_v2": [0.02, 0.04, 0.08]}


def test_the_claim_is_the_ratio_of_models_paired_over_seeds():
    """Ours is 1/100 in every seed, whatever the seeds are; published is 1/100."""
    found = claimed(OURS, grnn=(1.0, 0.05), fernn_v2=(0.01, 0.0005))
    assert [*found] == ["FERNN-V2 over G-RNN"]
    claim = found["FERNN-V2 over G-RNN"]
    assert (claim.mean, claim.published_mean) == (pytest.approx(0.01),) * 2
    assert claim.verdict == "reproduced" and claim.apart == pytest.approx(1)
    # Neither number is: each of ours spreads by a factor 4.
    assert verdict(OURS["grnn"], (1.0, 0.05, 3)) != "reproduced"
    # And a claim fails where both are 3 times apart in opposite senses.
    other = claimed(OURS, grnn=(9.0, 0.1), fernn_v2=(0.01, 0.0001))
    assert other["FERNN-V2 over G-RNN"].verdict == "worse"
    other = claimed(OURS, grnn=(1.0, 0.01), fernn_v2=(0.1, 0.001))
    assert other["FERNN-V2 over G-RNN"].verdict == "better"


def test_what_a_claim_is_against_is_written_or_the_reference():
    known = {"grnn": (1.0, 0.1), "fernn_v1": (1.0, 0.1), "fernn_v2": (0.01, 0.001)}
    over = {"FERNN-V1 over G-RNN", "FERNN-V2 over G-RNN"}
    assert claimed(OURS, **known).keys() == over
    found = claimed(OURS, {"against": "fernn_v1"}, **known)
    assert found.keys() == {"G-RNN over FERNN-V1", "FERNN-V2 over FERNN-V1"}
    # One seed, and both networks diverged.
    one = {name: each[:1] for name, each in OURS.items()}
    assert {n.verdict for n in claimed(one, **known).values()} == {"undecided"}
    both = {name: [1.0, 1.0, math.inf] for name in OURS}
    assert {n.verdict for n in claimed(both, **known).values()} == {"undecided"}


def test_accuracies_are_compared_by_their_difference():
    entry = {"scale": "difference", "margin": 0.05}
    known = {"grnn": (0.6, 0.01), "fernn_v2": (0.7, 0.01)}
    ours = {"grnn": [0.7, 0.8, 0.9], "fernn_v2": [0.8, 0.9, 1.0]}
    claim = claimed(ours, entry, **known)["FERNN-V2 minus G-RNN"]
    assert claim.mean == pytest.approx(0.1) and claim.std == pytest.approx(0)
    assert claim.published_std == pytest.approx(0.01 * 2**0.5)
    assert claim.verdict == "reproduced"


def test_differing_settings_are_named_and_nothing_is_compared():
    differs = [[f"model.{key}", 1, 2] for key in "abcde"]
    known = {"grnn": (1.0, 0.1), "fernn_v2": (0.01, 0.001)}
    cube = mock_cubes.in_distribution(**mock_cubes.published(differs, **known))
    seeds = {name: np.array(each) for name, each in OURS.items()}
    words = "not comparable: model.a 1 ≠ 2, model.b 1 ≠ 2, model.c 1 ≠ 2, 2 more"
    for claim in comparison.claims(cube, seeds, "MSE", {}):
        assert claim.verdict == words and math.isnan(claim.apart)
    models = json.loads(cube.attrs["models"])
    models["fernn_v2"]["differs"] = []  # the model that it is compared with still does
    one = cube.assign_attrs(models=json.dumps(models))
    assert [c.verdict for c in comparison.claims(one, seeds, "MSE", {})] == [words]
    note = comparison.notes([cube])[-1]
    assert all(f"model.{key} 1 ≠ 2" in note for key in "abcde")


def test_a_cube_of_an_earlier_version_is_told():
    cube = mock_cubes.in_distribution(published='{"name": "a", "source": []}')
    about = {"published": {"mean": 1.0, "std": None}}
    with pytest.raises(UserError, match=r"says no scale.*combine it again"):
        comparison.beside_published(cube, about, np.ones(3), {})
