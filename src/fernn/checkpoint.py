"""A trained model on disk: weights, specification, lineage, and a readable sidecar."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from fernn import models
from fernn.errors import Damaged, UserError
from fernn.lineage import sha256
from fernn.packing import pack, unpack
from fernn.storage import write_bytes, write_text


def save(
    path: Path, weights: dict[str, Any], spec: dict[str, Any], lineage: dict[str, Any]
) -> None:
    """Write ``model.pt`` and ``model.pt.json`` (specification, lineage, SHA-256).

    Args:
        path: of the checkpoint.
        weights: a state dict.
        spec: the model's specification and ``frame_size``, enough to build it again.
        lineage: from `fernn.lineage.stamp`.
    """
    content, digest = pack({"weights": weights, "spec": spec})
    record = {"lineage": lineage, "sha256": digest, "spec": spec}
    write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", sidecar(path))
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
    spec = dict(content["spec"])
    model = models.build(spec["model"], spec["frame_size"]).to(device)
    model.load_state_dict(content["weights"])
    return model.eval()


def describe(path: Path | str) -> dict[str, Any]:
    """What the sidecar tells, without loading the weights.

    Raises:
        UserError: there is no sidecar.
    """
    beside = sidecar(Path(path))
    if not beside.exists():
        raise UserError(
            f"no {beside.name} beside {path}; it tells what the weights are"
        )
    return json.loads(beside.read_text())


def sidecar(path: Path) -> Path:
    """``model.pt.json`` for ``model.pt``."""
    return path.with_name(path.name + ".json")
