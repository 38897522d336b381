"""Frames, flows and errors for tests of rotations."""

import torch

from fernn import flows

EXACT = 1e-12
QUARTERS = [0, 90, 180, 270]


def rotation(orientations=8, **options):
    options = options or {"velocities": QUARTERS}
    return flows.build({"kind": "rotation", "orientations": orientations, **options}, 9)


def signal(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


def blob(size=21):
    """A smooth frame that vanishes near the border."""
    place = torch.linspace(-2.5, 2.5, size, dtype=torch.float64)
    rows, columns = place[:, None], place
    return torch.exp(-2 * ((rows - 0.7) ** 2 + (columns - 0.3) ** 2))[None, None]


def error(found, expected):
    return ((found - expected).norm() / expected.norm()).item()
