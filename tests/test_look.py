"""The page of cubes holds their numbers, averages them rightly, and stands alone."""

import base64
import json
import re
import shutil
import subprocess

import numpy as np
import pytest
import xarray as xr

import mock_cubes
from fernn import look
from fernn.cli import main
from fernn.evaluation.velocities import by_velocity

CUBES = (mock_cubes.length, mock_cubes.velocity, mock_cubes.camera, mock_cubes.curves)
ERROR = "clamped_squared_error"
HARNESS = """
const Look = require(process.argv[1]);
const { item, cases } = JSON.parse(require("fs").readFileSync(0));
item.data = Look.decoded(item.data);
const found = cases.map(([kept, at]) => Look.reduced(item, kept, at));
process.stdout.write(JSON.stringify({ found, views: Look.views(item) }));
"""


def shipped(text):
    return json.loads(re.search(r"const SHIPPED = (.*);</script>", text)[1])["numbers"]


def array(item):
    shape = [len(item["models"]), len(item["seeds"])]
    shape += [len(dim["values"]) for dim in item["dims"]]
    return np.frombuffer(base64.b64decode(item["data"]), "<f4").reshape(shape)


def one(cube, statistic=ERROR):
    (item,) = (i for i in look.numbers(cube) if i["statistic"] == statistic)
    return item


def test_numbers_are_those_of_the_cube():
    cube = mock_cubes.length()
    item = one(cube)
    expected = cube[ERROR].mean("sample").transpose("model", "seed", "frame").values
    assert np.allclose(array(item), expected, rtol=1e-6)
    labels = [model["label"] for model in item["models"]]
    assert labels == [mock_cubes.MODELS[name]["label"] for name in cube.model.values]
    assert item["dims"][0]["values"] == cube.frame.values.tolist()


def test_a_grid_of_velocities_is_kept_and_a_camera_has_speeds():
    cube = mock_cubes.velocity()
    item = one(cube)
    expected = by_velocity(cube, cube[ERROR]).transpose("model", "seed", ...)
    assert np.allclose(array(item), expected, rtol=1e-6, equal_nan=True)
    assert [dim["name"] for dim in item["dims"]] == [*expected.dims[2:]]
    camera = one(mock_cubes.camera(), "correct")
    assert [dim["name"] for dim in camera["dims"]] == ["speed"]


def test_numbers_of_classes_are_not_averaged():
    names = {item["statistic"] for item in look.numbers(mock_cubes.camera())}
    assert "correct" in names and "predicted" not in names


def test_of_names_one_is_chosen_and_no_curve_goes_along_them():
    node = shutil.which("node") or pytest.skip("node chooses as the page does")
    cube = mock_cubes.length()
    shows = xr.DataArray(["background", "digit"], dims="shows", name="shows")
    both = cube[ERROR].expand_dims(shows=shows) * xr.DataArray([1.0, 3.0], dims="shows")
    item = one(cube.assign({ERROR: both.transpose("model", "seed", ...)}))
    dims = {dim["name"]: dim["values"] for dim in item["dims"]}
    assert dims["shows"] == ["background", "digit"]
    at = [1 if name == "shows" else -1 for name in dims]
    frame = [*dims].index("frame")
    program = [node, "-e", HARNESS, str(look.HERE / "reduce.js")]
    text = json.dumps({"item": item, "cases": [[[frame], at]]})
    done = subprocess.run(program, input=text, capture_output=True, text=True)
    told = json.loads(done.stdout)
    expected = 3 * cube[ERROR].mean("sample").transpose("model", "seed", "frame").values
    assert np.allclose(told["found"][0], expected, rtol=1e-6)
    assert told["views"] == [[frame], []]


def test_means_over_what_is_not_chosen():
    node = shutil.which("node") or pytest.skip("node averages as the page does")
    item = one(mock_cubes.velocity())
    dims = [dim["name"] for dim in item["dims"]]
    values = array(item).copy()
    row, column = dims.index("velocity_rows") + 2, dims.index("velocity_columns") + 2
    frame = dims.index("frame") + 2
    hole = [slice(None)] * values.ndim
    hole[row], hole[column] = 0, 1
    values[tuple(hole)] = np.nan  # the grid has no sample there
    item["data"] = base64.b64encode(values.tobytes()).decode()
    first = [1 if axis == frame - 2 else -1 for axis in range(3)]
    cases = [[[frame - 2], [-1] * 3], [[row - 2, column - 2], first]]
    program = [node, "-e", HARNESS, str(look.HERE / "reduce.js")]
    text = json.dumps({"item": item, "cases": cases})
    done = subprocess.run(program, input=text, capture_output=True, text=True)
    told = json.loads(done.stdout)
    curve = np.nanmean(values, axis=(row, column))
    assert np.allclose(told["found"][0], curve, rtol=1e-6)
    grid = np.moveaxis(values, (row, column), (-2, -1)).take(1, axis=2)
    flat = grid.reshape(*grid.shape[:2], -1)
    found = np.array(told["found"][1], dtype=float)  # JSON has null for a hole
    assert np.allclose(found, flat, rtol=1e-6, equal_nan=True)
    assert [row - 2, column - 2] in told["views"]


def test_the_page_needs_nothing_else_and_opens_in_a_browser(tmp_path):
    folder = tmp_path / "cubes/translation"
    folder.mkdir(parents=True)
    for make in CUBES:
        cube = make()
        cube.to_netcdf(folder / f"{cube.attrs['axis']}.nc")
    assert main(["look", str(tmp_path)]) == 0
    text = (tmp_path / "look.html").read_text()
    assert not re.search(r"""(?:src|href)\s*=|https?://|@import|\burl\(""", text)
    assert text.count("</script>") == 3 and len(shipped(text)) >= 7
    browser = shutil.which("chromium") or pytest.skip("chromium shows the page")
    place = "#experiment=translation&axis=length&statistic=clamped_squared_error"
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=360,800"]
    address = f"{(tmp_path / 'look.html').as_uri()}{place}"
    command = [browser, *flags, "--virtual-time-budget=500", "--dump-dom", address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    rows = dict(re.findall(r"<tr><td>([^<]*)</td><td>([^<]*)</td>", done.stdout))
    cube = mock_cubes.length()
    error = float(cube[ERROR].sel(model="grnn").isel(frame=0).mean())
    assert float(rows["G-RNN"]) == pytest.approx(error, rel=0.01)
    assert "dashed: the trained horizon" in done.stdout


def test_a_folder_without_cubes_is_refused(tmp_path, capsys):
    assert main(["look", str(tmp_path)]) == 2
    assert "has no cubes" in capsys.readouterr().err
