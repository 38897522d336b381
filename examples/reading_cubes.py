"""Read a cube: one error for every sample, frame, seed and model.

The workflow writes its measurements to `results/{budget}/cubes/{experiment}/{axis}.nc`.
Figures and tables are drawn from these files alone, and so can yours:
`xarray.open_dataset` reads them. Here a small cube is made from two of the models that
come with the package: the error at each velocity of the first digit.
"""

import matplotlib.pyplot as plt
import xarray as xr

import fernn
from fernn import pretrained
from fernn.data import flowing_digits
from fernn.data.sources import handwritten
from fernn.evaluation import squared_error
from fernn.evaluation.cubes import combine, shard
from fernn.evaluation.subject import Subject

SPEC = {"context": 5, "horizon": 5, "batch": 64}


def measured(name, sequences):
    """The statistic `squared_error` of one trained model."""
    subject = Subject(None, None, sequences)
    subject.model = fernn.load(name)
    return shard([squared_error.measure(subject, SPEC)], seeds=[0], model=name)


recipe = {**pretrained.describe("demo-grnn")["recipe"], "draw": "grid", "grid_speed": 3}
recipe |= {"grid_digits": "first", "sequences": 4, "frames": 10}
del recipe["kind"]
digits = handwritten.fetch()
table = flowing_digits.synthesize(digits, **recipe)
sequences = flowing_digits.Sequences(table, digits, "cpu")
names = ["demo-grnn", "demo-fernn-v2"]
combine([measured(name, sequences) for name in names], {}).to_netcdf("velocity.nc")

cube = xr.open_dataset("velocity.nc")
print(dict(cube.sizes))
first = cube.isel(digit=0)  # which has the velocity of the grid
error = first["clamped_squared_error"].mean(["seed", "frame"])
print(error.groupby("velocity_rows").mean().round(3).to_pandas())

figure, axes = plt.subplots(figsize=(5, 2.6), constrained_layout=True)
fast = error.groupby("velocity_columns").mean()
for name in names:
    axes.plot(fast["velocity_columns"], fast.sel(model=name), "o-", label=name)
axes.set(xlabel="velocity along columns, pixels/frame", ylabel="squared error")
axes.legend()
figure.savefig("velocity.png", dpi=130)
