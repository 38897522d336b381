"""The FERNN's recurrence in the lab frame, as the paper writes it: the reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal, get_args

import torch
from einops import rearrange
from torch import Tensor, nn

from fernn.cells._base import Cell, Lifted, State
from fernn.cells._checks import check_step
from fernn.flows import Flow
from labrun.errors import UserError, require_known

Activation = Literal["relu", "tanh", "selu"]
Initial = Literal["random", "symmetric"]
Order = Literal["convolve_first", "move_first"]
ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "selu": torch.selu,
}


class FlowEquivariantCell(Cell):
    r"""One step of a flow equivariant recurrent network, section 4 of the paper.

    .. math::
        h_{t+1}(\nu) = \sigma\bigl(\psi_1(\nu) \cdot [h_t(\nu) \star W]
                       + [f_t \mathbin{\hat\star} U](\nu)\bigr)

    The lift is the trivial one: every slot :math:`\nu` of V gets the same
    :math:`f_t \star U`. Slots share W and are not mixed (the option `mixing` does), so
    the number of parameters does not depend on V, and V = {0} is the G-RNN. For a flow
    :math:`\hat\nu` of the input, :math:`h_t[\psi(\hat\nu) f](\nu) =
    \psi_{t-1}(\hat\nu) \cdot h_t[f](\nu - \hat\nu)` wherever :math:`\nu - \hat\nu` is
    in V. This is the reference form; `FusedCell` computes the same faster.

    Args:
        flow: V and its action.
        channels: channels of a frame.
        hidden: channels of each slot of the state.
        kernel: side of the kernels, odd; None for the flow's own.
        activation: ``relu``, ``tanh``, or ``selu`` (G. Klambauer and others, 2017,
            arXiv 1706.02515), whose kernels begin with a variance of one over what a
            pixel sums, so that many layers keep mean 0 and variance 1.
        initial: the recurrent kernel, see `initialise`: ``random`` or ``symmetric``.
        order: of a step: ``convolve_first``, as in the equation, or ``move_first``,
            :math:`[\psi_1(\nu) \cdot h_t(\nu)] \star W`, as the paper's code. The two
            are one network where the convolution commutes with the action exactly, as
            for translations; not where the action interpolates.

    Attributes:
        orders: those that an execution can have; others have the first alone.

    Raises:
        UserError: no flow, an unknown activation, initial kernel or order, an order
            that the execution has not, an even kernel, a size below one, or a flow that
            this cell has an objection to.
    """

    orders: ClassVar[tuple[Order, ...]] = get_args(Order)
    STACKED = ("hidden", "channels", "members")

    def __init__(
        self,
        flow: Flow,
        channels: int = 1,
        hidden: int = 128,
        kernel: int | None = None,
        activation: Activation = "relu",
        initial: Initial = "random",
        order: Order = "convolve_first",
    ):
        super().__init__(flow, channels, hidden, kernel)
        require_known("activation", activation, ACTIVATIONS)
        require_known("initial", initial, get_args(Initial))
        require_known("order", order, get_args(Order))
        if order not in self.orders:
            raise UserError(
                f"a {type(self).__name__} convolves first, got order {order!r};"
                " use execution 'plain'"
            )
        self.activation: Activation = activation
        self.initial: Initial = initial
        self.order: Order = order
        self.conv_h = self.layer("convolution", self.hidden, self.hidden)
        if activation == "selu":
            keep_variance(self)
        initialise(self.conv_h, initial)

    def forward(self, lifted: Lifted | None, state: State | None) -> State:
        """The next state from the lifted input and the state.

        Args:
            lifted: the lifted input, one for all slots or one for each; None is zero.
            state: None is the zero state, the only constant the flow leaves alone.

        Raises:
            UserError: one of them has other axes or sizes than the cell's, another type
                or device than its weights, or both are None.
        """
        check_step(self, lifted, state)
        if state is None:
            assert lifted is not None
            return self.for_each_slot(self._activate(lifted))
        if self.order == "move_first":
            moved = self.convolve(self.move(state))
        else:
            moved = self.move(self.convolve(state))
        return self._activate(moved if lifted is None else moved + lifted)

    def convolve(self, state: State) -> State:
        r"""The flow convolution :math:`h_t \star W`: here, each slot by itself."""
        images = self.conv_h(rearrange(state, "b v c h w -> (b v) c h w"))
        return rearrange(images, "(b v) c h w -> b v c h w", b=len(state))

    def _activate(self, signal: Tensor) -> Tensor:
        return ACTIVATIONS[self.activation](signal)


@torch.no_grad()
def keep_variance(network: nn.Module) -> None:
    """Draw kernels again, normal and so wide that SELU keeps the variance of signals.

    Those that know orientations, as of a rotation flow, stay as they were drawn.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")


@torch.no_grad()
def initialise(convolution: nn.Module, initial: Initial) -> None:
    r"""Keep the recurrent kernel as Torch draws it, or make it its own mirror image.

    What a slot follows is its own shift and the kernel's together: a kernel moved by
    :math:`\delta` with the slots of V renamed from :math:`\nu` to :math:`\nu - \delta`
    is the same network. Data slower than V leave open which of these it becomes, and
    the chances of a random kernel decide: it may cover other velocities than its V
    says. A kernel that is the same in opposite directions moves nothing by itself; it
    gets the variance of the random one. A kernel that knows orientations, as of a
    rotation flow, turns no image and stays as it was drawn.

    Args:
        convolution: from a state to a state, of any flow.
        initial: ``random`` or ``symmetric``.
    """
    if initial == "symmetric" and isinstance(convolution, nn.Conv2d):
        weight = convolution.weight
        symmetric = weight + weight.flip(-2, -1)
        weight.copy_(symmetric * (weight.norm() / symmetric.norm()))


build = FlowEquivariantCell
