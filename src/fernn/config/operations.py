"""Multiplications of a training step, from a model's options alone: no torch is needed.

`fernn estimate` counts the same on torch's tensors without numbers, which takes seconds
to import; a test compares the two. Here only ratios between models are meant.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from fernn.config import operations_relaxed, options
from fernn.config.operations_recurrent import RECURRENT
from fernn.config.step import FIRST, INNER, Step
from fernn.flows.rotation import KERNELS
from labrun.modules import named

# Of the 3D-CNN's stages: width, stride in time, stride in space.
STAGES = ((1, 2, 1), (2, 1, 2), (2, 1, 1), (4, 1, 2), (4, 1, 1))
ENCODER = ((5, 4), (3, 2), (3, 1))  # of classifiers: kernel, and h/channels of a layer


def countable(spec: dict[str, Any]) -> bool:
    """Whether operations of this kind of model, and of its flow, can be counted."""
    flow = spec.get("flow")
    known = not isinstance(flow, dict) or flow.get("kind") in [*SLOTS]
    return spec.get("kind") in MODELS and known


def count(spec: dict[str, Any], step: Step) -> float:
    """Multiplications for one sequence.

    Args:
        spec: the model's specification in a plan; it must be `countable`.
        step: what it sees.
    """
    kind, pixels = spec["kind"], step.size**2
    known = options.names("models", kind)
    named = {name: options.default("models", kind, name) for name in known}
    return pixels * MODELS[kind]({**named, **spec}, step)


def slots(flow: dict[str, Any], size: int) -> int:
    """How many velocities V has on frames of ``size × size`` pixels."""
    if flow.get("velocities") is not None:
        return len(flow["velocities"])
    return SLOTS[flow["kind"]](flow, size)


def _square(flow: dict[str, Any], size: int) -> int:
    return size**2 if flow.get("closed") else (2 * flow["max_speed"] + 1) ** 2


def _line(flow: dict[str, Any], size: int) -> int:
    return size if flow.get("closed") else 2 * flow["max_speed"] + 1


def _circle(flow: dict[str, Any], size: int) -> int:
    """Angular velocities that differ modulo 360 degrees."""
    step = flow.get("step") or 360 // flow["orientations"]
    if flow.get("closed"):
        return len(range(0, 360, step))
    speed = flow["max_speed"]
    return len({step * index % 360 for index in range(-speed, speed + 1)})


SLOTS: dict[str, Callable[[dict[str, Any], int], int]] = {
    "pan": _line,
    "rotation": _circle,
    "translation": _square,
}


def _recurrent(spec: dict[str, Any], step: Step) -> tuple[float, int, int]:
    """Those of the recurrent convolutions; orientations, and the area of a kernel."""
    flow, mixing = spec["flow"], spec["mixing"]
    many, fibre = slots(flow, step.size), flow.get("orientations", 1)
    area = (spec["kernel"] or _own_kernel(flow)) ** 2
    heard = many if mixing == "full" else 1
    if many > 1 and mixing == "lattice":
        axes = 2 if flow["kind"] == "translation" else 1
        heard = (2 * spec["mixing_radius"] + 1) ** axes
    steps = step.observed - 1 + _ahead(spec, step.predicted)
    convolved = steps * many * heard
    moved = flow["kind"] != "rotation" and spec.get("shifts", "flow") == "flow"
    moved = moved and not spec.get("relaxations")
    if moved and mixing == "none" and steps >= 1:
        convolved -= many - 1  # the first state, equal in all slots, is convolved once
    return INNER * convolved * area * (fibre * spec["hidden"]) ** 2, fibre, area


def _ahead(spec: dict[str, Any], predicted: float) -> float:
    """Steps of the cell for so many predicted frames."""
    rollout = _rollout(spec)
    if rollout["kind"] == "advect":
        return 0
    if rollout["kind"] in ("repeat", "warped"):
        return predicted
    every, steps = rollout.get("every", 1), max(predicted - 1, 0)
    return steps // every if every > 1 else steps


def _fed(spec: dict[str, Any], predicted: float) -> float:
    """How many of these steps are fed a frame."""
    rollout = _rollout(spec)
    unfed = rollout["kind"] == "free" or rollout.get("by") == "recurrence"
    return 0 if unfed else _ahead(spec, predicted)


def _rollout(spec: dict[str, Any]) -> dict[str, Any]:
    """The roll-out of a model with all its options; `free` of one that has none."""
    package, given = "models/rollouts", named(spec.get("rollout") or "free")
    return options.complete(package, given)


def _own_kernel(flow: dict[str, Any]) -> int:
    """The side that a flow's kernels have if no other is given."""
    if flow["kind"] != "rotation":
        return 3
    basis = flow.get("basis") or options.default("flows", "rotation", "basis")
    return KERNELS[basis]


