"""Imports go one way, and each heavy library has one home.

What a module imports is read from its source, inside functions too; what only a type
checker sees does not count.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE, ENGINE = ROOT / "src/fernn", ROOT / "src/labrun"

SUMMARIES = (
    "evaluation.aggregate evaluation.errors evaluation.exponents evaluation.numbers"
    " evaluation.relaxations evaluation.velocities"
)
ROOMS = "needs devices velocities"
BELOW = {  # from the bottom up; a part of fernn: what it imports of those above it here
    **dict.fromkeys(ROOMS.split(), ""),
    "flows": ROOMS,
    "cells": f"{ROOMS} flows",
    "testing": f"{ROOMS} flows",
    "models": f"{ROOMS} flows cells",
    "treatments": f"{ROOMS} flows cells models",
    "checkpoint": f"{ROOMS} models",
    "pretrained": f"{ROOMS} models checkpoint",
    "playground": "pretrained",
    "videos": ROOMS,
    "data": f"{ROOMS} videos",
    "training": f"{ROOMS} videos data models treatments",
    "evaluation": f"{ROOMS} flows videos data models treatments checkpoint",
    "drawing": f"{ROOMS} {SUMMARIES}",
    "figures": f"{ROOMS} {SUMMARIES} drawing",
    "look": f"{ROOMS} {SUMMARIES}",
    "tables": f"{ROOMS} {SUMMARIES} evaluation.significance evaluation.comparison",
    "config": f"{ROOMS} flows cells models data training evaluation.equivalence",
    "estimate": f"{ROOMS} flows cells models data training evaluation config",
    "doctor": f"{ROOMS} data config estimate",
    "cli": f"{ROOMS} videos data models checkpoint pretrained playground training"
    " evaluation"
    " drawing figures look tables config doctor estimate",
}
HOMES = {  # a library: the only parts that import it
    "mlflow": "",
    "optuna": "",
    "matplotlib": "drawing figures",
    "seaborn": "drawing figures",
    "torchmetrics": "evaluation",
    "pooch": "data videos",
    "sklearn": "data evaluation",
    "av": "data",
    "pydantic": "config",
    "lightning_fabric": "training",
    "snakemake": "",
    "snakemake_interface_logger_plugins": "",
}


def imports(source: str) -> Iterator[str]:
    """The dotted names that a module imports; of packages, with what is taken."""
    tree = ast.parse(source)
    typing_only = {
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the layer"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def faults(part: str, source: str) -> list[str]:
    """What a module of a part must not import."""
    allowed = {part, *BELOW[part].split()}
    found = []
    for name in imports(source):
        library, *inner = name.split(".")
        if library == "fernn" and inner:
            names = {".".join(inner[:depth]) for depth in (1, 2)}
            if not names & allowed:
                found.append(name)
        elif library in HOMES and part not in HOMES[library].split():
            found.append(name)
    return found


MODULES = sorted(str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("module", [name for name in MODULES if name[0] != "_"])
def test_a_module_imports_what_is_below_it(module):
    part = module.split("/")[0].removesuffix(".py")
    assert faults(part, (PACKAGE / module).read_text()) == []


ENGINE_MODULES = sorted(str(p.relative_to(ENGINE)) for p in ENGINE.rglob("*.py"))


@pytest.mark.parametrize("module", ENGINE_MODULES)
def test_the_engine_knows_no_fernn_and_no_model(module):
    names = {name.split(".")[0] for name in imports((ENGINE / module).read_text())}
    assert not names & {"fernn", "lightning_fabric", "matplotlib"}
    homes = {"mlflow": "tracking", "optuna": "tuning", "torch": "rolling_states.py"}
    homes |= {"snakemake": "terminal", "snakemake_interface_logger_plugins": "terminal"}
    homes |= {"snakemake_executor_plugin_slurm": "slurm_executor.py"}
    for library, home in homes.items():
        assert library not in names or module.startswith(home), library


@pytest.mark.parametrize(
    ("part", "source", "fault"),
    [
        ("flows", "from fernn.cells import Cell", "fernn.cells.Cell"),
        ("flows", "import fernn.models", "fernn.models"),
        ("tables", "from fernn.evaluation import cubes", "fernn.evaluation.cubes"),
        ("cli", "def run():\n    import mlflow.tracking", "mlflow.tracking"),
        ("config", "if True:\n    from snakemake import io", "snakemake.io"),
    ],
)
def test_what_points_upwards_is_caught(part, source, fault):
    assert faults(part, source) == [fault]


def test_what_points_downwards_is_not():
    source = "import torch\nfrom fernn.evaluation import aggregate\nimport seaborn"
    assert faults("figures", source) == []
    assert faults("cells", "from fernn import flows\nfrom fernn.cells import a") == []
    hidden = "if TYPE_CHECKING:\n    from fernn.models import Forecaster"
    assert faults("flows", hidden) == []


def test_the_table_is_one_direction():
    parts = list(BELOW)
    for place, (part, below) in enumerate(BELOW.items()):
        names = {name.partition(".")[0] for name in below.split()}
        assert names <= set(parts[:place]), part


def loaded(module: str) -> set[str]:
    """The libraries that are loaded once a module is imported, in a new process."""
    code = f"import sys, {module}; print(*{{m.split('.')[0] for m in sys.modules}})"
    command = [sys.executable, "-c", code]
    return {*subprocess.run(command, capture_output=True, text=True).stdout.split()}


HEAVY = {*HOMES, "torch", "xarray", "numpy", "pandas", "ruamel", "fernn"}


def test_the_logger_of_the_workflow_is_light():
    """Snakemake imports it at every start."""
    found = loaded("snakemake_logger_plugin_fernn")
    own = {"labrun", "snakemake_interface_logger_plugins"}
    assert own <= found and not found & (HEAVY - own)


def test_the_executor_for_slurm_is_light():
    """The controlling process imports it: nothing that takes seconds but Snakemake."""
    pytest.importorskip("snakemake_executor_plugin_slurm")
    added = loaded("labrun.slurm_executor") - loaded("snakemake_executor_plugin_slurm")
    assert "labrun" in added and not added & HEAVY


def test_what_is_heavy_is_seen():
    assert {"numpy", "labrun"} <= loaded("labrun.random_words")


def test_the_workflow_knows_only_the_command_line():
    """But for the executor, which Snakemake's own process must run."""
    known = {"from labrun.slurm_executor import Executor"}
    files = [ROOT / "Snakefile", *sorted((ROOT / "workflow").rglob("*.smk"))]
    assert len(files) > 5
    for file in files:
        for line in file.read_text().splitlines():
            words = line.split()
            if words[:1] in (["import"], ["from"]) and line.strip() not in known:
                assert not words[1].startswith(("fernn", "labrun")), f"{file}: {line}"
