"""A state space student begins with the weights of a trained attention model.

Queries become what is read, keys what is written, and values what enters, as linear
attention is a state space model without a decay (`fernn.models.temporal.ssd`). All
other weights of the teacher are taken, too; the steps of time and the decays of the
student, of which the teacher has none, are as they were drawn. Training is plain; the
strategy ``distill`` beside it adds the distance to the teacher's predictions.

Source: MaTVLM, arXiv 2503.13440; M1, arXiv 2504.10449.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from fernn.models.temporal.attention import Attention
from fernn.models.temporal.ssd import Ssd
from fernn.training.settings import Settings
from fernn.training.strategies import Strategy
from labrun.errors import UserError

NEEDS = ("teacher",)


def build(
    model: nn.Module, settings: Settings, needs: Any, *, teacher: str
) -> Strategy:
    """The student with the teacher's weights.

    Args:
        model: a comoving model with cells `ssd`, alike the teacher but for its cells.
        settings: of the training.
        needs: the trained teacher.
        teacher: a model of the experiment, trained before, with cells `attention`.

    Raises:
        UserError: a layer of attention has no state space layer in its place, or a
            weight of the teacher none of its shape.
    """
    attention, own = needs["teacher"], model.state_dict()
    places = [n for n, m in attention.named_modules() if isinstance(m, Attention)]
    students = dict(model.named_modules())
    if not places or not all(isinstance(students.get(n), Ssd) for n in places):
        raise UserError(
            f"attention_weights: teacher {teacher!r} needs cells `attention`, and the"
            " student cells `ssd` in their places"
        )
    weights = attention.state_dict()
    for name, weight in weights.items():
        if name not in own or own[name].shape != weight.shape:
            raise UserError(
                f"attention_weights: the student has no {name} of shape"
                f" {(*weight.shape,)}, as teacher {teacher!r} has"
            )
    model.load_state_dict(weights, strict=False)
    return Strategy()
