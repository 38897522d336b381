"""Commands start fast, and tell a user's mistake in one line."""

import json
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import xarray as xr

import fernn.cli
import mock_clips
from conftest import RECIPE
from fernn.cli import _extras, commands, main
from fernn.config.options import kinds
from labrun.errors import UserError
from labrun.storage import write_dataset
from test_layers import imports

ROOT = Path(__file__).parents[1]
HEAVY = (
    "torch torchmetrics mlflow optuna matplotlib seaborn xarray pandas numpy".split()
)


def test_commands_run_in_turn_until_one_fails(tmp_path):
    """`then` before a name begins the next; elsewhere it is a word."""

    def run(*argv):
        command = [sys.executable, "-m", "fernn", *argv]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    fetch = ["fetch", "--source", '{"kind": "handwritten"}', "--output"]
    done = run(*fetch, "then", "then", *fetch, "b.nc")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "then").exists() and (tmp_path / "b.nc").exists()
    done = run(*fetch[:-1], "then", *fetch, "c.nc")
    assert done.returncode == 2 and not (tmp_path / "c.nc").exists()
    assert "--output" in done.stderr
    none = ["fetch", "--source", '{"kind": "none"}', "--output", "d.nc"]
    done = run(*none, "then", *fetch, "e.nc")
    assert done.returncode == 2 and not (tmp_path / "e.nc").exists()
    done = run(*fetch, "f.nc", "then", "select", "--trails", "3")
    assert done.returncode == 2 and not (tmp_path / "f.nc").exists()


@pytest.fixture(scope="module")
def helps():
    """What each command's help prints, and the modules in memory at the end."""
    code = """
import contextlib, io, json, sys
from fernn.cli import _extras, commands, main
helps = {}
for name in ["", *commands()]:
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
        main([*filter(None, [name]), "--help"])
    helps[name] = text.getvalue()
print(json.dumps([helps, sorted(sys.modules)]))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    return json.loads(run.stdout)


@pytest.mark.parametrize("name", commands())
def test_a_command_has_help(helps, name):
    first = (commands()[name].__doc__ or "").splitlines()[0]
    text = helps[0][name]
    assert text.startswith(f"usage: fernn {name}") and first[:40] in text
    assert f"\n    {name}" in helps[0][""]


@pytest.mark.parametrize("package", HEAVY)
def test_help_imports_nothing_heavy(helps, package):
    assert package not in helps[1]


def test_drawing_recipes_and_joining_shards_leave_torch_alone(atlas, tmp_path):
    """To import it takes longer than either."""
    drawn = {
        "flowing_digits": RECIPE,
        "rotating_digits": RECIPE | {"step": 45},
        "broken_digits": RECIPE | {"breaks": "dark", "context": 2},
        "changing_digits": RECIPE | {"motion": {"kind": "collide", "reach": 3}},
        "moving_clips": mock_clips.SPEC,
        "world": RECIPE | {"kind": "world", "world": 9, "agent_speed": 1},
    }
    assert {*drawn} == set(kinds("data"))
    write_dataset(atlas, tmp_path / "digits.nc")
    write_dataset(mock_clips.atlas(), tmp_path / "clips.nc")
    shard = xr.Dataset({"error": ("sample", [1.0])}).expand_dims(model=["a"])
    write_dataset(xr.Dataset(), tmp_path / "shard.nc", {"length/a": shard})
    calls = [["combine", "--shards", "shard.nc", "--axis", "length"]]
    for kind, spec in drawn.items():
        source = "clips.nc" if kind == "moving_clips" else "digits.nc"
        recipe = json.dumps({**spec, "kind": kind})
        calls.append(["synthesize", "--atlas", source, "--recipe", recipe])
    code = """
