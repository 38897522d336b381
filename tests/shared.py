"""Trainings whose batches two processes share, all of them in one pair of processes.

python tests/shared.py FOLDER   # with atlas.nc, train.nc and val.nc; writes two.pt
"""

import sys
from pathlib import Path

import torch

import continued
from fernn import models
from fernn.training.loop import train
from fernn.videos.recipes import open_sequences

FORECASTER = continued.MODEL
OTHER = {**FORECASTER, "flow": {"kind": "translation", "max_speed": 0}}
SHIFTED = {**FORECASTER, "rollout": "shifted"}
ADAPTIVE = {"kind": "forcing", "what": "state", "schedule": "adaptive", "every": 2}
CASES = {  # models and strategies
    "ace": ({**FORECASTER, "relaxations": ["shift", "leak", "readout"]}, "ace"),
    "stages": (
        FORECASTER,
        [
            {"kind": "curriculum", "horizons": [1, 2]},
            {"kind": "multi_frame", "consistency": 0.1},
            {"kind": "pruned", "begin": 0.25},
        ],
    ),
    "noise": (FORECASTER, {"kind": "noise_aware", "weight_noise": 0.05, "bits": 8}),
    "distill": (OTHER, {"kind": "distill", "teacher": "it", "state": 0.1}),
    "guidance": (OTHER, {"kind": "guidance", "guide": "it", "weight": 0.5}),
    "forced": (SHIFTED, {"kind": "forcing", "schedule": "sampled"}),
    "adaptive": (SHIFTED, ADAPTIVE),
    "sampling": (
        {"kind": "convlstm", "hidden": 3, "decoder_layers": 0},
        {"kind": "scheduled_sampling", "order": "reverse", "stop": 1.0},
    ),
    "hypernetwork": (FORECASTER, {"kind": "hypernetwork", "speeds": [1, 0]}),
}


def trained(name, folder, devices, halves=None):
    """Records and weights of a case; `halves` makes another strategy of its own."""
    model, strategy = CASES[name]
    torch.manual_seed(9)
    it = models.build(FORECASTER, size=7).eval()
    needs = {"teacher": it, "guide": it}
    changes = {"batch": 8, "sequences": 24, "epochs": 2}
    model, chosen, way = continued.made(strategy, model, needs, **changes)
    way = halves(way) if halves else way
    paths = [Path(folder, f"{split}.nc") for split in ("train", "val")]
    splits = [open_sequences(path, Path(folder, "atlas.nc")) for path in paths]
    return train(model, *splits, chosen, strategy=way, devices=devices)


if __name__ == "__main__":
    torch.set_num_threads(1)
    found = {name: trained(name, sys.argv[1], devices=2) for name in CASES}
    if torch.distributed.get_rank() == 0:
        torch.save(found, Path(sys.argv[1], "two.pt"))
