"""Each figure draws from mock cubes; its bytes are fixed; commands report mistakes."""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import mock_builders
import mock_cubes
from fernn.cli import figure as figure_command
from fernn.cli import table as table_command
from fernn.drawing import parts, style
from fernn.evaluation import aggregate
from labrun import modules
from labrun.errors import UserError
from labrun.storage import write_dataset

FIGURES, TABLES = modules.names("fernn.figures"), modules.names("fernn.tables")
KINDS = [("fernn.figures", name) for name in FIGURES]
KINDS += [("fernn.tables", name) for name in TABLES]


def rendered(figure, kind) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format=kind, dpi=50, metadata=style.metadata(kind, {"a": 1}))
    return file.getvalue()


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_draws_the_same_bytes_twice(name):
    module = modules.load("fernn.figures", name)
    first, second = (
        rendered(module.draw(mock_builders.of(module)), "pdf") for _ in range(2)
    )
    assert first == second
    several = module.draw(mock_builders.of(module) * 2)
    assert len(several.axes) > len(module.draw(mock_builders.of(module)).axes)


def renamed(cube, labels) -> xr.Dataset:
    """The cube with models of other names, and of other labels where they are given."""
    names = json.loads(cube.attrs["models"])
    other = {
        f"{n}_b": v | {"label": labels.get(n, v["label"])} for n, v in names.items()
    }
    cube = cube.assign_coords(model=[f"{name}_b" for name in cube["model"].values])
    return cube.assign_attrs(models=json.dumps(other))


@pytest.mark.parametrize("name", ["training_speed", "length_generalization"])
def test_a_label_has_one_look_and_the_legend_has_all(name):
    module = modules.load("fernn.figures", name)
    (cube,) = mock_builders.of(module)
    cubes = [cube, renamed(cube, {"fernn_v1": "FERNN-V7"})]
    looks = style.looks_of(cubes)
    assert looks["grnn"] == looks["grnn_b"]
    assert looks["fernn_v1"].marker != looks["fernn_v1_b"].marker
    (legend,) = module.draw(cubes).legends
    told = [text.get_text() for text in legend.get_texts()]
    assert told.count("G-RNN") == told.count("FERNN-V7") == 1


@pytest.mark.parametrize("name", [n for n in FIGURES if n != "cost_of_velocities"])
def test_every_figure_draws_a_new_model_and_a_diverged_seed(name):
    module = modules.load("fernn.figures", name)
    (cube,) = mock_builders.of(module)
    names = json.loads(cube.attrs["models"])
    names["convlstm"] = names.pop("fernn_v1") | {"label": "ConvLSTM"}
    renamed = ["convlstm" if m == "fernn_v1" else m for m in cube["model"].values]
    cube = cube.assign_coords(model=renamed)
    cube.attrs["models"] = json.dumps(names)
    for variable in cube.data_vars:
        if "seed" in cube[variable].dims:
            cube[variable].loc[{"model": "fernn_v2", "seed": 0}] = np.nan
    looks = style.looks_of([cube], baselines=False)
    assert [look.label for look in looks.values()] == ["G-RNN", "FERNN-V2", "ConvLSTM"]
    assert len({look.color for look in looks.values()}) == 3
    assert rendered(module.draw([cube]), "png")


@pytest.mark.parametrize(("package", "name"), KINDS)
def test_a_cube_of_another_statistic_is_refused_and_the_caption_is_there(package, name):
    module = modules.load(package, name)
    wrong = "curves" if "curves" not in module.SHOWS else "length"
    statistic = mock_cubes.MEASURED[wrong][0]
    with pytest.raises(UserError, match=f"is of {statistic}.*; needed: "):
        aggregate.require([mock_builders.BUILDERS[wrong]()], module.SHOWS)
    title, _, caption = (module.__doc__ or "").partition("\n\n")
    assert title.endswith(".")
    assert caption.strip()


# Words of titles that tell a result: "forecasts stay accurate".
CLAIMS = "is may must stay grow speeds smears permutes goes well"
CLAIM = re.compile(rf"\b({CLAIMS.replace(' ', '|')})\b")


@pytest.mark.parametrize(("package", "name"), KINDS)
def test_a_caption_tells_what_is_drawn_in_words_that_it_explains(package, name):
    """It is written before the data are known: results are in the picture alone."""
    module = modules.load(package, name)
    caption = " ".join((module.__doc__ or "").split())
    title = caption.partition(". ")[0]
    assert not CLAIM.search(title), title
    if re.search(r"\bV\b", caption):
        assert re.search(r"keeps? a state for|for each of its velocities V", caption)
    if re.search(r"\bslots?\b", caption):
        assert re.search(r"is a slot\b|called a slot\b", caption)