def _forecaster(spec: dict[str, Any], step: Step) -> float:
    """A lifting, the recurrence, and a decoder for each predicted frame."""
    recurrent, fibre, area = _recurrent(spec, step)
    wide, layers = fibre * spec["hidden"], spec["decoder_layers"]
    inner = fibre * (spec["decoder_hidden"] or spec["hidden"])
    pairs = [*itertools.pairwise([wide, *layers * [inner], 1])]
    decoder = INNER * area * sum(inputs * outputs for inputs, outputs in pairs)
    if spec["decoder"] == "annealed":  # a 1×1 convolution before each hidden layer
        before = sum(inputs * outputs for inputs, outputs in pairs[:-1])
        first = area * inner * (wide - inner)
        decoder += INNER * (before - first)
    lifting = FIRST * area * wide
    lifted = step.observed + _fed(spec, step.predicted)
    total = lifted * lifting + recurrent + step.predicted * decoder
    return total + _relaxed(spec, step, lifted, area)


def _relaxed(spec: dict[str, Any], step: Step, lifted: float, area: int) -> float:
    """Those that relaxations of the cell add."""
    if not spec["relaxations"]:
        return 0
    flow, predicted = spec["flow"], step.predicted
    cell = operations_relaxed.Cell(
        slots(flow, step.size),
        spec["hidden"],
        area,
        _fastest(flow, step.size),
        step.observed - 1 + _ahead(spec, predicted),
        lifted,
        operations_relaxed.moves(_rollout(spec), predicted),
    )
    return operations_relaxed.count(spec["relaxations"], cell)


def _fastest(flow: dict[str, Any], size: int) -> int:
    """The largest speed in V along an axis; a closed V has all that frames have."""
    if flow.get("velocities") is not None:
        return max(abs(part) for velocity in flow["velocities"] for part in velocity)
    return size - 1 if flow.get("closed") else flow["max_speed"]


def _classifier(spec: dict[str, Any], step: Step) -> float:
    """An encoder of three layers for each frame, and the recurrence."""
    recurrent, *_ = _recurrent(spec, step)
    encoder, inputs = 0, 1
    for kernel, part in ENCODER:
        outputs = spec["hidden"] if part == 1 else max(4, spec["hidden"] // part)
        passes = FIRST if inputs == 1 else INNER
        encoder += passes * kernel**2 * inputs * outputs
        inputs = outputs
    return step.observed * encoder + recurrent


def _conv3d(spec: dict[str, Any], step: Step) -> float:
    """Five stages of 3×3×3 kernels, of which one strides in time and two in space."""
    width = spec["width"] or max(4, spec["hidden"] // 8)
    total, inputs, frames, side = 0.0, 1, step.observed, step.size
    for factor, time, space in STAGES:
        outputs = width * factor
        frames, side = -(-frames // time), -(-side // space)
        passes, share = FIRST if inputs == 1 else INNER, (side / step.size) ** 2
        total += passes * frames * share * 3**3 * inputs * outputs
        inputs = outputs
    return total


def _bag(spec: dict[str, Any], step: Step) -> float:
    """One layer of filters on each frame, or on each difference, and two for a clip."""
    frames = step.observed - (spec["of"] == "differences")
    filters = spec["filters"]
    named = INNER * filters * (filters + spec["classes"]) / step.size**2
    return FIRST * frames * filters * (spec["patch"] / spec["stride"]) ** 2 + named


MODELS: dict[str, Callable[[dict[str, Any], Step], float]] = {
    "bag": _bag,
    "classifier": _classifier,
    "conv3d": _conv3d,
    "forecaster": _forecaster,
    **RECURRENT,
}
