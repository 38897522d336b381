r"""What surprised a PV-RNN is found by descent, before it forecasts.

With all weights fixed, the variables A of the last frames that were observed are moved
to lower :math:`\tfrac1n \sum_t \lVert f_t - \hat f_t \rVert^2 + w\,\mathrm{KL}(q\|p)`,
from those that the model infers. The forecast then follows the prior, from the state to
which they lead: error regression.

Source: A. Ahmadi, J. Tani, 2019, arXiv 1811.01339.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fernn.models.pvrnn import Frame, PvRnn, Video
from labrun.errors import UserError

NEUTRAL = {"steps": 0}
MODELS = ("pvrnn",)


def objection(
    *, steps: int = 20, window: int = 5, rate: float = 0.1, weight: float = 0.01
) -> str | None:
    """Refuse options out of range: the reason in one line, or None."""
    if steps < 0:
        return f"steps must not be negative, got {steps}"
    if window < 1:
        return f"window must be one frame or more, got {window}"
    if not rate > 0:
        return f"rate must be positive, got {rate}"
    return f"weight must not be negative, got {weight}" if weight < 0 else None


class Regressed(nn.Module):
    """A PV-RNN that corrects what it inferred of the last frames."""

    def __init__(
        self, model: PvRnn, steps: int, window: int, rate: float, weight: float
    ):
        super().__init__()
        self.model, self.steps, self.window = model, steps, window
        self.rate, self.weight = rate, weight

    def energy(
        self, video: Video, state: Tensor | None, added: Tensor
    ) -> Float[Tensor, ""]:
        """The error of frames and w times the divergence, summed over sequences."""
        course = self.model.follow(video, state, added=added)
        found = torch.stack([self.model.decoder(d) for d in course.features], dim=1)
        error = (found - video).square().mean()
        return len(video) * (error + self.weight * course.divergence)

    def added(self, video: Video, state: Tensor | None) -> Tensor:
        """A of the last frames, from h before them."""
        with torch.no_grad():
            added = self.model.follow(video, state).added
        with torch.enable_grad():
            added.requires_grad_()
            optimiser = torch.optim.Adam([added], self.rate)
            for _ in range(self.steps):
                energy = self.energy(video, state, added)
                (added.grad,) = torch.autograd.grad(energy, added)
                optimiser.step()
        return added.detach()

    def predict(self, video: Video, horizon: int) -> Iterator[Frame]:
        """The predicted frames one by one; raises as the model's own."""
        before, last = video[:, : -self.window], video[:, -self.window :]
        forecast = self.model.predict(video, horizon)  # checks what it is given
        if not self.steps:
            return forecast
        state = None
        with torch.no_grad():
            if before.shape[1]:
                state = self.model.follow(before).state
            added = self.added(last, state)
            return self.model.imagine(
                self.model.follow(last, state, added=added).state, horizon
            )

    def forward(
        self, video: Video, horizon: int
    ) -> Float[Tensor, "batch frames 1 height width"]:
        """The `horizon` frames after the observed ones; raises as `predict`."""
        return torch.stack(list(self.predict(video, horizon)), dim=1)


def treat(
    model: nn.Module,
    *,
    steps: int = 20,
    window: int = 5,
    rate: float = 0.1,
    weight: float = 0.01,
) -> nn.Module:
    """A PV-RNN that regresses errors; the model itself is not changed.

    Args:
        model: a PV-RNN.
        steps: of Adam.
        window: last frames whose A is found.
        rate: of Adam.
        weight: w.

    Raises:
        UserError: the model is no PV-RNN.
    """
    if not isinstance(model, PvRnn):
        raise UserError(
            f"treatment error_regression: needs a pvrnn, got a {type(model).__name__}"
        )
    return Regressed(model, steps, window, rate, weight)
