r"""PV-RNN: a convolutional network whose surprises are latent variables.

.. math::
   h_t &= (1 - 1/\tau) h_{t-1} + (W * d_{t-1} + Z * z_t + b)/\tau, \qquad
   d_t = \tanh h_t, \qquad \hat f_t = \mathrm{Dec}(d_t) \\
   p:\; z_t &\sim N(\tanh m_t, e^{2 s_t}), \qquad (m_t, s_t) = P * d_{t-1} \\
   q:\; z_t &\sim N(\tanh(m_t + A^m_t), e^{2 (s_t + A^s_t)})

Frames enter by the posterior q alone; a forecast follows the prior p. The paper has one
pair A for each sequence and time of its training data. Here data are drawn without end,
so a network infers them, :math:`A_t = \mathrm{Enc}(f_t, d_{t-1})`; the treatment
``error_regression`` finds those of a test sequence by descent, as the paper does.
Before the first frame d is zero, so p is N(0, 1) there.

Training minimises the error of all frames under q plus w times KL(q‖p), the strategies
``variational`` and ``extra_loss``. A forecast takes the means of p, or draws from it.
On a torus predictions move with a static shift of the frames; with zero padding they do
not. None moves with a flow.

Source: A. Ahmadi, J. Tani, 2019, arXiv 1811.01339.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fernn.cells import check_video
from fernn.flows import Size
from fernn.models._belief import Belief, divergence
from fernn.models._options import Boundary, check_horizon
from fernn.models._recurrent import (
    CHANNELS,
    Features,
    Frame,
    convolution,
    decoder,
    zeros_like,
)
from fernn.velocities import whole
from labrun.errors import UserError

WIDTHS = ("hidden", "decoder_hidden")  # the second in finer steps
Video = Float[Tensor, "batch time 1 height width"]
Latent = Float[Tensor, "batch latent height width"]
Latents = Float[Tensor, "batch time latents height width"]


class Course(NamedTuple):
    """What following some frames gave.

    Attributes:
        state: h after the last.
        features: d of each, which is decoded.
        divergence: KL(q‖p), a mean over all latent numbers of all frames.
        added: A of each frame.
    """

    state: Features
    features: list[Features]
    divergence: Float[Tensor, ""]
    added: Latents


class PvRnn(nn.Module):
    """One layer of the network above, and a decoder.

    Args:
        hidden: channels of h.
        latent: channels of z.
        tau: τ, in frames; at least 1.
        kernel: of all convolutions but the decoder's, pixels.
        decoder_layers: hidden layers of the decoder.
        boundary: ``circular`` or ``zero``.
        decoder_hidden: channels of the decoder's hidden layers; None for `hidden`.

    Attributes:
        collects: whether `extra_loss` is asked for.

    Raises:
        UserError: an unknown boundary, or a number that is none or too small.
    """

    collects = False

    def __init__(
        self,
        hidden: int = 64,
        latent: int = 2,
        tau: float = 2.0,
        kernel: int = 3,
        decoder_layers: int = 4,
        boundary: Boundary = "circular",
        decoder_hidden: int | None = None,
    ):
        super().__init__()
        if not tau >= 1:
            raise UserError(f"tau must be at least one frame, got {tau}")
        whole(latent, "latent must be positive", least=1)
        self.hidden, self.latent, self.tau = hidden, latent, tau
        self.recur = convolution(hidden, hidden, kernel, boundary)
        self.drive = convolution(latent, hidden, kernel, boundary, bias=False)
        self.prior = convolution(hidden, 2 * latent, kernel, boundary, bias=False)
        self.infer = nn.Sequential(
            convolution(CHANNELS + hidden, hidden, kernel, boundary),
            nn.ReLU(),
            convolution(hidden, 2 * latent, kernel, boundary),
        )
        sizes = hidden, decoder_layers, CHANNELS, 3
        self.decoder = decoder(*sizes, boundary, True, decoder_hidden)
        self._divergence: Tensor | None = None  # of the newest forward pass with noise

    def latent_shape(self, height: int, width: int) -> tuple[int, ...]:
        """Of z, for frames of so many pixels."""
        return self.latent, height, width

    def belief(self, d: Features, added: Tensor | float = 0.0) -> Belief:
        """The prior after the features d; with A, the posterior."""
        mean, log_std = (self.prior(d) + added).chunk(2, dim=1)
        return Belief(mean.tanh(), log_std)

    def advance(self, state: Features, z: Latent) -> Features:
        """The next h."""
        new = self.recur(state.tanh()) + self.drive(z)
        return state + (new - state) / self.tau

    def follow(
        self,
        video: Video,
        state: Features | None = None,
        noise: Latents | None = None,
        added: Latents | None = None,
    ) -> Course:
        """Follow frames by q, from h after the frames before; without noise, by means.

        Args:
            video: the frames.
            state: h; None before the first frame.
            noise: standard normal.
            added: A in place of the inferred one.
        """
        h = zeros_like(video[:, 0], self.hidden) if state is None else state
        features, found, apart = [], [], []
        for time, frame in enumerate(video.unbind(1)):
            d = h.tanh()
            if added is None:
                found.append(self.infer(torch.cat([frame, d], dim=1)))
            else:
                found.append(added[:, time])
            q = self.belief(d, found[-1])
            apart.append(divergence(q, self.belief(d)).mean())
            h = self.advance(h, q.drawn(None if noise is None else noise[:, time]))
            features.append(h.tanh())
        return Course(h, features, torch.stack(apart).mean(), torch.stack(found, 1))

    def imagine(
        self, state: Features, horizon: int, noise: Latents | None = None
    ) -> Iterator[Frame]:
        """The frames that p expects after h, or with noise draws."""
        for time in range(horizon):
            z = self.belief(state.tanh()).drawn(
                None if noise is None else noise[:, time]
            )
            state = self.advance(state, z)
            yield self.decoder(state.tanh())

    def predict(self, video: Video, horizon: int) -> Iterator[Frame]:
        """The predicted frames one by one; memory does not grow with `horizon`.

        Raises:
            UserError: the video has other axes, colours, type or device than the model
                was built for, or no frame is asked for.
        """
        check_video(video, CHANNELS, self.drive.weight)
        horizon = check_horizon(horizon)
        return self.imagine(self.follow(video).state, horizon)

    def forward(
        self, video: Video, horizon: int, noise: Latents | None = None
    ) -> Float[Tensor, "batch frames 1 height width"]:
        """The `horizon` frames after the observed ones; raises as `predict`.

        With `noise`, of each frame of the video, those frames as q has them.
        """
        if noise is None:
            return torch.stack(list(self.predict(video, horizon)), dim=1)
        course = self.follow(video, noise=noise)
        self._divergence = course.divergence
        return torch.stack([self.decoder(d) for d in course.features], dim=1)

    def extra_loss(self) -> Float[Tensor, ""]:
        """KL(q‖p) of the newest forward pass with noise; without one, zero."""
        found, self._divergence = self._divergence, None
        return self.drive.weight.new_zeros(()) if found is None else found


def build(
    size: Size,
    hidden: int = 64,
    latent: int = 2,
    tau: float = 2.0,
    kernel: int = 3,
    decoder_layers: int = 4,
    boundary: Boundary = "circular",
    decoder_hidden: int | None = None,
) -> PvRnn:
    """A PV-RNN from a specification; see `PvRnn`."""
    return PvRnn(hidden, latent, tau, kernel, decoder_layers, boundary, decoder_hidden)
