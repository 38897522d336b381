"""A world larger than the window through which it is seen.

An agent looks at a torus of 16×16 pixels through a window of 11×11 and moves it by
steps that it knows. The model keeps a map of the whole torus, with a slot for each
velocity, so that it can say where a digit is that has left the window. The picture has
what was seen last, and of the next frame what the model believes of the whole world,
and the truth.
"""

import matplotlib.pyplot as plt
import torch

from fernn import models
from fernn.data import world
from fernn.data.sources import handwritten

SEEN, AHEAD = 8, 3
digits = handwritten.fetch()


def sequences(pool, count):
    """A digit that moves, and an agent that moves its window."""
    recipe = world.synthesize(
        digits, split=pool, pool=pool, draw="sampled", seed=0, sequences=count,
        frames=SEEN + AHEAD, frame_size=11, world=16, digits=1, max_speed=1,
        agent_speed=2,
    )  # fmt: skip
    return world.Sequences(recipe, digits, "cpu")


def error(model, data, first, count):
    """The mean squared error of the window's next frames."""
    video = data.video(first, count, SEEN + AHEAD)
    steps = data.actions(first, count, SEEN + AHEAD)
    return (model(video[:, :SEEN], AHEAD, steps) - video[:, SEEN:]).square().mean()


torch.manual_seed(0)
flow = {"kind": "translation", "max_speed": 1}
spec = {"kind": "world", "flow": flow, "world": 16, "hidden": 6, "initial": "symmetric"}
model = models.build(spec, size=11)
optimiser = torch.optim.Adam(model.parameters(), 0.01)
train, test = sequences("train", 960), sequences("test", 64)
for step in range(240):
    loss = error(model, train, 4 * step, 4)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()

still = models.build({**spec, "self_motion": "ignored"}, size=11)
still.load_state_dict(model.state_dict())
with torch.no_grad():
    print(f"test error, steps known: {error(model, test, 0, 64):.4f}")
    print(f"the same, steps ignored: {error(still, test, 0, 64):.4f}")
    video, steps = test.video(0, 3, SEEN + 1), test.actions(0, 3, SEEN + 1)
    beliefs = next(model.beliefs(video[:, :SEEN], 1, steps))
worlds = test.worlds(0, 3, SEEN + 1)[:, -1, 0]  # as seen from the window's corner
corners = steps.sum(1).tolist()  # where that is, from the first window's corner
true = [each.roll(at, (0, 1)) for each, at in zip(worlds, corners, strict=True)]
window = torch.zeros(3, 16, 16)
window[:, :11, :11] = video[:, SEEN - 1, 0]
before = steps[:, : SEEN - 1].sum(1).tolist()
seen = [each.roll(at, (0, 1)) for each, at in zip(window, before, strict=True)]

figure, axes = plt.subplots(3, 3, figsize=(4.5, 4.5), layout="constrained")
rows = {"last seen": seen, "believed": [each[0] for each in beliefs], "true": true}
for line, (name, pictures) in zip(axes, rows.items(), strict=True):
    for axis, picture in zip(line, pictures, strict=True):
        axis.imshow(picture, "gray", vmin=0, vmax=1)
        axis.set(xticks=[], yticks=[])
    line[0].set_ylabel(name)
figure.savefig("beliefs.png", dpi=130)
