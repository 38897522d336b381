"""A penalty on bright predictions, whose weight grows with every step."""

from __future__ import annotations

from fernn.training.strategies import Strategy


class Penalty(Strategy):
    """Its weight is a state: it is not computed from the step."""

    def __init__(self, weight: float, growth: float):
        self.weight, self.growth = weight, growth

    def penalty(self, network, seen, output, target):
        """The mean square of the output."""
        return self.weight * output.square().mean()

    def after_step(self, run):
        """Let the weight grow."""
        self.weight *= self.growth

    def report(self):
        """The weight."""
        return {"weight": self.weight}

    def state_dict(self):
        """The weight."""
        return {"weight": self.weight}

    def load_state_dict(self, state):
        """The weight."""
        self.weight = state["weight"]


def build(model, settings, needs, *, weight: float, growth: float = 1.1) -> Penalty:
    """A penalty of a model's output."""
    return Penalty(weight, growth)
