"""Train on an array of your own.

Any array of shape (video, time, channel, height, width) will do; no file, recipe or
configuration is needed. Here squares move over a torus, each video at a velocity of its
own. The model sees four frames and learns to predict four. It is then asked for eleven,
and compared with a copy of the last frame.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

import fernn

SIZE, SEEN, AHEAD, LONG = 12, 4, 4, 11


def squares(count, frames, seed):
    """Videos of a 3×3 square: float32, (video, time, channel, height, width)."""
    random = np.random.default_rng(seed)
    videos = np.zeros((count, frames, 1, SIZE, SIZE), np.float32)
    for video in videos:
        place, velocity = random.integers(SIZE, size=2), random.integers(-1, 2, size=2)
        for time, frame in enumerate(video[:, 0]):
            rows, columns = ((place + time * velocity)[:, None] + np.arange(3)) % SIZE
            frame[np.ix_(rows, columns)] = 1
    return torch.from_numpy(videos)


torch.manual_seed(0)
flow = fernn.Translation(fernn.square(1), size=SIZE)  # as fast as the squares
model = fernn.Forecaster(fernn.FusedCell(flow, hidden=4), 1, rollout="advect")
optimiser = torch.optim.Adam(model.parameters(), 0.01)
videos = squares(64, SEEN + AHEAD, seed=0)
for step in range(120):
    batch = videos[torch.randint(len(videos), (8,))]
    loss = (model(batch[:, :SEEN], AHEAD) - batch[:, SEEN:]).square().mean()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    if step % 30 == 0:
        print(f"step {step:3d}: training error {loss.item():.4f}")

test = squares(64, SEEN + LONG, seed=1)
with torch.no_grad():
    predicted = model(test[:, :SEEN], LONG)
error = (predicted - test[:, SEEN:]).square().mean((0, 2, 3, 4))
copied = (test[:, [SEEN - 1]] - test[:, SEEN:]).square().mean((0, 2, 3, 4))
for frame in (1, AHEAD, LONG):
    print(f"frame {frame:2d}: {error[frame - 1]:.4f}, a copy {copied[frame - 1]:.4f}")

figure, axes = plt.subplots(2, 6, figsize=(7, 2.6), constrained_layout=True)
for column, frame in enumerate(range(0, LONG, 2)):
    for row, video in enumerate((test[:, SEEN:], predicted)):
        axes[row, column].imshow(video[0, frame, 0], "gray", vmin=0, vmax=1)
        axes[row, column].set(xticks=[], yticks=[])
    axes[0, column].set_title(f"frame {frame + 1}", fontsize=9)
axes[0, 0].set_ylabel("true")
axes[1, 0].set_ylabel("predicted")
figure.savefig("forecast.png", dpi=130)
