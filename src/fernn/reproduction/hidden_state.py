r"""How far the moving state is from the still one it should equal, Figs. 2 and 9.

.. math:: \|\psi_{1-T}(\hat\nu)\, h_T[\psi(\hat\nu) f](\hat\nu) - h_T[f](0)\|
          / \|h_T[f](0)\|

A G-RNN has the slot 0 alone, which is compared with itself. States are means over
channels, as in the figure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import xarray as xr

from fernn.evaluation import aggregate
from fernn.reproduction._number import Number, over_seeds

QUANTITY = "relative error of the moving state"


def numbers(cubes: Sequence[xr.Dataset]) -> Iterator[Number]:
    """The error of every model whose V holds the input's velocity, or only 0."""
    for cube in cubes:
        flow = int(cube.attrs["flow_rows"]), int(cube.attrs["flow_columns"])
        for name, about in aggregate.models(cube, baselines=False).items():
            known = [tuple(velocity) for velocity in about["velocities"]]
            slot = (0, 0) if known == [(0, 0)] else flow
            if slot in known:
                errors = _errors(cube["hidden"].sel(model=name), flow, slot)
                yield over_seeds(cube, about["label"], QUANTITY, errors)


def _errors(
    hidden: xr.DataArray, flow: tuple[int, int], slot: tuple[int, int]
) -> list[float]:
    """The relative error of each seed."""
    last = hidden.isel(frame=-1).transpose("seed", ..., "row", "column")
    rows, columns = slot
    still = last.sel(motion="still", slot_rows=0, slot_columns=0).values
    moving = last.sel(motion="moving", slot_rows=rows, slot_columns=columns).values
    travelled = hidden.sizes["frame"] - 1
    back = [-travelled * component for component in flow]
    apart = np.roll(moving, back, axis=(1, 2)) - still
    norms = [np.linalg.norm(states, axis=(1, 2)) for states in (apart, still)]
    return [float(difference / norm) for difference, norm in zip(*norms, strict=True)]
