r"""Linear state space models of each channel by itself, as a recurrence or convolution.

.. math::
    x_t &= \bar A x_{t-1} + \bar B u_t, \qquad y_t = C x_t + D u_t \\
    \bar A &= (I - \tfrac{\Delta}{2} A)^{-1} (I + \tfrac{\Delta}{2} A), \qquad
    \bar B = (I - \tfrac{\Delta}{2} A)^{-1} \Delta B

Unrolled it is a convolution, :math:`y_t = \sum_l C \bar A^l \bar B u_{t-l} + D u_t`,
whose kernel is computed once for all pixels.

Source: A. Gu and others, NeurIPS 2021, arXiv 2110.13985.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fernn.models.temporal import Mixer, Signal, Space, at_least_one, per_frame
from labrun.errors import require_known

LIFTED = True
STEPS = 0.01, 0.5  # of time, of a frame: memories of 2 to 100 frames
Initial = Literal["legs", "lin"]
Form = Literal["recurrence", "convolution"]
State = Float[Tensor, "sample channel state height width"]
Matrices = Float[Tensor, "channel state state"]
Vectors = Float[Tensor, "channel state"]


class Lssl(Mixer):
    """A linear state space model of each channel between two convolutions.

    A is fixed; B, C, D and the step Δ of each channel are learned. The residual, norm
    and nonlinearity are those of `Mixer`.

    Args:
        space: where it computes.
        hidden: channels.
        states: numbers of x.
        initial: A and the first B: ``legs``, see `legs`, or ``lin``, see `lin`.
        form: ``convolution``, all frames at once, or ``recurrence``, one by one.

    Raises:
        UserError: an unknown option's value, or a number below one.
    """

    matrix: Float[Tensor, "state state"]

    def __init__(
        self,
        space: Space,
        hidden: int,
        states: int = 8,
        initial: Initial = "legs",
        form: Form = "convolution",
    ):
        require_known("initial", initial, get_args(Initial))
        require_known("form", form, get_args(Form))
        (states,) = at_least_one(states=states)
        super().__init__(space, hidden, hidden)
        matrix, vector = INITIALS[initial](states)
        self.form: Form = form
        self.drive = space.convolution(hidden, hidden)
        self.register_buffer("matrix", matrix)
        self.write = nn.Parameter(vector.repeat(hidden, 1))
        self.read = nn.Parameter(torch.randn(hidden, len(vector)) / len(vector) ** 0.5)
        self.through = nn.Parameter(torch.randn(hidden, 1, 1))
        low, high = map(math.log, STEPS)
        self.log_step = nn.Parameter(low + (high - low) * torch.rand(hidden))

    def mix(self, signal: Signal, state: State | None) -> tuple[Signal, State]:
        """See `Mixer.mix`; the state is x."""
        drive = per_frame(self.drive, signal)
        matrices, vectors = bilinear(self.matrix, self.write, self.log_step.exp())
        if state is None:
            state = drive.new_zeros(*drive[:, 0].shape).unsqueeze(2)
            state = state.repeat(1, 1, vectors.shape[1], 1, 1)
        compute = recurrence if self.form == "recurrence" else convolution
        seen, state = compute(matrices, vectors, self.read, drive, state)
        return seen + self.through * drive, state


def recurrence(
    matrices: Matrices, vectors: Vectors, read: Vectors, drive: Signal, state: State
) -> tuple[Signal, State]:
    """C x of each time, and the last x, step by step."""
    seen = []
    for frame in drive.unbind(1):
        state = torch.einsum("cij,bcjyx->bciyx", matrices, state)
        state = state + vectors[:, :, None, None] * frame[:, :, None]
        seen.append(torch.einsum("ci,bciyx->bcyx", read, state))
    return torch.stack(seen, dim=1), state


def convolution(
    matrices: Matrices, vectors: Vectors, read: Vectors, drive: Signal, state: State
) -> tuple[Signal, State]:
    """The same, from what each frame adds to each later time."""
    time = drive.shape[1]
    answers, power = [vectors], matrices  # to an impulse, after 0, 1, … steps
    faded = []  # what reads the first state after 1, 2, … steps
    for step in range(time):
        faded.append(torch.einsum("ci,cij->cj", read, power))
        if step + 1 < time:
            answers.append(torch.einsum("cij,cj->ci", power, vectors))
            power = power @ matrices
    answered = torch.stack(answers)  # time channel state
    kernel = torch.einsum("ci,tci->tc", read, answered)
    ages = torch.arange(time, device=drive.device)
    back = ages[:, None] - ages
    toeplitz = kernel[back.clamp(min=0)] * (back >= 0)[..., None]
    seen = torch.einsum("tsc,bscyx->btcyx", toeplitz, drive)
    seen = seen + torch.einsum("tcj,bcjyx->btcyx", torch.stack(faded), state)
    added = torch.einsum("sci,bscyx->bciyx", answered.flip(0), drive)
    return seen, torch.einsum("cij,bcjyx->bciyx", power, state) + added


def bilinear(
    matrix: Float[Tensor, "state state"],
    write: Vectors,
    step: Float[Tensor, " channel"],
) -> tuple[Matrices, Vectors]:
    """Ā and B̄ of each channel; if A is stable, no eigenvalue of Ā exceeds 1."""
    unit = torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
    half = step[:, None, None] / 2 * matrix
    both = torch.cat([unit + half, (step[:, None] * write)[..., None]], dim=2)
    solved = torch.linalg.solve(unit - half, both)
    return solved[..., :-1], solved[..., -1]


def legs(
    states: int,
) -> tuple[Float[Tensor, "state state"], Float[Tensor, " state"]]:
    r"""HiPPO-LegS: x are coefficients of the past in Legendre polynomials.

    .. math:: A_{nk} = -\sqrt{(2n+1)(2k+1)} \ (n > k), \quad A_{nn} = -(n+1), \quad
        B_n = \sqrt{2n+1}
    """
    root = (2 * torch.arange(states) + 1.0).sqrt()
    matrix = -(root[:, None] * root).tril(-1) - torch.diag(torch.arange(states) + 1.0)
    return matrix, root


def lin(
    states: int,
) -> tuple[Float[Tensor, "state state"], Float[Tensor, " state"]]:
    r"""S4D-Lin in real numbers: pairs turn by :math:`\pi n` a time and fade by a half.

    The eigenvalues are :math:`-\tfrac12 \pm i \pi n` (A. Gu and others, arXiv
    2206.11893); of an odd number of states the last one fades alone.
    """
    frequency = torch.pi * torch.arange((states + 1) // 2)
    blocks = [torch.tensor([[-0.5, -turn], [turn, -0.5]]) for turn in frequency]
    matrix = torch.block_diag(*blocks)[:states, :states]
    return matrix, (torch.arange(states) % 2 == 0).to(matrix.dtype)


INITIALS = {"legs": legs, "lin": lin}


def build(
    space: Space,
    inputs: int,
    hidden: int,
    *,
    states: int = 8,
    initial: Initial = "legs",
    form: Form = "convolution",
) -> Lssl:
    """See `Lssl`; its input is lifted."""
    return Lssl(space, hidden, states, initial, form)
