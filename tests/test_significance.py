"""Tests of differences, by hand: few persons mean wide intervals."""

import numpy as np
import pytest

import mock_cubes
from fernn.evaluation import classification, significance
from fernn.evaluation.cubes import combine, shard
from fernn.evaluation.subject import Subject
from fernn.tables import action_recognition
from mock_clips import sequences


def test_mcnemar_by_hand():
    # 5 and 1 discordant of 6: p = 2 (C(6,0) + C(6,1)) / 64 = 14/64
    one = np.array([True] * 5 + [False] + [True] * 4)
    other = np.array([False] * 5 + [True] + [True] * 4)
    assert significance.mcnemar(one, other) == pytest.approx(14 / 64)
    assert significance.mcnemar(other, one) == pytest.approx(14 / 64)
    assert significance.mcnemar(one, one) == 1.0


def test_holm_by_hand():
    # sorted 0.01, 0.03, 0.04: 3·0.01, 2·0.03, max(0.06, 0.04)
    assert significance.holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert significance.holm([0.9, 0.8]) == [1.0, 1.0]


def test_clips_of_one_person_count_as_one():
    """The same differences are sure if persons agree, not if one person has them."""
    person = np.repeat(np.arange(5), 20)
    shared = np.tile([1.0, 1, 0, 0, 0], 20)
    alone = np.where(person < 2, 1.0, 0.0)
    assert shared.mean() == alone.mean() == 0.4
    wide = significance.clustered_bootstrap(alone, person)
    narrow = significance.clustered_bootstrap(shared, person)
    assert narrow.low == pytest.approx(0.4) and narrow.high == pytest.approx(0.4)
    assert wide.low == 0.0 and wide.high == pytest.approx(0.8)
    # every draw is above 0: the least p-value that five persons can give
    assert narrow.p == pytest.approx(2 / 5**5) and wide.p > 0.05
    assert significance.clustered_bootstrap(shared - 0.4, person).p == 1.0


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
    assert row.low <= row.difference <= row.high
    still = cube.correct.sel(model="fernn_v2")[:, :20]
    assert row.accuracy_mean == pytest.approx(float(still.mean()))
    assert np.isnan(table.loc["G-RNN"].p) and row.verdict == "not published"
    entry = {"scale": "difference", "margin": 0.025}
    known = mock_cubes.published(None, entry, fernn_v2=(0.5, 0.01))
    published = mock_cubes.camera(**known)
    verdicts = action_recognition.tabulate([published]).set_index("model").verdict
    assert verdicts["FERNN-V2"] == "better" and verdicts["FERNN-V1"] == "not published"
