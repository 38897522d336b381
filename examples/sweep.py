"""A sweep of hyperparameters with an exact number of trials.

A study is a journal file. Any number of workers may run `work` on it; together they
make as many trials as asked, also if some of them die. The first trials are given, the
others are drawn by Optuna. The workflow tunes every model in this way.
"""

from pathlib import Path

import torch

import fernn
from labrun.tuning.study import Search, open_study, work

flow = fernn.Translation(fernn.square(1), size=8)
random = torch.Generator().manual_seed(0)
frames = torch.rand(32, 1, 1, 8, 8, generator=random)
moving = [flow.act(frames, (0, 1), time) for time in range(8)]
videos = torch.cat(moving, dim=1)  # noise that moves to the right


def objective(trial, params):
    """The error of a short training with these hyperparameters."""
    torch.manual_seed(0)
    cell = fernn.FusedCell(flow, hidden=params["hidden"])
    model = fernn.Forecaster(cell, decoder_layers=0)
    optimiser = torch.optim.Adam(model.parameters(), params["learning_rate"])
    loss = torch.tensor(0.0)
    for _ in range(15):
        loss = (model(videos[:, :4], 4) - videos[:, 4:]).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return loss.item()


search = Search(
    trials=5,
    points=[{"learning_rate": 0.001, "hidden": 4}],  # of trial 0
    ranges={
        "learning_rate": {"low": 0.001, "high": 0.02, "log": True},
        "hidden": {"low": 2, "high": 8, "integer": True},
    },
)
journal = Path("study.journal")
work(journal, search, objective)
study = open_study(journal)
for trial in sorted(study.trials, key=lambda each: each.value):
    rate, hidden = trial.params["learning_rate"], trial.params["hidden"]
    print(f"error {trial.value:.4f}  learning rate {rate:.4f}  channels {hidden}")
