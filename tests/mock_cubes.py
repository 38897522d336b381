"""Small cubes of errors, accuracies and costs, plausible; no training, no torch.

FERNN-V2 has a low error, FERNN-V1 a middle one, the G-RNN a high one, baselines are
constant, and one seed of FERNN-V2 drifts beyond the frames of its training.
"""

from __future__ import annotations

import itertools
import json

import numpy as np
import xarray as xr

SIZE = 12
CONTEXT, HORIZON, LONG = 5, 5, 20
SEEDS = (0, 1, 2)
LEVEL = {"grnn": 0.05, "fernn_v1": 0.02, "fernn_v2": 0.002, "copy_last": 0.15}


def square(speed: int) -> list[list[int]]:
    steps = range(-speed, speed + 1)
    return [[row, column] for row, column in itertools.product(steps, steps)]


def model(label: str, speed: int, cost: float, **changes) -> dict:
    about = {"label": label, "kind": "forecaster"}
    about |= {"role": "model", "reference": False, "drawn": False, "published": None}
    about |= {"velocities": square(speed), "parameters": 1305, "cost": cost}
    about |= {"oracle": False}
    return about | {"epochs": 10} | changes


def baseline(label: str, **changes) -> dict:
    about = {"kind": "persistence", "parameters": 0, "epochs": 0}
    return model(label, 0, 0.0) | about | {"role": "baseline"} | changes


MODELS = {
    "grnn": model("G-RNN", 0, 0.31, epochs=32, reference=True),
    "fernn_v1": model("FERNN-V1", 1, 0.62, epochs=16),
    "fernn_v2": model("FERNN-V2", 2, 1.0),
    "copy_last": baseline("copy last frame", drawn=True),
    "copy_moved": baseline("copy moved (oracle)", oracle=True),
}
TRAINED = [name for name, about in MODELS.items() if about["role"] == "model"]


def published(
    differs: list[list] | None = None,
    entry: dict | None = None,
    /,
    **values: tuple[float, float],
) -> dict[str, str]:
    """Attributes of a cube whose models have published values, mean and std.

    Args:
        differs: the settings that are not the published ones, of all models.
        entry: how values are compared, in place of a ratio of 3 seeds within 1.5.
        values: of models.
    """
    models = {
        name: about
        | {"published": dict(zip(("mean", "std"), values[name], strict=True))}
        | {"differs": differs or []}
        if name in values
        else about
        for name, about in MODELS.items()
    }
    known = {"name": "paper", "source": ["Published: a paper."], "others": {}}
    known |= {"scale": "ratio", "margin": 1.5, "seeds": 3, "against": None}
    known |= entry or {}
    return {"models": json.dumps(models), "published": json.dumps(known)}


MEASURED = {  # axis: its statistic and draw
    "in_distribution": ("squared_error", "sampled"),
    "length": ("squared_error", "sampled"),
    "velocity": ("squared_error", "grid"),
    "rollouts": ("frames", "sampled"),
    "hidden_state": ("hidden_state", "flowed"),
    "equivariance": ("equivariance_error", "flowed"),
    "curves": ("curves", None),
    "seconds": ("processor_seconds", None),
    "camera": ("classification", "grid"),
    "footage": ("footage", "grid"),
    "image_quality": ("image_quality", "sampled"),
    "lyapunov": ("lyapunov", "sampled"),
    "noise": ("noise", "sampled"),
    "strict_error": ("strict_error", "sampled"),
    "state_norm": ("state_norm", "sampled"),
    "fixed_points": ("fixed_points", "sampled"),
    "timescales": ("timescales", "sampled"),
    "state_graph": ("state_graph", "sampled"),
    "swept": ("swept", "sampled"),
}


def attrs(axis: str, **changes) -> dict:
    statistic, draw = MEASURED[axis]
    about = {
        "statistic": statistic,
        **({"draw": draw} if draw else {}),
        "experiment": "translation",
        "title": "Digits in translation",
        "axis": axis,
        "budget": "demo",
        "context": CONTEXT,
        "horizon": HORIZON,
        "long_horizon": LONG,
        "digits": 1,
        "frame_size": SIZE,
        "max_speed": 2,
        "sequences": 400,
        "redraw": "epoch",
        "protocol": "exact",
        "rollout": "free",
        "source": "handwritten digits (scikit-learn, 8x8)",
        "commit": "0" * 40,
        "lineage": json.dumps({"commit": "0" * 40, "version": "0", "inputs": {}}),
        "models": json.dumps(MODELS),
    }
    return about | changes


