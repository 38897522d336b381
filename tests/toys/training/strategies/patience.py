"""Horizons in phases: the next begins when the validation error no longer falls."""

from __future__ import annotations

from fernn.training.strategies import Strategy, begin_phase


class Curriculum(Strategy):
    """A phase has a training horizon; each begins with an optimiser without memory."""

    def __init__(self, horizons: list[int]):
        self.horizons, self.phase, self.begins = horizons, 0, False

    def frames_ahead(self, step, settings):
        """The horizon of the phase."""
        return self.horizons[self.phase]

    def before_step(self, run, optimiser):
        """Forget what the optimiser and the choice of weights owe the last phase."""
        if self.begins:
            optimiser.state.clear()
            begin_phase(run)
            self.begins = False

    def after_epoch(self, run):
        """Decide whether a phase ends."""
        errors = [record["validation_error"] for record in run["records"][-2:]]
        slow = len(errors) == 2 and errors[1] > 0.9 * errors[0]
        if slow and self.phase + 1 < len(self.horizons):
            self.phase, self.begins = self.phase + 1, True

    def report(self):
        """The phase, from 0."""
        return {"phase": self.phase}

    def state_dict(self):
        """The phase, and whether it is about to begin."""
        return {"phase": self.phase, "begins": self.begins}

    def load_state_dict(self, state):
        """The same."""
        self.phase, self.begins = state["phase"], state["begins"]


def build(model, settings, needs, *, horizons: list[int]) -> Curriculum:
    """A curriculum."""
    return Curriculum(horizons)
