"""What a model holds to be likely of a latent variable: a Gaussian of each number."""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

Latent = Float[Tensor, "batch *numbers"]


class Belief(NamedTuple):
    """A Gaussian, of each number of a latent variable."""

    mean: Latent
    log_std: Latent

    def drawn(self, noise: Latent | None) -> Latent:
        """The mean, or with standard normal noise a draw."""
        return self.mean if noise is None else self.mean + self.log_std.exp() * noise


def divergence(q: Belief, p: Belief) -> Latent:
    """KL(q‖p) of each number."""
    wider = q.log_std - p.log_std
    apart = (q.mean - p.mean) * (-p.log_std).exp()
    return ((2 * wider).exp() + apart.square() - 1) / 2 - wider