def _errors(frames: int, velocities: np.ndarray, zero_shot=False) -> xr.Dataset:
    """Squared errors (model, seed, sample, frame); `velocities` is (sample, 2)."""
    rng = np.random.default_rng(0)
    frame = np.arange(1, frames + 1)
    samples = len(velocities)
    raw = np.zeros((len(MODELS), len(SEEDS), samples, frames))
    speed = np.abs(velocities).max(axis=1)
    spread = rng.lognormal(0, 0.2, (len(MODELS), len(SEEDS), samples, 1))
    wiggle = rng.lognormal(0, 0.05, raw.shape)
    for i, name in enumerate(TRAINED):
        growth = LEVEL[name] * (1 + (frame / 20) ** 2)
        seeds = np.array([0.8, 1.3, 1.0])[:, None, None]
        raw[i] = growth * seeds * spread[i] * wiggle[i]
        beyond = (speed > max(map(max, MODELS[name]["velocities"])))[:, None]
        raw[i] *= np.where(beyond & zero_shot, 2, 1)
    drift = np.where(frame > LONG, 1.45 ** (frame - LONG), 1.0)
    raw[TRAINED.index("fernn_v2"), 1] *= drift
    raw[len(TRAINED)] = LEVEL["copy_last"] * spread[-1, :1] * (speed > 0)[:, None]
    clamped = np.where(raw > 0, raw * 0.4 / (raw + 0.4), 0)
    coords = {"model": list(MODELS), "seed": list(SEEDS), "frame": frame}
    coords["sample"] = np.arange(samples)
    dims = ("model", "seed", "sample", "frame")
    cube = xr.Dataset(
        {"squared_error": (dims, raw), "clamped_squared_error": (dims, clamped)},
        coords=coords,
    )
    for k, axis in enumerate(("rows", "columns")):
        digits = (("sample", "digit"), velocities[:, [k]], {"units": "pixel/frame"})
        cube = cube.assign_coords({f"velocity_{axis}": digits})
    return cube


def _random_velocities(samples: int) -> np.ndarray:
    return np.random.default_rng(1).integers(-2, 3, (samples, 2))


def in_distribution(**changes) -> xr.Dataset:
    cube = _errors(HORIZON, _random_velocities(16))
    return cube.assign_attrs(attrs("in_distribution", **changes))


def strict_error(**changes) -> xr.Dataset:
    """As in distribution; models have no relaxations."""
    cube = in_distribution()[["squared_error"]]
    cube = cube.assign(squared_error_strict=cube["squared_error"])
    return cube.assign_attrs(attrs("strict_error", **changes))


def noise(**changes) -> xr.Dataset:
    """In distribution, and twice that error with noise of 0.2."""
    cube = in_distribution()
    levels = xr.DataArray([1.0, 2.0], {"noise": [0.0, 0.2]})
    return (cube * levels).assign_attrs(attrs("noise", **changes))


def few(**changes) -> xr.Dataset:
    """A cube of training sequences that were the same in every epoch."""
    return in_distribution(**{"redraw": "never", "sequences": 64} | changes)


def length(**changes) -> xr.Dataset:
    cube = _errors(7 * HORIZON, _random_velocities(16))
    return cube.assign_attrs(attrs("length", **changes))


def velocity(**changes) -> xr.Dataset:
    """A grid wider than what was trained, two samples per velocity."""
    cube = _errors(HORIZON, np.repeat(np.array(square(2)), 2, axis=0), True)
    about = attrs("velocity", experiment="translation_slow", max_speed=1)
    about["title"] = "Digits in translation, trained at speeds up to 1"
    return cube.assign_attrs(about | changes)


