"""An execution is removed with its file or folder; the rest neither knows nor needs it.

The package is copied without one, and built, checked and run there.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from copied import ROOT, environment

HOME = Path("fernn/cells/flow_equivariant")
OPTIONAL = ("triton",)
RUN = """
import sys, torch
from fernn import models
from fernn.cells import flow_equivariant
from fernn.cells.flow_equivariant import executions
from labrun.errors import UserError

gone, kept = sys.argv[1], executions()
assert gone not in kept and {"auto", "plain", "fused", "comoving"} <= set(kept)
spec = {"kind": "forecaster", "hidden": 2, "decoder_layers": 0}
flows = [
    {"kind": "translation", "max_speed": 1},
    {"kind": "rotation", "orientations": 4, "max_speed": 1},
]
for flow in flows:
    for execution in ("auto", "plain", "comoving"):
        model = models.build({**spec, "flow": flow, "execution": execution}, 5)
        model(torch.rand(1, 2, 1, 5, 5), 2).sum().backward()
model = models.build({**spec, "flow": flows[0], "execution": "fused"}, 5)
state = torch.rand(1, 9, 2, 5, 5, device="meta")
assert len(model.to("meta").cell.moved_maxima(state, 1, [1, 2])) == 2
try:
    models.build({**spec, "flow": flows[0], "execution": gone}, 5)
except UserError as error:
    print(error)
"""


@pytest.mark.parametrize("name", OPTIONAL)
def test_without_its_file_all_else_runs(tmp_path, name):
    source, gone = tmp_path / "src", name.removesuffix(".py")
    shutil.copytree(ROOT / "src", source)
    target = source / HOME / name
    (shutil.rmtree if target.is_dir() else Path.unlink)(target)
    done = subprocess.run(
        [sys.executable, "-c", RUN, gone],
        env={**environment(source), "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (refusal,) = done.stdout.splitlines()
    assert refusal.startswith(f"no execution {gone!r}; ")
    assert "known: auto, comoving" in refusal


def test_no_other_file_imports_what_can_be_removed():
    """But measurements, which compare executions."""
    modules = [f"flow_equivariant.{name.removesuffix('.py')}" for name in OPTIONAL]
    for path in (ROOT / "src/fernn").rglob("*.py"):
        if not {*OPTIONAL, "bench"} & {*path.parts}:
            text = path.read_text()
            assert not [name for name in modules if name in text], path