def test_two_cubes_of_an_experiment_are_told_apart():
    cubes = [mock_cubes.length(), mock_cubes.length().assign_attrs(axis="noisy")]
    module = modules.load("fernn.figures", "length_generalization")
    titles = [axes.get_title() for axes in module.draw(parts.apart(cubes)).axes[::3]]
    names = "length", "noisy"
    assert titles == [f"Digits in translation, {name}\n(demo)" for name in names]
    (alone,) = parts.apart(cubes[:1])
    assert parts.title(alone) == "Digits in translation (demo)"
    table = modules.load("fernn.tables", "generalization").tabulate(cubes)
    called = ["translation/length", "translation/noisy"]
    assert list(table["experiment"].unique()) == called
    one = modules.load("fernn.tables", "generalization").tabulate(cubes[:1])
    assert set(one["experiment"]) == {"translation"}


def test_a_cube_that_tells_no_statistic_is_refused():
    cube = mock_cubes.length()
    del cube.attrs["statistic"]
    figure = modules.load("fernn.figures", "length_generalization")
    with pytest.raises(UserError, match="translation/length says no statistic"):
        aggregate.require([cube], figure.SHOWS)


def test_short_numbers():
    cases = {0.744: "0.74", 99.9: "100", 9.97: "10", 5.6e-8: "6e−8", 0.0: "0"}
    assert {value: parts.short(value) for value in cases} == cases
    assert parts.short(np.inf) == "∞"


def command(command, name, cube, *outputs) -> None:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    arguments = [name, "--cubes", str(cube), "--output", *map(str, outputs)]
    command.run(parser.parse_args(arguments))


def test_commands_write_lineage_and_tell_mistakes(tmp_path, monkeypatch):
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    write_dataset(mock_cubes.length(), "length.nc")
    figure, table = figure_command, table_command
    command(figure, "length_generalization", "length.nc", "f.pdf", "f.png")
    command(table, "generalization", "length.nc", "t.csv", "t.md", "t.tex")
    with Image.open("f.png") as image:
        lineage = json.loads(image.info["lineage"])
    assert list(lineage["inputs"]) == ["length.nc"]
    digest = lineage["inputs"]["length.nc"]
    assert digest.encode() in (tmp_path / "f.pdf").read_bytes()
    assert digest in (tmp_path / "t.md").read_text()
    for tool, name, cube, output, words in (
        (figure, "lenght_generalization", "length.nc", "f.pdf", "did you mean"),
        (figure, "length_generalization", "absent.nc", "f.pdf", "no such file"),
        (figure, "length_generalization", "length.nc", "f.svg", "is one of"),
        (figure, "rollouts", "length.nc", "f.pdf", "needed: frames"),
        (table, "generalisation", "length.nc", "t.csv", "did you mean"),
        (table, "tasks_in_turn", "length.nc", "t.csv", "needed: strategy_curves"),
        (table, "generalization", "length.nc", "t.docx", "is one of"),
    ):
        with pytest.raises(UserError, match=words):
            command(tool, name, cube, output)


def test_bytes_do_not_depend_on_the_process_and_help_is_light(tmp_path):
    write_dataset(mock_cubes.curves(), tmp_path / "curves.nc")
    code = """
import argparse, sys
from fernn.cli import figure, table
parser = argparse.ArgumentParser()
figure.add_arguments(parser)
table.add_arguments(argparse.ArgumentParser())
heavy = {"matplotlib", "seaborn", "numpy", "xarray", "pandas", "torch"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
figure.run(parser.parse_args(sys.argv[1:]))
unused = {"torch", "mlflow", "seaborn", "scipy.stats"}
assert not unused & set(sys.modules), unused & set(sys.modules)
"""
    outputs = []
    for salt in ("1", "2"):
        pair = [str(tmp_path / f"{salt}{suffix}") for suffix in (".pdf", ".png")]
        call = [sys.executable, "-c", code, "training_speed", "--cubes", "curves.nc"]
        environment = os.environ | {"PYTHONHASHSEED": salt}
        call += ["--output", *pair]
        subprocess.run(call, cwd=tmp_path, env=environment, check=True)
        outputs.append([Path(path).read_bytes() for path in pair])
    assert outputs[0] == outputs[1]
