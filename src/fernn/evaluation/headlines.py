"""The numbers by which two models are compared, one a seed, as statistics declare them.

The module of a statistic may have `COMPARED`: a `Headline` for each role of its cubes.
The table `zoo` has a row for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

import xarray as xr

from fernn.evaluation.equivalence import Scale
from labrun.modules import load, names

Better = Literal["lower", "higher"]
Values = Callable[[xr.Dataset, str], xr.DataArray]
PACKAGE = "fernn.evaluation"


class Headline(NamedTuple):
    """A number of a model.

    Attributes:
        name: what it is.
        scale: two are compared by their ratio, or by their difference.
        better: which is; None for a property of neither.
        values: of a cube and a model, (seed).
        needs: properties of the cubes beside their statistic; see `fernn.needs`.
    """

    name: str
    scale: Scale
    better: Better | None
    values: Values
    needs: Mapping[str, Any] = {"draw": "sampled"}


def every() -> dict[str, Headline]:
    """The numbers of all statistics, by role."""
    return {role: headline for _, role, headline in _declared()}


def shows() -> dict[str, dict[str, Any]]:
    """The properties of the cubes of each role, as `SHOWS` of a table has them."""
    return {
        role: {"statistic": statistic, **headline.needs}
        for statistic, role, headline in _declared()
    }


def _declared() -> Iterator[tuple[str, str, Headline]]:
    for statistic in names(PACKAGE):
        declared = getattr(load(PACKAGE, statistic), "COMPARED", {})
        for role, headline in declared.items():
            yield statistic, role, headline
