"""Tests of differences, by hand: seeds are the units; few mean wide intervals."""

import numpy as np
import pytest
import xarray as xr

import mock_cubes
from fernn.evaluation import classification, significance
from fernn.evaluation.cubes import combine, shard
from fernn.evaluation.subject import Subject
from fernn.tables import action_recognition
from mock_clips import sequences

HALF = 4.302653 / 3**0.5  # of an interval of three seeds, in standard deviations


def seeds(*values, names=None) -> xr.DataArray:
    names = range(len(values)) if names is None else names
    return xr.DataArray(np.array(values, float), {"seed": [*names]}, "seed")


def test_a_ratio_of_three_seeds_by_hand():
    """Ratios 2, 4 and 8: logarithms ln 2 · (1, 2, 3), of mean 2 ln 2 and s = ln 2.

    Of the eight choices of signs, only all positive and all negative have a sum as far
    from zero: p = 2/8. Of ln 2 · (-1, 2, 3) it is 4, and 6 is farther: p = 4/8.
    """
    found = significance.ratio(seeds(2, 4, 16), seeds(1, 1, 2))
    assert (found.p, found.least_p) == (0.25, 0.25)
    sizes = [found.size, found.low, found.high]
    np.testing.assert_allclose(sizes, [4, 4 * 2**-HALF, 4 * 2**HALF], rtol=1e-6)
    assert significance.ratio(seeds(1, 4, 16), seeds(2, 1, 2)).p == 0.5
    back = significance.ratio(seeds(1, 1, 2), seeds(2, 4, 16))
    assert (back.size, back.p) == (pytest.approx(0.25), 0.25)


def test_a_difference_of_three_seeds_by_hand():
    found = significance.difference(seeds(0.6, 0.8, 1), seeds(0.5, 0.6, 0.7))
    sizes = [found.size, found.low, found.high]
    np.testing.assert_allclose(
        sizes, [0.2, 0.2 - HALF / 10, 0.2 + HALF / 10], rtol=1e-6
    )
    assert significance.difference(seeds(1, 2), seeds(1, 2)).p == 1


def test_seeds_are_paired_by_name():
    """Pairs of other seeds have the same mean, and another interval."""
    own, other = seeds(1, 10, 100), seeds(2, 20, 200)
    found = significance.ratio(own, other)
    assert found.low == pytest.approx(0.5) and found.high == pytest.approx(0.5)
    turned = significance.ratio(own, seeds(200, 20, 2, names=[2, 1, 0]))
    assert turned == found
    crossed = significance.ratio(own, seeds(200, 20, 2))
    assert crossed.size == pytest.approx(0.5) and crossed.low < 0.01


@pytest.mark.parametrize(
    ("count", "least"), [(1, 1), (2, 0.5), (5, 1 / 16), (10, 2**-9)]
)
def test_no_p_is_below_what_the_seeds_can_carry(count, least):
    """However large and equal the differences are."""
    found = significance.ratio(seeds(*[1e-9] * count), seeds(*[1.0] * count))
    assert (found.p, found.least_p) == (least, least)
    assert np.isnan(found.low) == (count == 1)


def test_more_seeds_than_signs_can_be_tried_for_are_drawn():
    found = significance.difference(seeds(*[1] * 40), seeds(*[0] * 40))
    assert found.p == found.least_p == pytest.approx(2 / 10001)


@pytest.mark.parametrize("value", [np.inf, np.nan, 0])
def test_without_a_finite_logarithm_there_is_no_ratio(value):
    assert significance.ratio(seeds(1, value), seeds(1, 2)) is None
    assert significance.ratio(seeds(1, 2), seeds(1, value)) is None


def test_holm_by_hand():
    # sorted 0.01, 0.03, 0.04: 3·0.01, 2·0.03, max(0.06, 0.04)
    assert significance.holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert significance.holm([0.9, 0.8]) == [1.0, 1.0]


def test_what_is_not_tested_is_not_of_the_family():
    effects = {n: significance.Effect(2, 1, 3, 0.01, 0.001) for n in ("a", "c")}
    found = significance.columns({"a": effects["a"], "b": None, "c": effects["c"]}, "x")
    assert [*found["b"]] == ["x", "low", "high", "p", "least_p"]
    assert np.isnan([*found["b"].values()]).all()
    assert found["a"] == {"x": 2, "low": 1, "high": 3, "p": 0.02, "least_p": 0.001}


def test_clips_of_one_person_count_as_one():
    """The same differences are sure if persons agree, not if one person has them."""
    person = np.repeat(np.arange(5), 20)
    shared = np.tile([1.0, 1, 0, 0, 0], 20)
    alone = np.where(person < 2, 1.0, 0.0)
    assert shared.mean() == alone.mean() == 0.4
    assert significance.over_persons(shared, person) == pytest.approx((0.4, 0.4))
    assert significance.over_persons(alone, person) == pytest.approx((0, 0.8))
    assert np.isnan(significance.over_persons(shared[:20], person[:20])).all()


def test_what_a_constant_model_gets_right():
    """The statistic of a model that always says class 2, through shard and cube."""

    class Constant:
        def __call__(self, video):
            logits = video.new_zeros(len(video), 6)
            logits[:, 2] = 1.0
            return logits

    subject = Subject(None, None, sequences(split="camera", pool="test"))
    subject.__dict__["model"] = Constant()
    parts = [classification.measure(subject, {"context": 4, "batch": 7})] * 2
    joined = [shard(parts, [0, 1], name) for name in ("one", "two")]
    cube = combine(joined, {"title": "t"})
    assert cube.correct.dims == ("model", "seed", "sample")
    labels = subject.sequences.labels(0, 40).numpy()
    np.testing.assert_array_equal(cube.correct[1, 0], labels == 2)
    assert (cube.predicted == 2).all() and cube.attrs["source"] == "random"
    # logits 1 and five zeros
    own = np.where(labels == 2, 1, 0) - np.log(np.e + 5)
    np.testing.assert_allclose(cube.log_probability[0, 1], own, rtol=1e-6)
    for name in classification.COPIED:
        assert cube[name].dims == ("sample",) and name in cube.coords


def test_the_table_compares_with_the_grnn():
    cube = mock_cubes.camera(max_speed=0)
    table = action_recognition.tabulate([cube]).set_index("model")
    correct = cube.correct.mean("seed")
    own, base = (correct.sel(model=name) for name in ("fernn_v2", "grnn"))
    row = table.loc["FERNN-V2"]
    assert row.difference == pytest.approx(float((own - base).mean()))
    apart = (cube.correct.sel(model="fernn_v2") - cube.correct.sel(model="grnn")).mean(
        "sample"
    )
    half = HALF * float(apart.std(ddof=1))
    assert [row.low, row.high] == pytest.approx(
        [row.difference - half, row.difference + half]
    )
    assert row.p == 2 * 0.25  # of two comparisons, and no seed differs in sign
    still = cube.correct.sel(model="fernn_v2")[:, :20]
    assert row.accuracy_mean == pytest.approx(float(still.mean()))
    assert np.isnan(table.loc["G-RNN"].p) and row.verdict == "not published"
    entry = {"scale": "difference", "margin": 0.025}
    known = mock_cubes.published(None, entry, fernn_v2=(0.5, 0.01))
    published = mock_cubes.camera(**known)
    verdicts = action_recognition.tabulate([published]).set_index("model").verdict
    assert verdicts["FERNN-V2"] == "better" and verdicts["FERNN-V1"] == "not published"
