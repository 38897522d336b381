"""A trained model on disk: weights, specification, lineage, and a readable sidecar."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn

from fernn import models
from labrun.errors import Damaged, UserError, shown
from labrun.lineage import sha256
from labrun.rolling_states import pack, unpack
from labrun.storage import read_json, write_bytes, write_json

# What Python and torch raise where a specification builds nothing, or something else.
MISFITS = (LookupError, OverflowError, RuntimeError, TypeError, ValueError)


def save(
    path: Path,
    weights: dict[str, Any],
    spec: dict[str, Any],
    lineage: dict[str, Any],
    measured: dict[str, Any] | None = None,
) -> None:
    """Write ``model.pt`` and ``model.pt.json`` (specification, lineage, SHA-256).

    Args:
        path: of the checkpoint.
        weights: a state dict.
        spec: the model's specification and ``frame_size``, enough to build it again,
            and of its search the best ``params`` and those at an edge.
        lineage: from `labrun.lineage.stamp`.
        measured: times of the training, in the sidecar alone: the bytes of a checkpoint
            are those of any run that is equal.
    """
    content, digest = pack({"weights": weights, "spec": spec})
    record = {"lineage": lineage, "sha256": digest, "spec": spec}
    record |= {"measured": measured} if measured else {}
    write_json(record, sidecar(path))
    write_bytes(content, path)


def load(path: Path | str, device: torch.device | str = "cpu") -> nn.Module:
    """The trained model, ready to evaluate.

    Raises:
        UserError: the file is missing, or holds code, which is not run.
        Damaged: its bytes are not those that were saved.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"no such checkpoint: {path}")
    recorded, found = describe(path)["sha256"], sha256(path)
    if recorded != found:
        raise Damaged(path, f"expected SHA-256 {recorded}, found {found}")
    content = unpack(path, device)
    if content is None:
        raise UserError(f"{path} is refused: it holds code")
    parts = content if isinstance(content, dict) else {}
    weights, spec = parts.get("weights"), parts.get("spec")
    if not isinstance(weights, dict) or not isinstance(spec, dict):
        raise UserError(f"{path}: holds no model, but {shown(content)}")
    return restore(path, weights, spec, device)


def restore(
    path: Path, weights: dict[str, Any], spec: dict[str, Any], device: Any
) -> nn.Module:
    """The model of a specification with weights, ready to evaluate.

    Args:
        path: of the weights, for messages.
        weights: a state dict.
        spec: ``model`` and ``frame_size``.
        device: where it goes.

    Raises:
        UserError: the weights fit no model.
    """
    try:
        model = models.build(spec["model"], spec["frame_size"]).to(device)
        model.load_state_dict(weights)
    except MISFITS as error:
        raise misfit(path, error) from None
    _tell_lost(path, model)
    return model.eval()


def misfit(path: Path, error: Exception) -> UserError:
    """What is told of weights that cannot be used."""
    reason = " ".join(str(error).split())
    return UserError(f"{path}: its weights fit no model: {reason}")


def _tell_lost(path: Path, model: nn.Module) -> None:
    """Say in a line that weights are no numbers: what follows means nothing."""
    weights = list(model.parameters())
    lost = sum(int((~weight.isfinite()).sum()) for weight in weights)
    if lost:
        every = sum(weight.numel() for weight in weights)
        line = f"{path}: {lost} of {every} weights are not finite: it diverged"
        print(line, file=sys.stderr, flush=True)


def describe(path: Path | str) -> dict[str, Any]:
    """What the sidecar tells, without loading the weights.

    Raises:
        UserError: there is no sidecar.
        Damaged: the sidecar is not what was written.
    """
    beside = sidecar(Path(path))
    if not beside.exists():
        raise UserError(
            f"no {beside.name} beside {path}; it tells what the weights are"
        )
    try:
        return read_json(beside, sha256=str, spec=dict)
    except Damaged as error:  # both are made again
        raise Damaged(path, f"its sidecar: {error}") from None


def sidecar(path: Path) -> Path:
    """``model.pt.json`` for ``model.pt``."""
    return path.with_name(path.name + ".json")
