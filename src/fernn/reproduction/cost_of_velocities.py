"""How many times longer a step of the FERNN takes than one of the G-RNN, Fig. 11.

In place of seeds there are the rounds of the measurement.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import xarray as xr

from fernn.reproduction._number import Number, over_seeds
from fernn.tables import _published

ELSEWHERE = "not comparable: another machine and size"


def numbers(cubes: Sequence[xr.Dataset]) -> Iterator[Number]:
    """The ratio of times of every V to those of V = {0}, in every form."""
    for cube in cubes:
        seconds = cube["step_time"].transpose("form", "velocities", "round")
        for form in cube["form"].values.tolist():
            times = seconds.sel(form=form)
            for slots in cube["velocities"].values[1:].tolist():
                ratio = times.sel(velocities=slots) / times.sel(velocities=1)
                quantity = f"time of a step, |V| = {slots} over |V| = 1 (rounds)"
                number = over_seeds(cube, form, quantity, ratio.values)
                if form == "naive":
                    known = {"published_mean": _published.SLOWDOWN.mean}
                    number = replace(number, **known, verdict=ELSEWHERE)
                yield number
