"""Velocities that an automaton emits: a rule of each sequence, learnt in context."""

from __future__ import annotations

import numpy as np

from fernn.data.motions._base import (
    Changes,
    Motion,
    Pairs,
    Path,
    Room,
    Words,
    integrated,
)
from labrun.errors import UserError
from labrun.random_words import below


class Automaton(Motion):
    """Each sequence has a random automaton, whose symbols are velocities.

    Of each state one edge leaves, with a velocity and the next state; a digit keeps the
    velocity for `dwell` frames and follows the edge. The first edge leaves state 0. It
    is a deterministic form of the automata of in-context language learning (arXiv
    2401.12973), so that whatever a state emits is emitted there again, and a period of
    at most `states` symbols is in every sequence. With one state velocities are
    constant.

    Raises:
        UserError: `states` or `dwell` is not positive.
    """

    meaning = "velocity, and next state, of an edge of the automaton,"

    def __init__(self, room: Room, states: int, dwell: int):
        super().__init__(room)
        if min(states, dwell) < 1:
            raise UserError(
                f"motion automaton: states and dwell must be positive, got {states} and"
                f" {dwell}"
            )
        self.states, self.dwell = states, dwell
        self.changes = 2 * states - 1

    def draw_changes(self, words: Words) -> Changes:
        """See `Motion.draw_changes`: velocities of the other states, then edges."""
        speeds = self.velocities(words[:, :, : self.states - 1])
        edges = below(words[:, :, self.states - 1 :], self.states)
        return np.concatenate([speeds, edges], axis=2)

    def path(
        self, offset: Pairs, velocity: Pairs, change: Changes, frames: int
    ) -> Path:
        """See `Motion.path`; an edge is a pair, of which the second number counts."""
        speeds = np.concatenate(
            [velocity[:, :, None], change[:, :, : self.states - 1]], axis=2
        )
        edges = change[:, :, self.states - 1 :, 1]
        state = np.zeros((*edges.shape[:2], 1), np.int64)
        steps = []
        for time in range(frames - 1):
            if time and time % self.dwell == 0:
                state = np.take_along_axis(edges, state, axis=2)
            steps.append(np.take_along_axis(speeds, state[..., None], axis=2))
        return integrated(offset, np.concatenate(steps, axis=2))


def build(room: Room, *, states: int = 4, dwell: int = 1) -> Automaton:
    """An automaton of so many states, with a velocity for `dwell` frames each."""
    return Automaton(room, states, dwell)
