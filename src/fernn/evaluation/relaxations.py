"""What cubes of `strategy_curves` tell of relaxations."""

from __future__ import annotations

import xarray as xr


def of_cube(cube: xr.Dataset) -> list[str]:
    """The relaxations of any model of a cube, in alphabetical order."""
    names = [str(name) for name in cube["quantity"].values]
    begin = "gamma_"
    return [name.removeprefix(begin) for name in names if name.startswith(begin)]


def last(cube: xr.Dataset, model: str, quantity: str) -> xr.DataArray | None:
    """A quantity at the end of training, of each seed; None if the model has it not.

    Args:
        cube: of `strategy_curves`.
        model: its name.
        quantity: such as ``gamma_shift``.
    """
    if quantity not in cube["quantity"]:
        return None
    curves = cube["value"].sel(model=model, quantity=quantity)
    known = curves.dropna("epoch", how="all")
    return known.isel(epoch=-1) if known.sizes["epoch"] else None
