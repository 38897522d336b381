"""Velocities: whole numbers along the axes of a flow, and the usual set of them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from labrun.errors import UserError, shown

Velocity = tuple[int, ...]


def square(max_speed: int) -> list[Velocity]:
    r""":math:`V_r = \{-r, \dots, r\}^2`, rows outermost.

    Raises:
        UserError: the speed is negative or no whole number.
    """
    message = "max_speed must be a whole number of pixels per frame, zero or more"
    fastest = whole(max_speed, message, least=0)
    speeds = range(-fastest, fastest + 1)
    return list(itertools.product(speeds, speeds))


def checked(given: Any, axes: Sequence[str], unit: str) -> tuple[Velocity, ...]:
    """V as tuples of integers; floats that are whole numbers will do.

    Args:
        given: what should be a list of velocities.
        axes: the names of a velocity's components.
        unit: of each, for the message.

    Raises:
        UserError: it is no list, or a velocity has other components or a fraction.
    """
    form = f"({', '.join(axes)}{',' if len(axes) == 1 else ''})"
    try:
        listed = list(given)
    except TypeError:
        raise UserError(
            f"V must be a list of velocities {form}, got {shown(given)}"
        ) from None
    return tuple(_checked(velocity, form, len(axes), unit) for velocity in listed)


def _checked(given: Any, form: str, count: int, unit: str) -> Velocity:
    message = f"each velocity of V must be {form} in whole {unit} per frame"
    try:
        components = tuple(given)
    except TypeError:
        components = ()
    if len(components) != count:
        raise UserError(f"{message}, got {shown(given)}")
    return tuple(whole(part, message, told=given) for part in components)


def whole(value: Any, message: str, least: int | None = None, told: Any = None) -> int:
    """A value as an integer; floats that are whole numbers and numpy's are some.

    Args:
        value: what should be a whole number.
        message: what it must be; the value is added.
        least: the smallest that is allowed; None allows all.
        told: what is told in place of the value, such as the pair that it is of.

    Raises:
        UserError: it is no whole number, or less than the least.
    """
    try:
        found = int(value)
    except (TypeError, ValueError, OverflowError):
        found = None
    if found is None or found != value or (least is not None and found < least):
        raise UserError(f"{message}, got {shown(value if told is None else told)}")
    return found
