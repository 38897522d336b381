"""Trained models that come with the package, and folders of the same form.

>>> import fernn
>>> model = fernn.load("demo-fernn-v2")  # doctest: +SKIP

A folder has the weights (``model.safetensors``), what builds the model and what is
known of it (``config.json``), and a card to read (``README.md``). `fernn export` writes
one of a run of the workflow.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fernn import checkpoint
from labrun.errors import UserError, nearest

SHIPPED = Path(__file__).parent / "weights"
WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"


def names() -> list[str]:
    """The models that come with the package."""
    return sorted(path.parent.name for path in SHIPPED.glob(f"*/{CONFIG}"))


def load(name: str | Path, device: torch.device | str = "cpu") -> nn.Module:
    """A trained model, ready to predict.

    Args:
        name: of a model that comes with the package, or a folder of the same form.
        device: where its weights go.

    Raises:
        UserError: there is no such model or folder, or its weights fit no model.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    folder, about = _folder(name), describe(name)
    path = folder / WEIGHTS
    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise checkpoint.misfit(path, error) from None
    return checkpoint.restore(path, weights, about, device)


def describe(name: str | Path) -> dict[str, Any]:
    """What is known of a model: its specification, data, numbers and origin.

    Raises:
        UserError: there is no such model or folder, or it tells no model.
    """
    path = _folder(name) / CONFIG
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}") from None
    if not isinstance(about, dict) or {"model", "frame_size"} - about.keys():
        raise UserError(f"{path} tells no model and frame_size")
    return about


def write(folder: Path, weights: dict[str, Tensor], about: dict[str, Any]) -> None:
    """Write a folder that `load` reads.

    Args:
        folder: made if it is missing.
        weights: a state dict.
        about: ``model`` and ``frame_size``, which build it, and what else is known.
    """
    from safetensors.torch import save

    folder.mkdir(parents=True, exist_ok=True)
    kept = {name: value.contiguous().cpu() for name, value in weights.items()}
    (folder / WEIGHTS).write_bytes(save(kept))
    text = json.dumps(about, indent=1, ensure_ascii=False)
    (folder / CONFIG).write_text(f"{text}\n", encoding="utf-8")


def _folder(name: str | Path) -> Path:
    for folder in (SHIPPED / name, Path(name)):
        if (folder / CONFIG).exists():
            return folder
    raise UserError(f"no trained model {str(name)!r}; {nearest(str(name), names())}")
