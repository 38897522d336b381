r"""The step of a roll-out as a map of its state: residuals, fixed points, spectra.

The map F takes the state in the lab frame to that of the next frame, without input from
outside. In the frame of a flow :math:`\hat\nu` it is
:math:`G = \psi_{-1}(\hat\nu) \circ F`; a travelling wave is a fixed point of G.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from fernn.evaluation.states import in_lab
from fernn.evaluation.velocities import names
from fernn.flows import Flow, Velocity
from fernn.models.rollouts import Carry
from labrun.errors import UserError

DENSE = 600  # numbers of a state up to which its whole Jacobian is computed
Map = Callable[[Tensor], Tensor]


def require_map(model: Any, statistic: str) -> None:
    """Refuse a roll-out whose step is no map of the state alone.

    Raises:
        UserError: it feeds the last observed frame, counts its steps or only moves.
    """
    rollout = model.rollout
    blank = torch.zeros(1, 1, 1, 1, 1)
    fed = rollout.begin(blank, blank).fed is not None
    if fed or not rollout.recurrent or rollout.every > 1:
        kind = type(rollout).__module__.rpartition(".")[2]
        raise UserError(
            f"{statistic} needs a roll-out whose step depends on the state alone, such"
            f" as free or shifted, got {kind}"
        )


def advanced(model: Any, state: Tensor) -> Tensor:
    """The map F: the state one step later, both in the lab frame.

    A roll-out's first step leaves the state as it is and decodes it.
    """
    carry = Carry(state, 1)  # after one frame the frames of all slots are the lab's
    for _ in range(2):
        carry, _ = model.rollout.step(model, carry)
    return in_lab(model, carry)


def comoving(model: Any, nu: Velocity) -> Map:
    """The map G in the frame of a flow."""
    return lambda state: model.cell.flow.act_on_state(advanced(model, state), nu, -1)


def candidates(recipe: xr.Dataset) -> list[Velocity]:
    """The velocities that a recipe's sequences may have; along an axis at rest, 0."""
    fast, step = int(recipe.attrs["max_speed"]), int(recipe.attrs.get("step", 1))
    speeds = [step * each for each in range(-fast, fast + 1)]
    moving = [bool((recipe[name] != 0).any()) for name in names(recipe)]
    return list(itertools.product(*(speeds if moves else [0] for moves in moving)))


def residuals(
    flow: Flow, before: Tensor, after: Tensor, velocities: Sequence[Velocity]
) -> Tensor:
    r""":math:`\lVert \psi_{-1}(\nu) h_{t+1} - h_t \rVert / \lVert h_t \rVert`.

    Args:
        flow: of the cell.
        before: batch × velocity × hidden × height × width, in the lab frame.
        after: the same, one step later.
        velocities: :math:`\nu`.

    Returns:
        velocity × batch.
    """
    found = [
        (flow.act_on_state(after, nu, -1) - before).flatten(1).norm(dim=1)
        for nu in velocities
    ]
    return torch.stack(found) / before.flatten(1).norm(dim=1)


def minimised(
    step: Map, start: Tensor, steps: int, tolerance: float
) -> tuple[Tensor, float]:
    r"""The state of least :math:`q = \lVert G(h) - h \rVert / \lVert h \rVert`.

    By L-BFGS on :math:`q^2` from a visited state: a local minimum.

    Args:
        step: the map G.
        start: one state, in double precision.
        steps: iterations at most.
        tolerance: of q, at which it ends.

    Returns:
        The state and its q.
    """
    from scipy.optimize import minimize

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        state = torch.from_numpy(flat).to(start).view_as(start).requires_grad_()
        with torch.enable_grad():
            square = (step(state) - state).square().sum() / state.square().sum()
        (gradient,) = torch.autograd.grad(square, state)
        return square.item(), gradient.cpu().numpy().ravel()

    def reached(intermediate_result: Any) -> None:
        if intermediate_result.fun <= tolerance**2:
            raise StopIteration

    found = minimize(
        objective,
        start.detach().cpu().numpy().ravel(),
        jac=True,
        method="L-BFGS-B",
        callback=reached,
        options={"maxiter": steps, "ftol": 0, "gtol": 0},
    )
    state = torch.from_numpy(found.x).to(start).view_as(start)
    return state, float(np.sqrt(found.fun))


def spectrum(step: Map, state: Tensor, count: int) -> np.ndarray:
    """The `count` largest eigenvalues of the map's Jacobian, by magnitude.

    All are computed where the state has at most `DENSE` numbers, else by Arnoldi's
    method; fewer than `count` are filled up with NaN.
    """
    from scipy.sparse.linalg import LinearOperator, eigs

    state = state.detach().requires_grad_()
    with torch.enable_grad():
        after = step(state)

    def transposed(vector: np.ndarray) -> np.ndarray:  # it has the same eigenvalues
        along = torch.from_numpy(np.real(vector).astype(float)).to(after).view_as(after)
        (found,) = torch.autograd.grad(after, state, along, retain_graph=True)
        return found.cpu().numpy().ravel()

    size = state.numel()
    if size <= max(DENSE, count + 1):
        values = np.linalg.eigvals(np.stack([transposed(row) for row in np.eye(size)]))
    else:
        made: Any = LinearOperator  # whose types are those of its subclasses
        operator = made((size, size), matvec=transposed, dtype=float)
        first = np.random.default_rng(0).standard_normal(size)
        values = eigs(operator, count, v0=first, return_eigenvectors=False)
    largest = values[np.argsort(-np.abs(values), kind="stable")][:count]
    missing = np.full(count - largest.size, np.nan + 0j)
    return np.concatenate([largest.astype(complex), missing])
