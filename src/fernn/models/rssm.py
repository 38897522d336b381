r"""RSSM, the recurrent state-space model of PlaNet and Dreamer: a world in one vector.

.. math::
   h_t &= \mathrm{GRU}\bigl(\mathrm{relu}(A [z_{t-1}, a_{t-1} / \mathrm{side}]),
   h_{t-1}\bigr), \qquad \hat f_t = \mathrm{Dec}(h_t, z_t) \\
   p:\; z_t &\sim N(m, s^2), \quad (m, r) = P(h_t), \qquad
   q:\; z_t \sim N(m, s^2), \quad (m, r) = Q(h_t, \mathrm{Enc}(f_t))

with :math:`s = \ln(1 + e^r) + 0.1`; h, z and a are zero before the first frame, and
step :math:`a_{t-1}` leads to frame t. Frames enter by the posterior q alone;
a forecast follows the means of the prior p, and has no chance in it.

Training maximises the evidence lower bound of all frames, with the strategies
``variational`` and ``extra_loss``: for pixels of variance :math:`\sigma^2`,
:math:`-2 \sigma^2 / HW` times the bound of a frame is, but for a constant,

.. math:: \frac{1}{HW} \|f_t - \hat f_t\|^2
   + \sigma^2 \frac{2}{HW} \mathrm{KL}(q \| p)

whose second factor is `extra_loss`, so that its weight is :math:`\sigma^2`. The paper
has :math:`\sigma = 1`, and 3 nats for each frame that cost nothing, which this has not;
nor is the model overshot or asked for rewards. What it knows of the world lies in h: it
has no map, and follows no flow.

Source: D. Hafner and others, Learning Latent Dynamics for Planning from Pixels, ICML
2019, arXiv 1811.04551.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from fernn.flows import Frame, Size, frame_of
from fernn.models._belief import Belief, divergence
from fernn.models._window import CHANNELS, Actions, Video, Window
from fernn.velocities import whole

TASK = "act"
LEAST = 0.1  # the smallest standard deviation of z
PLANE = 2  # numbers of a step: rows and columns
Vector = Float[Tensor, "batch number"]
Steps = Float[Tensor, "batch frames 2"]
Noise = Float[Tensor, "batch time latent"]
Image = Float[Tensor, "batch 1 height width"]


class State(NamedTuple):
    """What is known after a frame: h, and z, its mean or a draw."""

    recurrent: Vector
    latent: Vector


class Rssm(nn.Module):
    """The model above, of frames of one size; by default of the published sizes.

    Args:
        size: height and width of a frame, pixels.
        hidden: numbers of h, and of hidden layers.
        latent: numbers of z.
        channels: of the first convolution; each further one has twice as many.
        layers: convolutions, each of which halves the sides, rounded up; the decoder
            has as many.

    Attributes:
        collects: whether `extra_loss` is asked for.

    Raises:
        UserError: a number that is none or too small.
    """

    collects = False

    def __init__(
        self,
        size: Size,
        hidden: int = 200,
        latent: int = 30,
        channels: int = 32,
        layers: int = 4,
    ):
        super().__init__()
        window = frame_of(size)
        given = {"hidden": hidden, "latent": latent, "channels": channels}
        for name, number in {**given, "layers": layers}.items():
            whole(number, f"{name} must be positive", least=1)
        self.view, self.hidden, self.latent = Window(window, window), hidden, latent
        widths = [CHANNELS, *(channels * 2**layer for layer in range(layers))]
        sides = [window]
        for _ in range(layers):
            sides.append(((sides[-1][0] + 1) // 2, (sides[-1][1] + 1) // 2))
        seen = widths[-1] * sides[-1][0] * sides[-1][1]
        self.encoder = nn.Sequential(*_down(widths), nn.Flatten())
        self.embed = nn.Linear(latent + PLANE, hidden)
        self.gru = nn.GRUCell(hidden, hidden)
        self.prior = _network(hidden, hidden, 2 * latent)
        self.posterior = _network(hidden + seen, hidden, 2 * latent)
        self.decoder = nn.Sequential(
            nn.Linear(hidden + latent, seen),
            nn.Unflatten(1, (widths[-1], *sides[-1])),
            *_up(widths[::-1], sides[::-1]),
        )
        self._divergence: Tensor | None = None  # of the newest forward pass with noise

    def latent_shape(self, height: int, width: int) -> tuple[int, ...]:
        """Of z, for frames of so many pixels."""
        return (self.latent,)

    def start(self, count: int) -> State:
        """The state before the first frame, of so many sequences."""
        zeros = self.embed.weight.new_zeros
        return State(zeros(count, self.hidden), zeros(count, self.latent))

    def advance(self, state: State, step: Float[Tensor, "batch 2"]) -> Vector:
        """The next h, where `step` leads to the next frame, in sides of a frame."""
        told = torch.cat([state.latent, step], dim=1)
        return self.gru(self.embed(told).relu(), state.recurrent)

    def expected(self, recurrent: Vector) -> Belief:
        """The prior p of z."""
        return _belief(self.prior(recurrent))

    def inferred(self, recurrent: Vector, seen: Float[Tensor, "batch seen"]) -> Belief:
        """The posterior q of z, of an encoded frame."""
        return _belief(self.posterior(torch.cat([recurrent, seen], dim=1)))

    def decode(self, state: State) -> Image:
        """The frame; not bounded."""
        return self.decoder(torch.cat(state, dim=1))

    def follow(
        self, video: Video, steps: Steps, noise: Noise | None = None
    ) -> tuple[list[State], Float[Tensor, " batch"]]:
        """The state after each frame by q, and KL(q‖p) of a frame, a mean over them.

        Args:
            video: the frames.
            steps: the step to each of them, in sides of a frame.
            noise: standard normal; None for the means of q.
        """
        encoded = self.encoder(video.flatten(0, 1)).unflatten(0, video.shape[:2])
        state, states, apart = self.start(len(video)), [], []
        pairs = zip(encoded.unbind(1), steps.unbind(1), strict=True)
        for time, (seen, step) in enumerate(pairs):
            h = self.advance(state, step)
            q = self.inferred(h, seen)
            apart.append(divergence(q, self.expected(h)).sum(1))
            state = State(h, q.drawn(None if noise is None else noise[:, time]))
            states.append(state)
        return states, torch.stack(apart).mean(0)

    def remembered(
        self, video: Video, actions: Actions
    ) -> Iterator[Float[Tensor, "batch number"]]:
        """The state after each frame; see `fernn.models.world.World.remembered`."""
        states, _ = self.follow(video, self.steps(actions))
        return (torch.cat(state, dim=1) for state in states)

    def imagine(self, state: State, steps: Steps) -> Iterator[Image]:
        """The frames that p expects after a state, of a step to each."""
        for step in steps.unbind(1):
            h = self.advance(state, step)
            state = State(h, self.expected(h).mean)
            yield self.decode(state)

    def predict(
        self, video: Video, horizon: int, actions: Actions
    ) -> Iterator[Float[Tensor, "batch 1 height width"]]:
        """The predicted frames one by one; see `fernn.models.world.World.predict`."""
        self.view.check(video, horizon, actions, self.embed.weight)
        return self._forecast(video, actions)

    def _forecast(self, video: Tensor, actions: Tensor) -> Iterator[Tensor]:
        steps, time = self.steps(actions), video.shape[1]
        states, _ = self.follow(video, steps[:, :time])
        return self.imagine(states[-1], steps[:, time:])

    def forward(
        self,
        video: Video,
        horizon: int,
        actions: Actions,
        noise: Noise | None = None,
    ) -> Float[Tensor, "batch frames 1 height width"]:
        """The `horizon` frames after the observed `video`; raises as `predict`.

        With `noise`, of each frame of the video, those frames as q has them; actions
        are then those between them.
        """
        if noise is None:
            return torch.stack([*self.predict(video, horizon, actions)], dim=1)
        states, apart = self.follow(video, self.steps(actions), noise)
        height, width = self.view.size
        self._divergence = 2 / (height * width) * apart.mean()
        return torch.stack([self.decode(state) for state in states], dim=1)

    def extra_loss(self) -> Float[Tensor, ""]:
        """2/HW · KL(q‖p) of the newest forward pass with noise; without one, zero."""
        found, self._divergence = self._divergence, None
        return self.embed.weight.new_zeros(()) if found is None else found

    def steps(self, actions: Actions) -> Steps:
        """The step to each frame, in sides of a frame; none leads to the first."""
        sides = self.embed.weight.new_tensor(self.view.size)
        return F.pad(actions / sides, (0, 0, 1, 0))


def _belief(numbers: Vector) -> Belief:
    mean, raw = numbers.chunk(2, dim=1)
    return Belief(mean, (F.softplus(raw) + LEAST).log())


def _network(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs)
    )


def _down(widths: list[int]) -> Iterator[nn.Module]:
    """Convolutions that halve the sides, rounded up."""
    for inputs, outputs in itertools.pairwise(widths):
        yield nn.Conv2d(inputs, outputs, 3, stride=2, padding=1)
        yield nn.ReLU()


def _up(widths: list[int], sides: list[Frame]) -> Iterator[nn.Module]:
    """The way back to the sides of a frame, from a linear layer to another."""
    pairs = zip(itertools.pairwise(widths), sides[1:], strict=True)
    for layer, ((inputs, outputs), (height, width)) in enumerate(pairs):
        if layer:
            yield nn.ReLU()
        even = (1 - height % 2, 1 - width % 2)
        yield nn.ConvTranspose2d(
            inputs, outputs, 3, stride=2, padding=1, output_padding=even
        )


build = Rssm