def turning() -> xr.Dataset:
    """Rotations by steps of 45 degrees: the moves along columns, named otherwise."""
    cube = velocity()
    cube = cube.isel(sample=(cube.velocity_rows[:, 0] == 0).values)
    degrees = ("sample", "digit"), 45 * cube.velocity_columns.values
    cube = cube.drop_vars(["velocity_rows", "velocity_columns"])
    models = json.loads(cube.attrs["models"])
    for about in models.values():
        line = [nu for nu in about["velocities"] if nu[0] == 0]
        about["velocities"] = [[45 * nu[1]] for nu in line]
    cube = cube.assign_coords(velocity_degrees=degrees)
    return cube.assign_attrs(step=45, models=json.dumps(models))


def curves(**changes) -> xr.Dataset:
    rng = np.random.default_rng(2)
    epochs = max(MODELS[name]["epochs"] for name in TRAINED)
    shape = (len(TRAINED), len(SEEDS), epochs)
    error = np.full(shape, np.nan)
    updates = np.full((len(TRAINED), epochs), np.nan)
    for i, name in enumerate(TRAINED):
        count = MODELS[name]["epochs"]
        steps = 75.0 * np.arange(1, count + 1)
        updates[i, :count] = steps
        fall = LEVEL[name] + 0.1 * np.exp(-steps / (30 * count))
        error[i, :, :count] = fall * rng.lognormal(0, 0.12, (len(SEEDS), count))
    dims = ("model", "seed", "epoch")
    return xr.Dataset(
        {"train_loss": (dims, error * 0.9), "validation_error": (dims, error)},
        coords={
            "model": TRAINED,
            "seed": list(SEEDS),
            "epoch": np.arange(1, epochs + 1),
            "updates": (("model", "epoch"), updates),
        },
        attrs=attrs("curves", **changes),
    )


def seconds(**changes) -> xr.Dataset:
    """`curves` of models that learn at the same pace, about a second an update."""
    cube = curves()
    pace = xr.DataArray([0.9, 1.0, 1.2], {"seed": list(SEEDS)})
    spent = (cube["updates"] * pace).transpose("model", "seed", "epoch")
    found = cube[["validation_error"]].drop_vars("updates")
    found = found.assign(processor_seconds=spent.drop_vars("updates"))
    return found.assign_attrs(attrs("seconds", **changes))


def equivariance(**changes) -> xr.Dataset:
    """Rounding where a slot has a partner; the one slot of the G-RNN errs."""
    speeds, rng = range(-2, 3), np.random.default_rng(3)
    slot_error = np.full((len(TRAINED), 2, *[len(speeds)] * 4), np.nan)
    for i, name in enumerate(TRAINED):
        known = {tuple(velocity) for velocity in MODELS[name]["velocities"]}
        level = 0.6 if known == {(0, 0)} else 1e-7
        for flow, slot in itertools.product(itertools.product(speeds, speeds), known):
            partner = (slot[0] - flow[0], slot[1] - flow[1])
            if partner in known or known == {(0, 0)}:
                at = (flow[0] + 2, flow[1] + 2, slot[0] + 2, slot[1] + 2)
                error = level * rng.lognormal(0, 0.2, 2)
                slot_error[(i, slice(None), *at)] = error if any(flow) else 0
    level = np.array([LEVEL[name] for name in TRAINED])[:, None, None, None, None]
    moves = np.abs(speeds)[:, None, None] + np.abs(speeds)[:, None]
    spread = rng.lognormal(0, 0.2, (len(TRAINED), 2, 1, 1, 1))
    output_error = 5 * level * spread * moves * np.arange(1, HORIZON + 1)
    dims = ("model", "seed", "flow_rows", "flow_columns")
    axes = ("flow_rows", "flow_columns", "slot_rows", "slot_columns")
    return xr.Dataset(
        {
            "slot_error": ((*dims, "slot_rows", "slot_columns"), slot_error),
            "output_error": ((*dims, "frame"), output_error),
        },
        coords={
            "model": TRAINED,
            "seed": [0, 1],
            **{axis: list(speeds) for axis in axes},
            "frame": np.arange(1, HORIZON + 1),
        },
        attrs=attrs("equivariance", **changes),
    )


