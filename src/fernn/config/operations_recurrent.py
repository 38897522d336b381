"""Multiplications of a training step of recurrent models without a flow.

They see each observed frame, and each predicted one but the last. A state of zeros, at
first, needs no gradient, nor does an observed frame. All numbers are per pixel.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from fernn.config.step import FIRST, INNER, Step

# Of PhyDNet's strided encoder, in halves of `hidden`: share of the pixels, inputs,
# outputs. Its first layer sees a frame; the decoder is its mirror.
STRIDED = ((1 / 4, 1, 1), (1 / 16, 1, 2))


def _steps(step: Step) -> float:
    return step.observed + max(step.predicted - 1, 0)


def _of_frames(step: Step) -> float:
    """Passes of a layer that sees frames alone."""
    return FIRST * step.observed + INNER * (_steps(step) - step.observed)


def _of_states(step: Step) -> float:
    """Passes of a layer that sees frames and states, or states: the first are zeros."""
    return INNER * _steps(step) - 1


def _decoder(spec: dict[str, Any], step: Step, outputs: int = 1) -> float:
    """Of each predicted frame."""
    inner = spec["decoder_hidden"] or spec["hidden"]
    widths = [spec["hidden"], *[inner] * spec["decoder_layers"], outputs]
    products = sum(inputs * outer for inputs, outer in itertools.pairwise(widths))
    return INNER * step.predicted * spec.get("decoder_kernel", 3) ** 2 * products


def _convlstm(spec: dict[str, Any], step: Step) -> float:
    """Each layer's gates, and the decoder; on patches."""
    hidden, area, pixels = spec["hidden"], spec["kernel"] ** 2, spec["patch"] ** 2
    first = _of_states(step) * (pixels + hidden)
    others = (spec["layers"] - 1) * INNER * _steps(step) * 2 * hidden
    gates = 4 * hidden * area * (first + others)
    return (gates + _decoder(spec, step, pixels)) / pixels


def _convgru(spec: dict[str, Any], step: Step) -> float:
    """Two gates, a candidate, and the decoder."""
    hidden, area = spec["hidden"], spec["kernel"] ** 2
    passes = 2 * _of_states(step) + INNER * _steps(step)
    return passes * area * (1 + hidden) * hidden + _decoder(spec, step)


def _predrnn(spec: dict[str, Any], step: Step) -> float:
    """Seven gates of the input, four of the state, three of the memory, two outputs."""
    hidden, area, pixels = spec["hidden"], spec["kernel"] ** 2, spec["patch"] ** 2
    layers, inner = spec["layers"], INNER * _steps(step)
    of_input = 7 * (_of_frames(step) * pixels + (layers - 1) * inner * hidden)
    of_state = 4 * layers * _of_states(step) * hidden
    of_memory = 3 * (_of_states(step) + (layers - 1) * inner) * hidden
    gates = of_input + of_state + of_memory + layers * inner * 2 * hidden
    mixed = layers * inner * 2 * hidden * hidden
    total = gates * hidden * area + mixed + _decoder(spec, step, pixels)
    return total / pixels


def _phydnet(spec: dict[str, Any], step: Step) -> float:
    """Both branches, and what is around them."""
    hidden, filters = spec["hidden"], spec["kernel"] ** 2
    inner = INNER * _steps(step)
    physical = _of_states(step) * filters * hidden * filters
    physical += inner * (filters * hidden + 9 * 2 * hidden**2)
    if spec["image"] == "plain":
        around = _of_frames(step) * 9 * hidden + _decoder(spec, step)
        return around + physical + inner * 9 * 2 * hidden * 4 * hidden
    wide = [hidden, 2 * hidden, 2 * hidden, hidden]
    pairs = itertools.pairwise(wide)
    lstm = inner * 9 * sum((inputs + outer) * 4 * outer for inputs, outer in pairs)
    narrow = hidden / 2
    image = 9 * sum(share * a * b * narrow**2 for share, a, b in STRIDED)
    branches = 4 * 9 * hidden**2 / 16  # two layers of each
    first = 9 * narrow / 4
    into = _of_frames(step) * first + inner * (image + branches)
    out_of = INNER * step.predicted * (first + image + branches)
    return into + out_of + (physical + lstm) / 16


def _transformer(spec: dict[str, Any], step: Step) -> float:
    """Of tokens; those of a frame attend to each other, and to a window of frames."""
    wide, pixels = spec["hidden"], spec["patch"] ** 2
    inner = spec["heads"] * max(1, wide // spec["heads"])
    tokens, steps = step.size**2 / pixels, _steps(step)
    window = spec["window"] or spec["context"] + 5
    linear = 2 * 4 * wide * inner + 2 * spec["expansion"] * wide**2
    attended = 2 * inner * (tokens + min(window, steps))
    blocks = spec["layers"] * INNER * steps * (linear + attended)
    ends = (_of_frames(step) + INNER * step.predicted) * pixels * wide
    return (blocks + ends) / pixels


RECURRENT: dict[str, Callable[[dict[str, Any], Step], float]] = {
    "convgru": _convgru,
    "convlstm": _convlstm,
    "phydnet": _phydnet,
    "predrnn": _predrnn,
    "transformer": _transformer,
}
