"""Draw the pictures of concepts.md: `python docs/pictures.py`, in the root."""

from pathlib import Path

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import torch

import fernn
from fernn import pretrained
from fernn.data import flowing_digits
from fernn.data.sources import handwritten
from fernn.models import rollouts

DOCS = Path(__file__).parent
NAME, SEEN, AHEAD = "demo-fernn-v2", 5, 40


def slots() -> None:
    """A moving digit, and a cell that keeps what it saw: h ← 0.6 ψ(ν) h + 0.4 f."""
    flow = fernn.Translation([(0, -1), (0, 0), (0, 1)], size=12)
    digit = torch.zeros(12, 12)
    digit[2:10, 0:8] = torch.as_tensor(handwritten.fetch().image.values[0] / 16.0)
    frames = [flow.act(digit, (0, 1), time) for time in range(5)]
    rows = {"input": frames}
    for nu in flow.velocities:
        state = torch.zeros(12, 12)
        rows[f"slot ν = {nu[1]:+d}" if nu[1] else "slot ν = 0"] = kept = []
        for frame in frames:
            state = 0.6 * flow.act(state, nu) + 0.4 * frame
            kept.append(state)
    last = rows["slot ν = +1"]
    own = [flow.act(state, (0, 1), -time) for time, state in enumerate(last)]
    rows["slot ν = +1,\nits own frame"] = own
    figure, axes = plt.subplots(5, 5, figsize=(5.4, 5.2), layout="constrained")
    for line, (name, states) in zip(axes, rows.items(), strict=True):
        for axis, state in zip(line, states, strict=True):
            axis.imshow(state, "gray", vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
        line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    for time, axis in enumerate(axes[0], start=1):
        axis.set_title(f"frame {time}", fontsize=9)
    figure.savefig(DOCS / "concepts-slots.png", dpi=110)


def drift() -> None:
    """The error of one trained model against the predicted frame, by roll-out."""
    digits = handwritten.fetch()
    options = dict(pretrained.describe(NAME)["recipe"])
    del options["kind"]
    options |= {"sequences": 64, "frames": SEEN + AHEAD}
    recipe = flowing_digits.synthesize(digits, **options)
    sequences = flowing_digits.Sequences(recipe, digits, "cpu")
    video = sequences.video(0, 64, SEEN + AHEAD)
    figure, axes = plt.subplots(figsize=(5.4, 2.8), layout="constrained")
    for name in ("repeat", "free", "advect"):
        model = fernn.load(NAME)
        model.rollout = rollouts.build(name)
        with torch.no_grad():
            predicted = model(video[:, :SEEN], AHEAD).clamp(0, 1)
        error = (predicted - video[:, SEEN:]).square().mean((0, 2, 3, 4))
        axes.plot(range(1, AHEAD + 1), error, label=name)
    copied = (video[:, [SEEN - 1]] - video[:, SEEN:]).square().mean((0, 2, 3, 4))
    axes.plot(range(1, AHEAD + 1), copied, "k:", label="copy of the last frame")
    axes.set(xlabel="predicted frame", ylabel="squared error", yscale="log")
    axes.legend(fontsize=8)
    figure.savefig(DOCS / "concepts-drift.png", dpi=110)


if __name__ == "__main__":
    slots()
    drift()
