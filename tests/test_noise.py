"""Noise in the observed frames, and none in the frames that a forecast is held to."""

import numpy as np
import pytest
import torch

from fernn.data.flowing_digits import Sequences
from fernn.evaluation import noise, squared_error
from fernn.evaluation.subject import Subject

COPY = {"kind": "persistence", "motion": "still"}
SPEC = {"context": 3, "horizon": 2, "batch": 4}


@pytest.fixture
def subject(atlas, recipe):
    """A copy of the last frame, of digits that rest: its error is the noise alone."""
    made = recipe(pool="test", split="noise", sequences=6, max_speed=0, frames=5)
    return Subject(None, COPY, Sequences(made, atlas))


@pytest.mark.law("evaluation/noise")
def test_the_error_of_a_copy_is_the_variance_of_the_noise(subject):
    found = noise.measure(subject, SPEC)
    assert found["squared_error"].dims == ("noise", "sample", "frame")
    mean = found["squared_error"].mean(("sample", "frame"))
    assert float(mean[0]) == 0
    variance = np.square(noise.LEVELS[1:])
    assert mean.values[1:] == pytest.approx(variance, rel=0.2)
    # the same noise times the level, and frames that are not noisy themselves
    ratio = found["squared_error"][1] / found["squared_error"][2]
    assert ratio.values == pytest.approx((noise.LEVELS[1] / noise.LEVELS[2]) ** 2)


@pytest.mark.law("evaluation/squared_error")
def test_without_noise_it_is_the_squared_error(subject):
    plain = squared_error.measure(subject, SPEC)
    found = noise.measure(subject, SPEC).sel(noise=0, drop=True)
    assert found.identical(plain)


def test_noise_is_of_a_sequence_and_not_of_its_batch(subject):
    one = noise.measure(subject, SPEC)
    other = noise.measure(subject, {**SPEC, "batch": 5})
    np.testing.assert_allclose(one["squared_error"], other["squared_error"])
    assert not torch.equal(*(noise_of(subject, sample) for sample in (0, 1)))


def noise_of(subject, sample):
    noisy = noise.Noisy(None, COPY, subject.sequences)
    return noisy._noise(torch.zeros(3, 1, 7, 7), sample)
