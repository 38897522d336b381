"""How numbers over seeds compare with published ones, and what a paper claims of them.

A cube says which numbers are published for its models, how they are compared, and in
which settings each model is not the published one: the configuration's `published`.
The claim is the ratio, or the difference, of a model's number and that of the model
that it is compared with; a claim can fail where both numbers are reproduced, and hold
where neither is.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from fernn.evaluation import aggregate
from fernn.evaluation.equivalence import (
    LEVEL,
    Estimate,
    Scale,
    margin_of,
    of_seeds,
    of_summary,
    word,
    written,
)
from fernn.evaluation.numbers import (
    COLUMNS,
    NOT_KNOWN,
    NOT_PUBLISHED,
    Number,
    over_seeds,
    sources,
)

# What it means that ours is lower or higher than the published number.
LESS_IS_BETTER = {"lower": "better", "higher": "worse"}
MORE_IS_BETTER = {"lower": "worse", "higher": "better"}
NAMED = 3  # settings that a verdict names; a note has all
DIGITS = 12  # of a checksum, in words
OPERATION = {"ratio": "over", "difference": "minus"}


def beside_published(
    cube: xr.Dataset, about: dict, seeds: np.ndarray, words: Mapping[str, str]
) -> dict[str, Any]:
    """The columns of a table that compare a model's number with the published one.

    Args:
        cube: that the number is from.
        about: the model, as `aggregate.models` describes it.
        seeds: our values, one a seed; infinite where one diverged.
        words: what lower and higher mean here.

    Returns:
        The `COLUMNS`, NaN where nothing is known or compared, and ``verdict``.
    """
    known, entry = about.get("published"), _entry(cube)
    columns = dict.fromkeys(COLUMNS, math.nan)
    if not known or entry is None:
        return {**columns, "verdict": NOT_PUBLISHED}
    if known["mean"] is None:
        return {**columns, "verdict": NOT_KNOWN}
    mean, std = _published(known)
    columns |= {"published_mean": mean, "published_std": std}
    differs = differences(about)
    if differs:
        return {**columns, "verdict": not_comparable(differs)}
    theirs = of_summary(mean, std, entry["seeds"] or 0, entry["scale"])
    ours = of_seeds(seeds, entry["scale"])
    return {**columns, **_compared(ours - theirs, entry, words)}


def claims(
    cube: xr.Dataset,
    seeds: Mapping[str, np.ndarray],
    quantity: str,
    words: Mapping[str, str],
) -> Iterator[Number]:
    """What is claimed of each model beside the one that it is compared with.

    Ours are paired over seeds, which train all models on the same data; of the
    published ones each mean has its own error.

    Args:
        cube: that the numbers are from.
        seeds: of each model our values, one a seed.
        quantity: what they are of.
        words: what lower and higher mean here.
    """
    models, entry = aggregate.models(cube), _entry(cube)
    reference = _reference(models, entry) if entry else None
    if entry is None or reference is None:
        return
    base, scale = models[reference], entry["scale"]
    for name, about in models.items():
        if name != reference and _is_known(about):
            label = f"{about['label']} {OPERATION[scale]} {base['label']}"
            own, other = seeds[name], seeds[reference]
            with np.errstate(all="ignore"):  # one is zero, or both diverged
                apart = own / other if scale == "ratio" else own - other
            number = over_seeds(cube, label, quantity, apart)
            yield replace(number, **_claimed(number, apart, about, base, entry, words))


def _claimed(
    number: Number,
    apart: np.ndarray,
    about: dict,
    base: dict,
    entry: dict,
    words: Mapping[str, str],
) -> dict[str, Any]:
    """The fields of a claim that compare it with the published one."""
    mean, std = _published(about["published"])
    other, spread = _published(base["published"])
    scale, value, deviation = entry["scale"], mean - other, math.hypot(std, spread)
    if scale == "ratio":
        value = mean / other
        deviation = value * math.hypot(std / mean, spread / other)
    fields: dict[str, Any] = {"published_mean": value, "published_std": deviation}
    differs = [*dict.fromkeys([*differences(about), *differences(base)])]
    if differs:
        return {**fields, "verdict": not_comparable(differs)}
    seeds = entry["seeds"] or 0
    theirs = of_summary(mean, std, seeds, scale)
    theirs -= of_summary(other, spread, seeds, scale)
    return fields | _compared(of_seeds(apart, scale) - theirs, entry, words)


def _compared(apart: Estimate, entry: dict, words: Mapping[str, str]) -> dict[str, Any]:
    """How far apart the two are, with its interval, and the verdict."""
    scale: Scale = entry["scale"]
    interval = apart.interval()
    found = word(interval, margin_of(entry["margin"], scale))
    read = written(interval, scale)
    columns = {"apart": read.value, "apart_low": read.low, "apart_high": read.high}
    return {**columns, "verdict": words.get(found, found)}


def differences(about: dict) -> list[str]:
    """The settings in which a model is not the published one, each in words."""
    return [
        f"{key} {_short(ours)} ≠ {_short(theirs)}"
        for key, ours, theirs in about.get("differs", [])
    ]


def _short(value: Any) -> str:
    """A value of a setting in words."""
    if isinstance(value, dict) and value:
        return "{" + ", ".join(value) + "}"
    text = "none" if value is None or value == {} else str(value).lower()
    checksum = len(text) == 64 and not text.strip("0123456789abcdef")
    return f"{text[:DIGITS]}…" if checksum else text


def not_comparable(differs: Sequence[str]) -> str:
    """The verdict where settings differ: the first ones, and how many more."""
    more = len(differs) - NAMED
    rest = [f"{more} more"] if more > 0 else []
    return "not comparable: " + ", ".join([*differs[:NAMED], *rest])


def notes(cubes: Sequence[xr.Dataset]) -> list[str]:
    """The footnotes of a table beside published numbers.

    How verdicts are read, where the numbers are from, and every setting that differs.
    """
    found = [reading(known) for cube in cubes if (known := _entry(cube))]
    differ = [
        line
        for cube in cubes
        if (line := listed(cube.attrs["experiment"], aggregate.models(cube)))
    ]
    return [*dict.fromkeys([*found, *sources(cubes), *differ])]


def reading(entry: Mapping[str, Any]) -> str:
    """How a verdict beside an entry of `published` comes about."""
    ratio = entry["scale"] == "ratio"
    margin = f"{entry['margin']:g}"
    within = f"between 1/{margin} and {margin}" if ratio else f"within ±{margin}"
    what = "ratio of geometric means" if ratio else "difference of means"
    seeds = entry["seeds"] or "an unknown number of"
    return (
        f"apart: the {what}, ours {OPERATION[entry['scale']]} the published (of {seeds}"
        f" seeds), with its {LEVEL:.0%} interval (Welch) over the seeds of both."
        f" reproduced: the interval lies {within}; better, worse: it does not, and lies"
        " on one side of equality; undecided: neither, and always with one seed."
    )


def listed(experiment: str, models: Mapping[str, dict]) -> str | None:
    """All settings in which an experiment is not the published one, in a line.

    Args:
        experiment: its name.
        models: that it has, as its cubes describe them.
    """
    known = [about for about in models.values() if about.get("published")]
    found = dict.fromkeys(each for about in known for each in differences(about))
    return f"{experiment} ≠ published: {'; '.join(found)}" if found else None


def _entry(cube: xr.Dataset) -> dict[str, Any] | None:
    """What a cube tells of the numbers that it is compared with.

    Raises:
        UserError: it does not tell how they are compared.
    """
    known = json.loads(cube.attrs.get("published", "null"))
    if known and "scale" not in known:
        raise aggregate.incomplete(cube, "scale of the published numbers")
    return known


def _reference(models: Mapping[str, dict], entry: dict) -> str | None:
    """The model that claims compare the others with, if its number is published."""
    marked = (name for name, about in models.items() if about["reference"])
    name = entry["against"] or next(marked, None)
    return name if name and _is_known(models.get(name, {})) else None


def _is_known(about: dict) -> bool:
    """Whether a model's number is published, and known."""
    return bool(about.get("published")) and about["published"]["mean"] is not None


def _published(known: dict) -> tuple[float, float]:
    """A published mean and its deviation, NaN if that is not told."""
    return known["mean"], math.nan if known["std"] is None else known["std"]
