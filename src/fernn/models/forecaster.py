"""Encode the observed frames, roll out, decode the predicted ones.

Source: T. A. Keller, NeurIPS 2025, arXiv 2507.14793.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Annotated, Any, Literal, get_args

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from fernn import cells, flows
from fernn.cells import Cell, Lifted, Pooled, RelaxedCell, State, Video, check_lift
from fernn.cells.flow_equivariant.plain import keep_variance
from fernn.flows import Size, cached_kernels
from fernn.models import _forced, _segments, rollouts
from fernn.models._decoders import DecoderName, Levels, decoder_of
from fernn.models._forced import Forcing
from fernn.models._options import POOLINGS, Pooling, check_cell, check_horizon
from fernn.models._recoding import Step, corrected
from fernn.models._relaxed import relax_output
from fernn.models._rereading import earlier
from fernn.models.rollouts import Carry
from fernn.velocities import whole
from labrun.errors import UserError, require_known
from labrun.modules import Kind

Checkpoint = Literal["none", "segments"]
Frame = Float[Tensor, "batch channel height width"]
WIDTHS = ("hidden", "decoder_hidden")  # the second in finer steps


class Forecaster(nn.Module):
    r"""A cell, a pooling over V and a convolutional decoder, section 5.1 of the paper.

    .. math:: \hat f_t(x) = \mathrm{Dec}\bigl(\max_{\nu \in V} h_t(\nu, \cdot)\bigr)(x)

    At the published size (128 hidden channels, 4 decoder layers, 3×3 kernels) it has
    739,584 parameters for every V.

    Args:
        cell: the recurrent cell.
        decoder_layers: hidden layers of the decoder, before its linear output.
        rollout: a module of `fernn.models.rollouts`, or its ``kind`` and options.
        pooling: over V: ``max``, ``mean`` or ``sum``.
        checkpoint: ``none``, or ``segments``: in training, keep the states between
            segments of time alone and compute the others twice. The gradients are the
            same.
        decoder: ``equivariant``, of convolutions that commute with the flow,
            ``ordinary``, of plain ones, for translations the same, or ``annealed``, of
            twice as many layers, to be merged; see `fernn.models._decoders`.
        decoder_hidden: channels of its hidden layers; None for those of the cell.
        bottleneck: levels of each number that is decoded, see `Levels`; None for all
            real numbers.
        readings: of the observed frames, see `fernn.models._rereading`.
        recoding: ``none``, or the step by which the state is corrected after each
            observed frame: ``fixed``, ``learned`` or ``predicted``, see `Recoding`.
        recoding_step: that step at first.

    Attributes:
        rollout_weights: what the roll-out learns beside the cell and the decoder; None
            if it has no weights.

    Raises:
        UserError: no cell, an unknown roll-out, pooling, checkpoint or decoder, a
            number of layers, channels, levels or readings that is none, a bottleneck
            before a decoder to be merged, a step that is not positive, or checkpoints
            with several readings or a recoding.
    """

    STACKED = ()

    def __init__(
        self,
        cell: Cell,
        decoder_layers: int = 4,
        rollout: str | dict[str, Any] = "free",
        pooling: Pooling = "max",
        checkpoint: Checkpoint = "none",
        decoder: DecoderName = "equivariant",
        decoder_hidden: int | None = None,
        bottleneck: int | None = None,
        readings: int = 1,
        recoding: Step = "none",
        recoding_step: float = 0.1,
    ):
        super().__init__()
        check_cell(cell, "forecaster")
        require_known("pooling", pooling, POOLINGS)
        require_known("checkpoint", checkpoint, get_args(Checkpoint))
        self.cell = cell
        self.rollout = rollouts.build(rollout)
        self.pooling: Pooling = pooling
        self.checkpoint = checkpoint
        self.readings = whole(readings, "readings must be positive", least=1)
        self.pulled_back = True
        self.recoding = corrected(recoding, recoding_step, cell)
        if checkpoint != "none" and (readings > 1 or self.recoding):
            raise UserError(
                f"checkpoint {checkpoint!r} is for one reading and no recoding,"
                f" got {readings} and {recoding}"
            )
        self.levels = None if bottleneck is None else Levels(bottleneck)
        self.decoder = decoder_of(
            cell, decoder, decoder_layers, decoder_hidden, self.levels
        )
        if cell.activation == "selu":
            keep_variance(self.decoder)
        self.rollout_weights = self.rollout.weights(cell)

    def encode(self, video: Video) -> Iterator[State]:
        """The state after each observed frame, in order and in the lab frame."""
        with cached_kernels(self):
            for time, state in enumerate(self._observe(video), start=1):
                yield self.cell.lab(state, time)

    def _observe(self, video: Tensor, state: Tensor | None = None) -> Iterator[Tensor]:
        """The state after each frame of the last reading, in the cell's own frame."""
        yield from self._read(video, earlier(self, self._read, video, state))

    def _read(self, video: Tensor, state: Tensor | None) -> Iterator[Tensor]:
        pairs = zip(self.cell.lift(video), video.unbind(1), strict=True)
        for time, (lifted, frame) in enumerate(pairs, start=1):
            state = self._take_in(lifted, state, frame, time)
            yield state

    def _take_in(
        self, lifted: Tensor, state: Tensor | None, frame: Tensor, time: int
    ) -> Tensor:
        """The state after one more observed frame, which is the `time`-th."""
        found = self.cell(lifted, state)
        return self.recoding(self, found, frame, time) if self.recoding else found

    def advance(
        self,
        lifted: Lifted | None,
        state: State,
        time: int,
    ) -> tuple[
        State,
        Frame,
    ]:
        """The next state, of `time` frames, and what is decoded from it."""
        if self.pooling == "max":
            state, pooled = self.cell.forward_with_maximum(lifted, state, time)
            return state, self.decoder(pooled)
        state = self.cell(lifted, state)
        return state, self.decode(self.cell.lab(state, time))

    def decode(self, state: State) -> Frame:
        """Pool over V, then decode; a linear output, not bounded to [0, 1].

        The state is that of the lab frame.
        """
        return self.decoder(self.pool(state))

    def pool(self, state: State) -> Pooled:
        """Pool the state of the lab frame over V."""
        reduce = POOLINGS[self.pooling]
        if state.stride(2) != 1:
            return reduce(state, dim=1)
        # In the order of memory, channels last, reductions are up to 30 times faster.
        pooled = reduce(rearrange(state, "b v c h w -> b v h w c"), dim=1)
        return rearrange(pooled, "b h w c -> b c h w")

    def decode_moved(
        self,
        state: State,
        time: int,
        ahead: int = 1,
    ) -> Frame:
        """Decode the state of `time` frames, each slot moved on `ahead` steps."""
        return self.decoder(self.pool_moved(state, time, ahead))

    def pool_moved(
        self,
        state: State,
        time: int,
        ahead: int = 1,
    ) -> Pooled:
        """Pool over V what `decode_moved` decodes."""
        return self.pool_advected(state, time, [ahead])[0]

    def pool_advected(
        self,
        state: State,
        time: int,
        ahead: Sequence[int],
    ) -> list[Pooled]:
        """Pool over V the state of `time` frames, moved by each number of steps."""
        if self.pooling == "max":
            return self.cell.moved_maxima(state, time, ahead)
        return [self.pool(self.cell.lab(state, time, steps)) for steps in ahead]

    def predict(self, video: Video, horizon: int) -> Iterator[Frame]:
        """The predicted frames one by one; memory does not grow with `horizon`.

        Raises:
            UserError: no frame is observed, or none is asked for; or see the cell's
                `lift`.
        """
        check_lift(self.cell, video)
        return self._forecast(video, check_horizon(horizon))

    def _forecast(self, video: Tensor, horizon: int) -> Iterator[Tensor]:
        return (frame for _, frame in self.trajectory(video, horizon))

    def observed(self, video: Video) -> State:
        """The state after the observed frames, in the cell's own frame."""
        with cached_kernels(self):
            return deque(self._observe(video), maxlen=1).pop()

    def states(self, video: Video) -> Iterator[State]:
        """The state after each observed frame, in the cell's own frame.

        None knows later frames; so each beginning of the video is read several times.
        """
        with cached_kernels(self):
            if self.readings == 1:
                yield from self._observe(video)
                return
            for time in range(1, video.shape[1] + 1):
                yield self.observed(video[:, :time])

    def features(self, video: Video) -> Iterator[Pooled]:
        """What is decoded to the next frame, after each observed one."""
        for time, state in enumerate(self.states(video), start=1):
            yield self.pool_moved(state, time)

    def trajectory(self, video: Video, horizon: int) -> Iterator[tuple[Carry, Frame]]:
        """What each step of the roll-out hands on, and the frame that it predicts."""
        with cached_kernels(self):
            carry = self.rollout.begin(self.observed(video), video)
            for _ in range(horizon):
                carry, prediction = self.rollout.step(self, carry)
                yield carry, prediction

    def forward(
        self, video: Video, horizon: int, forcing: Forcing | None = None
    ) -> Float[Tensor, "batch horizon channel height width"]:
        """The `horizon` frames after the observed `video`; raises as `predict`.

        With a `forcing` the roll-out is drawn to the true frames as it says.
        """
        check_lift(self.cell, video)
        horizon = check_horizon(horizon)
        if forcing is not None:
            return _forced.forward(self, video, horizon, forcing)
        if self.readings > 1 or self.recoding:
            return torch.stack([*self._forecast(video, horizon)], dim=1)
        again = self.checkpoint == "segments" and torch.is_grad_enabled()
        with nullcontext() if again else cached_kernels(self):
            return _segments.forward(self, video, horizon, again)


