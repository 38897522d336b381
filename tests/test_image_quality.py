"""The field's numbers of a predicted frame, worked out by hand."""

import math

import numpy as np
import pytest
import torch

from fernn.evaluation import image_quality
from fernn.evaluation.image_quality import quality
from fernn.evaluation.subject import Subject


def flat(*values, size=64):
    return torch.tensor(values)[:, None, None, None].expand(-1, 1, size, size)


def test_flat_frames_by_hand():
    """Frames of 0.5 predicted as 0.25: no structure, so SSIM compares the means.

    It is (2 · 0.25 · 0.5 + c) / (0.25² + 0.5² + c) with c = 0.01².
    """
    found = quality(flat(0.25, 0.5), flat(0.5, 0.5)).T
    ssim = (0.25 + 1e-4) / (0.3125 + 1e-4)
    psnr = 10 * math.log10(1 / 0.0625)
    expected = torch.tensor([0.0625 * 4096, 0.25 * 4096, ssim, psnr])
    torch.testing.assert_close(found[0], expected)
    torch.testing.assert_close(found[1], torch.tensor([0, 0, 1, math.inf]))


@pytest.mark.law("evaluation/image_quality")
def test_one_pixel_by_hand():
    """A pixel off by 0.5 in a frame of 16×16: sums 0.25 and 0.5, 30.1 dB."""
    true = torch.zeros(1, 1, 16, 16)
    predicted = true.clone()
    predicted[0, 0, 3, 4] = -0.5
    mse, mae, ssim, psnr = quality(predicted, true)[:, 0].tolist()
    assert (mse, mae) == (0.25, 0.5)
    assert (ssim, psnr) == (1, math.inf)  # clamped, it is the truth
    predicted[0, 0, 3, 4] = 0.5
    mse, mae, ssim, psnr = quality(predicted, true)[:, 0].tolist()
    assert (mse, mae) == (0.25, 0.5) and ssim < 0.999
    assert psnr == pytest.approx(10 * math.log10(256 / 0.25))


def test_it_is_measured_frame_by_frame(sequences):
    """Of the copied last frame, against the mean squared error of the frames."""
    split = sequences(sequences=10)
    subject = Subject(None, {"kind": "persistence", "motion": "still"}, split)
    cube = image_quality.measure(subject, {"context": 3, "horizon": 4, "batch": 4})
    video = split.video(0, 10, 7)[:, :, 0].double()
    apart = video[:, 3:] - video[:, 2:3]
    np.testing.assert_allclose(cube.mse, apart.square().sum((2, 3)), rtol=1e-5)
    np.testing.assert_allclose(cube.mae, apart.abs().sum((2, 3)), rtol=1e-5)
    np.testing.assert_allclose(
        cube.psnr, -10 * apart.square().mean((2, 3)).log10(), rtol=1e-5
    )
    assert cube.ssim.max() < 1 and cube.frame.values.tolist() == [1, 2, 3, 4]
    assert {cube[name].dims for name in cube} == {("sample", "frame")}
