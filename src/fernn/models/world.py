r"""A map of a world that is seen through a window: a flow equivariant world model.

The map is the state of a flow equivariant cell on the torus of the whole world. What
the window shows is written into the map where the window is, and what it will show is
read from there. The agent's known steps :math:`a_t` are a flow as well: in the frame of
the window the map moves by the velocity of each slot less that of the agent,

.. math:: h_{t+1}(\nu) = \sigma\bigl(\psi_1(\nu - a_t) \cdot [h_t(\nu) \star W]
   + \mathrm{pad}(f_{t+1}) \mathbin{\hat\star} U\bigr)

(equation 8 of *Flow Equivariant World Models*, arXiv 2601.01075). Here the same map is
kept in the frame of the world, :math:`\bar h_t = \psi_1(p_t) \cdot h_t` with
:math:`p_t = \sum_{s < t} a_s`: there it moves by :math:`\nu` alone, as any cell moves
it, and the window moves over it,

.. math::
   \bar h_{t+1}(\nu) &= \sigma\bigl(\psi_1(\nu) \cdot [\bar h_t(\nu) \star W]
   + \psi_1(p_{t+1}) \cdot \mathrm{pad}(f_{t+1}) \mathbin{\hat\star} U\bigr) \\
   \hat f_t &= \mathrm{crop}\bigl(\psi_1(-p_t) \cdot
   \mathrm{Dec}(\max_\nu \bar h_t(\nu))\bigr)

The two are one network, since convolutions commute with shifts; a test compares them.

Source: flow equivariant world models, arXiv 2601.01075.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fernn import cells, flows
from fernn.cells import Cell, State, Video
from fernn.flows import Frame, Size, cached_kernels
from fernn.models._options import Pooling
from fernn.models._window import Actions, Corner, Corners, Window, corners_of
from fernn.models.forecaster import Forecaster
from fernn.models.persistence import roll
from labrun.errors import UserError, require_known
from labrun.modules import Kind

TASK = "act"
WIDTHS = ("hidden", "decoder_hidden")  # the second in finer steps
SelfMotion = Literal["known", "ignored"]
Fed = Literal["window", "world"]
FEEDS = ("shifted", "repeat")  # roll-outs of which the window alone can be fed


class World(nn.Module):
    """A forecaster of the whole world, of which a window is observed and predicted.

    Args:
        forecaster: of videos of the whole world, on a flow that shifts by whole pixels.
        window: side of the window, or its (rows, columns), pixels.
        self_motion: ``known``: the agent's steps move the window over the map; or
            ``ignored``, and the map takes the agent to be at rest.
        sight: whether the cell is told which pixels are seen: within the window each
            channel of the lifted input has a bias, so that black is not unseen.
        fed: of a roll-out that feeds predictions: the ``window`` of them, or the whole
            ``world``. Those that feed nothing know no difference.
        gradient: of a ``window`` that is fed: whether gradients go through it.

    Raises:
        UserError: an unknown option; a flow that is none of a torus; a window larger
            than it; or a roll-out that cannot feed a window.
    """

    def __init__(
        self,
        forecaster: Forecaster,
        window: Size,
        self_motion: SelfMotion = "known",
        sight: bool = True,
        fed: Fed = "world",
        gradient: bool = True,
    ):
        super().__init__()
        require_known("self_motion", self_motion, get_args(SelfMotion))
        require_known("fed", fed, get_args(Fed))
        self.map = forecaster
        self.view = Window.of(window, _torus(forecaster.cell))
        kind = type(forecaster.rollout).__module__.rpartition(".")[2]
        if fed == "window" and kind not in FEEDS:
            raise UserError(
                f"fed 'window' needs a roll-out that feeds, {' or '.join(FEEDS)}, got"
                f" {kind!r}"
            )
        self.self_motion, self.fed, self.gradient = self_motion, fed, gradient
        self.late = kind == "repeat"
        self.sight = nn.Parameter(torch.zeros(self.cell.hidden)) if sight else None

    @property
    def cell(self) -> Cell:
        """Of the map."""
        return self.map.cell

    @property
    def rollout(self) -> Any:
        """Of the map."""
        return self.map.rollout

    def predict(
        self, video: Video, horizon: int, actions: Actions
    ) -> Iterator[Float[Tensor, "batch 1 height width"]]:
        """The predicted frames one by one; memory does not grow with `horizon`.

        Args:
            video: the observed frames.
            horizon: how many follow.
            actions: the agent's steps (rows, columns), pixels: the first leads from the
                first observed frame to the second, the last to the last predicted one.

        Raises:
            UserError: frames of another size, type or device than the model's, no
                frame, or other actions than these.
        """
        worlds = self.beliefs(video, horizon, actions)
        later = self.corners(actions)[:, video.shape[1] :].unbind(1)
        pairs = zip(worlds, later, strict=True)
        return (self.view.look(world, corner) for world, corner in pairs)

    def forward(
        self, video: Video, horizon: int, actions: Actions
    ) -> Float[Tensor, "batch horizon 1 height width"]:
        """The `horizon` frames after the observed `video`; see `predict`."""
        return torch.stack([*self.predict(video, horizon, actions)], dim=1)

    def beliefs(
        self, video: Video, horizon: int, actions: Actions
    ) -> Iterator[Float[Tensor, "batch 1 tall wide"]]:
        """What the model believes of the whole world, for each predicted frame.

        They lie as the world does, whose origin is the window's corner in the first
        frame. Args and errors are those of `predict`.
        """
        self.view.check(video, horizon, actions, next(self.parameters()))
        return self._believed(video, horizon, self.corners(actions))

    def _believed(
        self, video: Video, horizon: int, corners: Corners
    ) -> Iterator[Tensor]:
        with cached_kernels(self):
            *_, state = self.states(video, corners)
            if self.fed == "window":
                yield from self._feed_window(state, video, corners)
                return
            carry = self.rollout.begin(state, self.view.write(video, corners))
            for _ in range(horizon):
                carry, believed = self.rollout.step(self.map, carry)
                yield believed

    def states(self, video: Video, corners: Corners) -> Iterator[State]:
        """The map after each observed frame, in the cell's own frame.

        Args:
            video: the observed frames.
            corners: where the window is in each of them.
        """
        state = None
        for frame, corner in zip(video.unbind(1), corners.unbind(1), strict=False):
            state = self.cell(self._lift(frame, corner), state)
            yield state

    def remembered(
        self, video: Video, actions: Actions
    ) -> Iterator[Float[Tensor, "batch 1 tall wide"]]:
        """The believed world after each frame, as it lies from the window on.

        Args:
            video: frames.
            actions: the steps between them.
        """
        corners = self.corners(actions)
        with cached_kernels(self):
            for time, state in enumerate(self.states(video, corners)):
                yield roll(self.map.decode(state), -corners[:, time])

    def corners(self, actions: Actions) -> Corners:
        """Where the window is in the map in each frame."""
        moved = corners_of(actions)
        return torch.zeros_like(moved) if self.self_motion == "ignored" else moved

    def _lift(self, frame: Tensor, corner: Corner) -> Tensor:
        """The lifted frame where it is in the world, and what tells that it is seen."""
        video, place = frame[:, None], corner[:, None]
        lifted = self.cell.lift(self.view.write(video, place))[0]
        if self.sight is None:
            return lifted
        seen = self.view.write(torch.ones_like(video), place)
        return lifted + seen * self.sight[:, None, None]

    def _feed_window(
        self, state: Tensor, video: Video, corners: Corners
    ) -> Iterator[Tensor]:
        """The beliefs of a roll-out that sees its own predictions in the window.

        In `repeat` a frame is written where the next one is, as the authors' code does.
        """
        frame, late = video[:, -1], self.late
        later = corners[:, video.shape[1] :].unbind(1)
        for time, corner in enumerate(later, start=video.shape[1]):
            if late:
                drive = self._lift(frame, corner)
                state, believed = self.map.advance(drive, state, time + 1)
            else:
                believed = self.map.decode_moved(state, time)
            yield believed
            frame = self.view.look(believed, corner).clamp(0, 1)
            frame = frame if self.gradient else frame.detach()
            if not late:
                state = self.cell(self._lift(frame, corner), state)


def _torus(cell: Cell) -> Frame:
    """Height and width of the world.

    Raises:
        UserError: its flow is none of a torus.
    """
    if cell.flow.torus is None:
        raise UserError("a world is a torus, on which a flow shifts by whole pixels")
    return cell.flow.torus


def build(
    size: Size,
    flow: dict[str, Any],
    world: int,
    hidden: int = 64,
    decoder_layers: int = 1,
    kernel: int | None = None,
    activation: cells.Activation = "relu",
    initial: cells.Initial = "random",
    rollout: str | dict[str, Any] = "advect",
    pooling: Pooling = "max",
    execution: cells.Execution = "auto",
    mixing: cells.Mixing = "none",
    mixing_radius: int = 1,
    decoder_hidden: int | None = None,
    self_motion: SelfMotion = "known",
    sight: bool = True,
    fed: Fed = "world",
    gradient: bool = True,
    cell: Annotated[dict[str, Any] | None, Kind("cells")] = None,
) -> World:
    """A world model from a specification; see `World`.

    Args:
        size: of a frame, which is the window.
        flow: V and its action, on the torus of the world.
        world: side of that torus, pixels.
        hidden: channels of each slot.
        decoder_layers: see `Forecaster`, as of what follows up to `pooling`.
        kernel: side of the kernels.
        activation: of the cell.
        initial: its recurrent kernel.
        rollout: of the map.
        pooling: over V.
        execution: of the cell.
        mixing: of its slots.
        mixing_radius: of a ``lattice``.
        decoder_hidden: channels of the decoder's hidden layers; None for `hidden`.
        self_motion: see `World`, as of the rest.
        sight: likewise.
        fed: likewise.
        gradient: likewise.
        cell: in place of the default one, see `fernn.models.forecaster.build`.
    """
    own = {
        "kind": "flow_equivariant",
        "kernel": kernel,
        "activation": activation,
        "initial": initial,
        "execution": execution,
        "mixing": mixing,
        "mixing_radius": mixing_radius,
    }
    inner = cells.build(cell or own, flows.build(flow, world), hidden)
    return World(
        Forecaster(
            inner,
            decoder_layers,
            rollout,
            pooling,
            decoder_hidden=decoder_hidden,
        ),
        size,
        self_motion,
        sight,
        fed,
        gradient,
    )
