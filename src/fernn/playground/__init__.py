"""The playground: trained models in one HTML page that needs no server and no library.

``cell.js`` is the network, ``page.js`` the world of digits and the views around it, and
``page.html`` what they stand in; `page` puts them together with weights and digits.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fernn import pretrained
from labrun.errors import UserError

HERE = Path(__file__).parent
SUPPORTED = {  # what the page computes
    "kind": "forecaster",
    "cell": None,
    "activation": "relu",
    "pooling": "max",
    "mixing": "none",
    "decoder_hidden": None,
}


def page(names: Sequence[str], images: np.ndarray, about: str) -> str:
    """The page.

    Args:
        names: of trained models, or folders, see `fernn.pretrained.load`.
        images: digits (number × height × width) that can be chosen, from 0 to 1.
        about: a sentence on the models and the digits.

    Raises:
        UserError: the page cannot compute one of the models.
    """
    data = {
        "models": [_model(name) for name in names],
        "digits": [_encoded(image) for image in images],
        "about": about,
    }
    text = (HERE / "page.html").read_text(encoding="utf-8")
    parts = {
        "/*CELL*/": (HERE / "cell.js").read_text(encoding="utf-8"),
        "/*PAGE*/": (HERE / "page.js").read_text(encoding="utf-8"),
        "/*DATA*/": json.dumps(data).replace("</", "<\\/"),
    }
    for place, part in parts.items():
        text = text.replace(place, part)
    return text


def _model(name: str) -> dict[str, Any]:
    """What the page needs of a model."""
    told = pretrained.describe(name)
    spec, attrs = told["model"], told["attrs"]
    flow = spec.get("flow", {})
    for option, value in SUPPORTED.items():
        if spec.get(option, value) != value:
            raise UserError(f"{name}: the page computes no {option} {spec[option]!r}")
    if flow.keys() != {"kind", "max_speed"} or flow["kind"] != "translation":
        raise UserError(f"{name}: the page computes no flow {flow}")
    weights = pretrained.load(name).state_dict()
    return {
        "label": attrs["models"][told["name"]]["label"],
        "size": told["frame_size"],
        "hidden": spec["hidden"],
        "speed": flow["max_speed"],
        "layers": spec["decoder_layers"],
        "context": told["context"],
        "horizon": told["horizon"],
        "longest": attrs["long_horizon"],
        "weights": {key: _encoded(value.numpy()) for key, value in weights.items()},
    }


def _encoded(values: np.ndarray) -> str:
    return base64.b64encode(values.astype("<f4").tobytes()).decode()
