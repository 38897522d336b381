"""A network trained for as long as the sitting lasts, then tested."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from fernn import checkpoint, models
from fernn.devices import allow_rounding
from fernn.training.loop import Diverged, train
from fernn.training.settings import Precision, Settings
from fernn.videos.recipes import open_sequences
from gpu_sitting.forms import Form, spec
from gpu_sitting.sizes import Sizes
from labrun.lineage import stamp
from labrun.rolling_states import RollingStates
from labrun.stopping import Interrupted
from labrun.storage import write_text

RATES = (0.001, 0.002, 0.004)
EPOCHS = 10  # validations of the long run, at least
DRAWN = 50000  # sequences of an epoch, at most: the recipe has 54000


def settings(
    sizes: Sizes, form: Form, steps: int, rate: float, epochs: int
) -> Settings:
    """A one-cycle of so many steps, in so many epochs."""
    return Settings(
        batch=sizes.batch,
        sequences=steps // epochs * sizes.batch,
        epochs=epochs,
        context=sizes.context,
        horizon=sizes.horizon,
        learning_rate=rate,
        schedule="one_cycle",
        precision=cast(Precision, form.precision),
    )


def probe(
    sizes: Sizes,
    form: Form,
    folder: Path,
    device: torch.device,
    rates: Sequence[float] = RATES,
) -> dict:
    """After a short one-cycle of each rate: error, seconds of a step and validation."""
    found: dict[str, Any] = {}
    for rate in rates:
        times: list[float] = []
        made = settings(sizes, form, sizes.probe, rate, 1)
        try:
            records, _ = _train(
                sizes, form, folder, device, made,
                on_step=lambda record, times=times: times.append(time.perf_counter()),
            )  # fmt: skip
            error = records[-1]["validation_error"]
        except Diverged:
            error = float("inf")
        half = len(times) // 2
        step = (times[-1] - times[half]) / max(1, len(times) - 1 - half)
        validation = time.perf_counter() - times[-1]
        found[str(rate)] = {"error": error, "step": step, "validation": validation}
    return found


def long_run(
    sizes: Sizes,
    form: Form,
    folder: Path,
    device: torch.device,
    steps: int,
    rate: float,
    seconds: float,
    output: Path,
    tell: Callable[[str], None],
) -> list[dict]:
    """Train to the end of the schedule; the weights are written to ``model.pt``."""
    epochs = max(EPOCHS, math.ceil(steps * sizes.batch / DRAWN))
    made = settings(sizes, form, steps, rate, epochs)
    states = RollingStates(output / "states", {"settings": vars(made)})
    states.folder.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    curve: list[dict] = []

    def on_epoch(record: dict) -> None:
        curve.append({**record, "seconds": time.perf_counter() - started})
        write_text(json.dumps(curve, indent=1), output / "curve.json")
        tell(f"{record['updates']} steps: {record['validation_error']:.3g}")

    try:
        where = sizes, form, folder, device, made, states, on_epoch
        _, weights = _train(*where, seconds=seconds)
    except Interrupted as stop:  # the schedule was too long: the best weights so far
        tell(str(stop))
        saved = states.load()
        assert saved is not None
        weights = saved[0]["best"]
    named = {"model": spec(sizes, form), "frame_size": sizes.frame}
    checkpoint.save(output / "model.pt", weights, named, stamp([]))
    return curve


def _train(
    sizes: Sizes,
    form: Form,
    folder: Path,
    device: torch.device,
    made: Settings,
    states: RollingStates | None = None,
    on_epoch: Any = lambda record: None,
    on_step: Any = lambda record: None,
    seconds: float | None = None,
) -> tuple[list, dict]:
    torch.manual_seed(0)
    model = models.build(spec(sizes, form), sizes.frame)
    training, validation = (
        open_sequences(folder / "data" / f"{name}.nc", folder / "data/atlas.nc", device)
        for name in ("train", "val")
    )
    data = training, validation, made, states
    return train(model, *data, on_epoch, on_step, seconds=seconds)


@torch.no_grad()
def test(sizes: Sizes, folder: Path, device: torch.device, output: Path) -> dict:
    """Squared errors of the trained weights in single precision; saved by sample."""
    allow_rounding(False)
    model = checkpoint.load(output / "model.pt", device)
    found, arrays = {}, {}
    for name in ("in_distribution", "length", "velocity"):
        split = open_sequences(
            folder / "data" / f"{name}.nc", folder / "data/atlas.nc", device
        )
        horizon = sizes.far if name == "length" else sizes.horizon
        raw, clipped = _errors(model, split, sizes.context, horizon)
        arrays |= {f"{name}_raw": raw, f"{name}_clipped": clipped}
        found[name] = {"raw": float(raw.mean()), "clipped": float(clipped.mean())}
        if name == "length":
            found["last"] = float(clipped[:, -sizes.horizon :].mean())
        if name == "velocity":
            found |= _by_velocity(split.recipe, clipped)
    np.savez_compressed(output / "errors.npz", **arrays)
    return found


def _errors(
    model: Any, split: Any, context: int, horizon: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sample × frame, of predictions as they are and limited to [0, 1]."""
    raw, clipped = [], []
    for first in range(0, len(split), 100):
        video = split.video(first, 100, context + horizon)
        frames = list(model.predict(video[:, :context], horizon))
        predicted, true = torch.stack(frames, 1), video[:, context:]
        for made, into in ((predicted, raw), (predicted.clamp(0, 1), clipped)):
            into.append((made - true).square().mean((2, 3, 4)).cpu().numpy())
    return np.concatenate(raw), np.concatenate(clipped)


def _by_velocity(recipe: Any, clipped: np.ndarray) -> dict[str, float]:
    """Mean errors at speeds of the training data, and beyond them (not in V)."""
    speeds = [abs(recipe[f"velocity_{axis}"].values) for axis in ("rows", "columns")]
    seen = (np.maximum(*speeds) <= 2).all(1)
    return {
        "in V": float(clipped[seen].mean()),
        "outside": float(clipped[~seen].mean()),
    }
