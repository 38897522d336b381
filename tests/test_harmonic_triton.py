"""The harmonic convolution's kernels, run as Python, compute what it does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from fernn import models
from fernn.cells.flow_equivariant.triton import KernelConvolution, TritonComovingCell
from fernn.flows._regular import RegularConvolution
from labrun.errors import UserError
from turning import EXACT, error, signal


@pytest.mark.parametrize(
    ("orientations", "basis", "kernel", "inputs", "outputs", "shape"),
    [
        (4, "gauss", 5, 3, 2, (1, 5, 7)),
        (5, "rings", 3, 17, 1, (2, 3, 4)),
        pytest.param(8, "rings", 3, 2, 33, (1, 11, 13), marks=pytest.mark.minutes),
        pytest.param(5, "gauss", 5, 1, 4, (1, 1, 9), marks=pytest.mark.minutes),
        pytest.param(4, "rings", 3, 35, 66, (1, 3, 3), marks=pytest.mark.minutes),
    ],
)
def test_the_kernels_are_exact(orientations, basis, kernel, inputs, outputs, shape):
    """Blocks that pixels, channels and rows do not fill, or overflow; odd N."""
    options = inputs, outputs, kernel, orientations, basis
    harmonic = RegularConvolution(*options, "harmonic").double()
    kernels = KernelConvolution(*options).double()
    kernels.load_state_dict(harmonic.state_dict())
    images, *frame = shape
    state = signal(images, inputs * orientations, *frame).requires_grad_()
    expected, found = harmonic(state), kernels(state)
    assert error(found, expected) < EXACT
    direction = signal(*expected.shape, seed=1)
    gradients = [
        torch.autograd.grad(output, (state, part.weight), direction)
        for output, part in ((expected, harmonic), (found, kernels))
    ]
    for true, made in zip(*gradients, strict=True):
        assert error(made, true) < EXACT
    with torch.no_grad():
        kernels.weight[-1] *= -1  # of the highest order: it would be noticed
    assert error(kernels(state), expected) > 0.05


def made(execution, velocity=90):
    """A forecaster, its predictions, and the gradients of its weights."""
    torch.manual_seed(0)
    flow = {"kind": "rotation", "orientations": 4, "basis": "rings"}
    flow["velocities"] = [velocity]
    spec = {"kind": "forecaster", "flow": flow, "hidden": 2, "decoder_layers": 1}
    model = models.build({**spec, "execution": execution, "rollout": "repeat"}, 5)
    predicted = model.double()(signal(1, 2, 1, 5, 5), 1)
    weights = list(model.parameters())
    gradients = torch.autograd.grad(predicted.square().sum(), weights)
    return model, [predicted.detach(), *gradients]


def test_a_forecaster_is_the_co_moving_one():
    model, found = made("triton")
    assert type(model.cell) is TritonComovingCell
    kinds = [type(part) for part in model.modules() if hasattr(part, "form")]
    assert kinds == 2 * [KernelConvolution]  # of the cell and of the decoder
    plain, expected = made("comoving")
    assert model.state_dict().keys() == plain.state_dict().keys()
    for one, other in zip(expected, found, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-11, atol=1e-12)
        assert one.abs().max() > 0
    assert error(made("comoving", -90)[1][0], expected[0]) > 1e-2


@pytest.mark.parametrize(
    ("kind", "precision"),
    [(RegularConvolution, torch.bfloat16), (KernelConvolution, torch.float16)],
)
def test_mixed_precision_takes_any_signal(kind, precision):
    """Also in single precision, as the bank does; numpy knows no bfloat16."""
    part = kind(2, 2, 3, 4, "rings")
    part.form = "harmonic"
    state = signal(1, 8, 5, 5).float().requires_grad_()
    with torch.autocast("cpu", precision):
        rough = part(state)
    assert rough.dtype == precision
    pairs = [(rough.float(), part(state))]
    inputs = state, part.weight
    gradients = [torch.autograd.grad(y.square().sum(), inputs) for y in pairs[0]]
    pairs += zip(*gradients, strict=True)
    assert all(1e-5 < error(found, exact) < 2e-2 for found, exact in pairs)


def test_it_needs_a_gpu_to_compute_and_none_to_count(monkeypatch):
    part = KernelConvolution(2, 3, 3, 4, "rings")
    state = torch.zeros(1, 8, 5, 5)
    assert part.to("meta")(state.to("meta")).shape == (1, 12, 5, 5)
    part = KernelConvolution(2, 3, 3, 4, "rings")
    monkeypatch.delenv("TRITON_INTERPRET")
    with pytest.raises(UserError, match="'triton' needs a GPU; use execution 'comov"):
        part(state)


def test_a_refused_rotation_is_told_which_execution_it_is():
    flow = {"kind": "rotation", "orientations": 4, "max_speed": 1}
    spec = {"kind": "forecaster", "flow": flow, "execution": "fused"}
    with pytest.raises(UserError, match=r"execution 'fused' shifts .* Rotation"):
        models.build(spec, 5)


@pytest.mark.minutes
def test_every_kernel_compiles_for_a_gpu(tmp_path):
    """What runs as Python may be no kernel. Tensor cores help if digits allow it."""
    pytest.importorskip("triton")
    environment = {**os.environ, "TRITON_CACHE_DIR": str(tmp_path)}
    del environment["TRITON_INTERPRET"]
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("kernels.py")],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = {tuple(line.split()) for line in done.stdout.splitlines()}
    for kernel in ("_convolve", "_mix", "_matrix_gradient"):
        assert (kernel, "*bf16", "True") in told
        assert {(kernel, "*fp32", tf32) for tf32 in ("False", "True")} <= told