def build(
    size: Size,
    flow: dict[str, Any],
    hidden: int = 128,
    decoder_layers: int = 4,
    kernel: int | None = None,
    activation: cells.Activation = "relu",
    initial: cells.Initial = "random",
    order: cells.Order = "convolve_first",
    rollout: str | dict[str, Any] = "free",
    pooling: Pooling = "max",
    checkpoint: Checkpoint = "none",
    execution: cells.Execution = "auto",
    mixing: cells.Mixing = "none",
    mixing_radius: int = 1,
    relaxations: Sequence[cells.Relaxed] = (),
    decoder: DecoderName = "equivariant",
    decoder_hidden: int | None = None,
    bottleneck: int | None = None,
    readings: int = 1,
    recoding: Step = "none",
    recoding_step: float = 0.1,
    cell: Annotated[dict[str, Any] | None, Kind("cells")] = None,
) -> Forecaster:
    """A forecaster from a specification; see `Forecaster`.

    The `cell` is ``{"kind": ..., **its arguments}``; None stands for the kind
    ``flow_equivariant`` with the kernel, activation, initial, order, execution, mixing
    and relaxations given here. Of the latter, see `RelaxedCell`, a forecaster has one
    more, ``readout``: a gain of each pixel of a predicted frame.
    """
    own = {
        "kind": "flow_equivariant",
        "kernel": kernel,
        "activation": activation,
        "initial": initial,
        "order": order,
        "execution": execution,
        "mixing": mixing,
        "mixing_radius": mixing_radius,
        "relaxations": relaxations,
    }
    built = Forecaster(
        cells.build(cell or own, flows.build(flow, size), hidden),
        decoder_layers, rollout, pooling, checkpoint,
        decoder, decoder_hidden, bottleneck, readings, recoding, recoding_step,
    )  # fmt: skip
    if "readout" in relaxations and isinstance(built.cell, RelaxedCell):
        relax_output(built.decoder, built.cell)
    return built
