"""The published protocol by instalments: each sitting goes on from the last state.

Models and settings are those of the experiment `translation_published` of the budget
`paper`, but for the number of validation sequences, which decide the epoch whose
weights are kept.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from fernn import checkpoint, models
from fernn.config.check import checked
from fernn.config.plan import plan
from fernn.config.positions import read
from fernn.training.loop import train
from fernn.training.settings import settings
from fernn.videos.recipes import open_sequences
from gpu_sitting.data import CONFIG
from gpu_sitting.sizes import Sizes
from labrun.lineage import stamp
from labrun.rolling_states import RollingStates
from labrun.stopping import Interrupted

EXPERIMENT = "translation_published"
MODELS = ("grnn", "fernn_v1", "fernn_v2")


@functools.cache
def _plan() -> dict[str, Any]:
    source = read(CONFIG)
    return plan(checked({**source.content, "budget": "paper"}, [source]))


def entry(name: str, sizes: Sizes) -> tuple[dict[str, Any], dict[str, Any]]:
    """The specification of a model, and its training settings.

    Args:
        name: of `MODELS`.
        sizes: those of a rehearsal replace the published ones.
    """
    found = _plan()["experiments"][EXPERIMENT]["models"][name]
    model, training = found["model"], found["training"]
    if sizes.instalment is None:
        return model, training
    model = {**model, "hidden": sizes.hidden, "decoder_layers": sizes.layers}
    short = {"batch": sizes.batch, "context": sizes.context, "horizon": sizes.horizon}
    short |= {"sequences": sizes.instalment * sizes.batch, "epochs": 2}
    return model, {**training, **short}


def instalment(
    name: str,
    sizes: Sizes,
    folder: Path,
    device: torch.device,
    seconds: float,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """Train for so many seconds, or to the end, and keep state and weights in a folder.

    Returns:
        The ``curve`` of all epochs so far, and the ``step`` reached, of how many
        ``steps``.
    """
    model_spec, training = entry(name, sizes)
    made = settings(training, 0)
    home = folder / "published" / name
    home.mkdir(parents=True, exist_ok=True)
    states = RollingStates(home / "states", {"model": model_spec, **made.given()})
    states.folder.mkdir(exist_ok=True)
    torch.manual_seed(made.seed)
    model = models.build(model_spec, sizes.frame)
    split, validation = (
        open_sequences(folder / "data" / f"{part}.nc", folder / "data/atlas.nc", device)
        for part in ("train", "val")
    )
    curve: list[dict[str, float]] = []
    step = made.steps
    try:
        _, weights = train(
            model, split, validation, made, states, curve.append, seconds=seconds
        )
        named = {"model": model_spec, "frame_size": sizes.frame}
        checkpoint.save(home / "model.pt", weights, named, stamp([]))
    except Interrupted as stop:
        tell(str(stop))
        saved = states.load()
        step = saved[0]["step"] if saved else 0
    tell(f"published {name}: {step} of {made.steps} steps")
    return {"curve": curve, "step": step, "steps": made.steps}