def lyapunov(**changes) -> xr.Dataset:
    """Exponents of two flows and shifts; FERNN-V2 is without a deviation."""
    frame, rng = np.arange(1, 4 * HORIZON + 1), np.random.default_rng(6)
    shape = (len(TRAINED), len(SEEDS), 2, 1, 4, frame.size)
    level = np.array([LEVEL[name] for name in TRAINED]).reshape(-1, *[1] * 5)
    noise = rng.lognormal(0, 0.2, shape)
    deviation = np.where(level > LEVEL["fernn_v2"], 10 * level * noise, 0.0)
    error = level * (1 + (frame / 7) ** 2) * noise
    dims = ("model", "seed", "perturbation", "direction", "sample", "frame")
    flat = tuple(dim for dim in dims if dim not in ("perturbation", "direction"))
    return xr.Dataset(
        {
            "deviation": (dims, deviation),
            "displacement": (dims, noise),
            "stretch": (flat, (0.1 * frame * noise)[:, :, 0, 0]),
            "squared_error": (flat, error[:, :, 0, 0]),
        },
        coords={"model": TRAINED, "seed": list(SEEDS), "frame": frame}
        | {"perturbation": ["shift", "flow"], "direction": ["columns"]},
        attrs=attrs("lyapunov", **changes),
    )


def swept(**changes) -> xr.Dataset:
    """Errors that grow with the share of weights that are pruned."""
    cube = in_distribution().sel(model=TRAINED)
    shares = [0.0, 0.3, 0.9]
    each = [cube * (1 + 9 * share) for share in shares]
    about = {"treatment": "prune", "option": "share"}
    whole = xr.concat(each, xr.Variable("value", shares, about).to_index_variable())
    return whole.assign_attrs(attrs("swept", **changes))


def image_quality(**changes) -> xr.Dataset:
    """The same errors as sums over the pixels, with a plausible likeness."""
    cube = in_distribution()
    error = cube["squared_error"]
    found = {"mse": error * SIZE**2, "mae": error**0.5 * SIZE**2, "ssim": 1 - error}
    found["psnr"] = -10 * np.log10(error.where(error > 0, 1e-4))
    return xr.Dataset(found, attrs=attrs("image_quality", **changes))


CLIPS = {"classes": json.dumps(["boxing", "walking"]), "source": "synthetic actions"}


def camera(**changes) -> xr.Dataset:
    """Accuracies over two velocities of the camera; 4 clips of each of 5 persons."""
    rng = np.random.default_rng(5)
    level = np.array([1 - 4 * LEVEL[name] for name in TRAINED])[:, None, None]
    correct = (rng.random((len(TRAINED), len(SEEDS), 40)) < level).astype(float)
    clip = np.arange(40) % 20
    coords = {
        "label": clip % 2,
        "person": 21 + clip // 4,
        "scenario": 1 + clip % 4,
        "clip": clip,
        "velocity_rows": 0 * clip,
        "velocity_columns": 3 * (np.arange(40) // 20),
    }
    return xr.Dataset(
        {"correct": (("model", "seed", "sample"), correct)},
        coords={
            "model": TRAINED,
            "seed": list(SEEDS),
            **{name: ("sample", values) for name, values in coords.items()},
        },
        attrs=attrs("camera", experiment="actions", **CLIPS) | changes,
    )


def velocities(**changes) -> xr.Dataset:
    """A cost of 5 and 1 a velocity, of two forms, with a spread between rounds."""
    slots, rounds = np.array([1, 9, 25]), np.array([0.9, 1.0, 1.2])
    step = np.array([1.0, 4.0])[:, None] * (5 + slots)
    dims = ("form", "velocities")
    about = {"experiment": "bench", "axis": "velocities", "title": "Measured cost"}
    return xr.Dataset(
        {
            "step_time": ((*dims, "round"), step[..., None] * rounds, {"units": "ms"}),
            "memory": (dims, 2 * step, {"units": "MiB"}),
        },
        coords={"form": ["auto", "naive"], "velocities": slots},
        attrs=about | {"budget": "demo", "size": "tiny"} | changes,
    )


def paired(cube: xr.Dataset) -> xr.Dataset:
    """The same, whose FERNNs are compared with the G-RNN."""
    described = json.loads(cube.attrs["models"])
    for name, about in described.items():
        if name.startswith("fernn"):
            about |= {"against": "grnn", "change": ["flow"]}
    return cube.assign_attrs(models=json.dumps(described))
