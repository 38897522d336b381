"""Predict with a trained model, beyond its training, by several roll-outs.

`fernn.load` reads a model that comes with the package. It was trained on 5 observed and
at most 10 predicted frames, with the roll-out `advect`. The roll-out has no weights, so
another one can be set. `advect` moves the last observed state and cannot drift here;
`free` lets the cell run on; `repeat`, of the paper's code, feeds the last frame twice.
A model that was trained with one of these is better at it than this one.
"""

import json

import matplotlib.pyplot as plt
import torch

import fernn
from fernn import pretrained
from fernn.data import flowing_digits
from fernn.data.sources import handwritten
from fernn.models import rollouts

NAME, SEEN, AHEAD = "demo-fernn-v2", 5, 60

about = pretrained.describe(NAME)
print("V has", len(fernn.load(NAME).cell.flow.velocities), "velocities; trained on")
print(json.dumps({key: about["recipe"][key] for key in ("digits", "max_speed")}))

digits = handwritten.fetch()
options = {**about["recipe"], "sequences": 32, "frames": SEEN + AHEAD}
del options["kind"]
recipe = flowing_digits.synthesize(digits, **options)
video = flowing_digits.Sequences(recipe, digits, "cpu").video(0, 32, SEEN + AHEAD)

figure, axes = plt.subplots(figsize=(6, 3), constrained_layout=True)
for name in ("advect", "shifted", "free", "repeat"):
    model = fernn.load(NAME)
    model.rollout = rollouts.build(name)
    with torch.no_grad():
        predicted = model(video[:, :SEEN], AHEAD).clamp(0, 1)
    error = (predicted - video[:, SEEN:]).square().mean((0, 2, 3, 4))
    print(f"{name:8} frame 1: {error[0]:.4f}   frame {AHEAD}: {error[-1]:.4f}")
    axes.plot(range(1, AHEAD + 1), error, label=name)
axes.set(xlabel="predicted frame", ylabel="squared error", yscale="log")
axes.legend()
figure.savefig("error.png", dpi=130)
