"""A small network on scikit-learn's digits: the science, which knows no pipeline."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import cross_entropy

EPOCHS, BATCH = 30, 50
TRAIN, VALIDATION, TEST = slice(1000), slice(1000, 1400), slice(1400, None)


class Training:
    """A model that learns epoch by epoch, the same whenever it is continued."""

    def __init__(self, seed: int, hidden: int, learning_rate: float):
        """Give it the weights of a seed."""
        torch.manual_seed(seed)
        self.model = nn.Sequential(
            nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, 10)
        )
        self.optimiser = torch.optim.Adam(self.model.parameters(), learning_rate)
        pixels, digits = load_digits(return_X_y=True)
        self.pixels = torch.tensor(pixels, dtype=torch.float32) / 16
        self.digits = torch.tensor(digits)

    def epoch(self, number: int) -> dict[str, float]:
        """Learn from each digit once; the metrics afterwards."""
        order = torch.randperm(1000, generator=torch.Generator().manual_seed(number))
        for batch in order.split(BATCH):
            loss = cross_entropy(self.model(self.pixels[batch]), self.digits[batch])
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
        return {"train/loss": loss.item(), "val/error": self.error(VALIDATION)}

    @torch.no_grad()
    def error(self, part: slice) -> float:
        """The share of digits that are misread."""
        read = self.model(self.pixels[part]).argmax(1)
        return (read != self.digits[part]).double().mean().item()