import json, sys
from fernn.cli import main
print([main([*call, "--output", "made.nc"]) for call in json.loads(sys.argv[1])])
print("torch" in sys.modules, "xarray" in sys.modules)
"""
    command = [sys.executable, "-c", code, json.dumps(calls)]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    assert run.stdout == b"[0, 0, 0, 0, 0, 0, 0]\nFalse True\n"


def test_a_users_mistake_is_lines_and_exit_code_2(monkeypatch, capsys):
    def wrong(args):
        raise UserError("first\nsecond")

    monkeypatch.setattr(commands()["config"], "run", wrong)
    assert main(["config"]) == 2
    assert capsys.readouterr() == ("", "fernn: first\nfernn: second\n")


def test_our_mistake_keeps_its_traceback(monkeypatch):
    def wrong(args):
        raise ZeroDivisionError

    monkeypatch.setattr(commands()["config"], "run", wrong)
    with pytest.raises(ZeroDivisionError):
        main(["config"])


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# Libraries that others bring: seaborn, mlflow, Snakemake, torch. One has a licence of
# its own and is installed by users who ask for its execution.
BROUGHT = re.compile("PIL|sqlalchemy|psutil|snakemake_interface_.*|triton|flashrnn")


def requirements(*extras):
    """The requirements of extras, as the metadata of an installed package list them."""
    for extra in extras:
        for line in PROJECT["optional-dependencies"][extra]:
            if line.startswith("fernn["):
                inner = requirements(*re.findall(r"\w+", line)[1:])
                yield from (
                    f"{each.split(';')[0]}; extra == '{extra}'" for each in inner
                )
            else:
                yield f"{line}; extra == '{extra}'"


def test_every_library_is_brought_by_the_package_or_the_smallest_extra():
    lines = [*requirements(*PROJECT["optional-dependencies"])]
    basic = {re.match(r"[\w-]+", line)[0] for line in PROJECT["dependencies"]}
    own = {path.name for path in (ROOT / "src").iterdir()}
    for path in (ROOT / "src").rglob("*.py"):
        for name in imports(path.read_text()):
            library = name.partition(".")[0]
            if library not in {*sys.stdlib_module_names, *own, *basic}:
                extra = _extras.extra(library, lines)
                assert extra or BROUGHT.fullmatch(library), f"{path}: {library}"
    known = {"xarray": "pipeline", "ruamel": "pipeline", "av": "kth", "pytest": "dev"}
    assert {name: _extras.extra(name, lines) for name in known} == known
    assert _extras.extra("snakemake_executor_plugin_slurm", lines) == "slurm"
    assert _extras.extra("torch", lines) is None


def test_a_missing_extra_is_one_line(monkeypatch, capsys):
    def wrong(args):
        raise ModuleNotFoundError(name=library)

    monkeypatch.setattr(commands()["config"], "run", wrong)
    monkeypatch.setattr(_extras, "find_spec", lambda name: None)
    monkeypatch.setattr(metadata, "requires", lambda _: requirements("pipeline"))
    library = "ruamel.yaml"
    assert main(["config"]) == 2
    told = "fernn config needs fernn[pipeline]: pip install 'fernn[pipeline]'\n"
    assert capsys.readouterr() == ("", told)
    library = "fernn.confg"  # a mistake of ours
    with pytest.raises(ModuleNotFoundError):
        main(["config"])


def test_a_real_mistake(capsys, tmp_path):
    missing = str(tmp_path / "missing.nc")
    draw = ["figure", "training_sped", "--cubes", missing, "--output", "f.png"]
    assert main(draw) == 2
    out, error = capsys.readouterr()
    assert not out and error.count("\n") == 1
    assert error.startswith("fernn: ") and "did you mean 'training_speed'?" in error


def test_an_unknown_command_is_told_the_nearest(capsys):
    assert main(["synthesise"]) == 2
    told = "fernn: no command 'synthesise'; did you mean 'synthesize'?\n"
    assert capsys.readouterr().err == told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["trian"], "no command 'trian'; did you mean 'train'?"),
        (
            ["look", "here", "--outptu", "x"],
            "look: no argument '--outptu'; did you mean '--output'?",
        ),
        (["estimate"], "no config.yaml in {here}: run this in the folder of"),
        (["play", "--output", "a_file/x"], "a_file/x: not a directory"),
        (["playground", "--output", "a_file/x.html"], "a_file: file exists"),
    ],
)
def test_a_slip_is_one_line(tmp_path, monkeypatch, capsys, arguments, told):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a_file").touch()
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"fernn: {told.format(here=tmp_path)}")
    assert error.count("\n") == 1


def test_ctrl_c_is_one_line_and_exit_code_130(monkeypatch, capsys):
    def stopped(args):
        raise KeyboardInterrupt

    monkeypatch.setattr(commands()["config"], "run", stopped)
    monkeypatch.setattr(sys, "argv", ["fernn", "config"])
    assert main() == 130
    assert capsys.readouterr().err == "fernn config: interrupted\n"
    with pytest.raises(KeyboardInterrupt):  # it ends the command that called this one
        main(["config"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: command"),
        (["fetch", "--source", "{"], "not YAML or JSON: '{'"),
        (["fetch", "--source", "mnist"], "a mapping is needed, got 'mnist'"),
        (["fetch", "--source", '{"kind": 1, "kind": 2}'], "not YAML or JSON: "),
    ],
)
def test_a_wrong_command_line_is_told(capsys, arguments, message):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_a_module_of_the_package_is_a_command_and_a_private_one_is_not():
    assert {"fetch", "synthesize", "tune", "select", "train"} <= commands().keys()
    assert {"evaluate", "combine", "figure", "table"} <= commands().keys()
    assert not any(name.startswith("_") for name in commands())
    assert fernn.cli.parser().prog == "fernn"


def test_a_closed_pipe_is_no_error():
    code = "import fernn.cli; raise SystemExit(fernn.cli.main(['config', '--schema']))"
    command = f'{sys.executable} -c "{code}" | true; exit ${{PIPESTATUS[0]}}'
    run = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert "Traceback" not in run.stderr


def test_the_module_is_the_command():
    run = subprocess.run(
        [sys.executable, "-m", "fernn", "train"], capture_output=True, text=True
    )
    assert run.returncode == 2 and "usage: fernn train" in run.stderr
