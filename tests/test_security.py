"""No code comes in with data, no secret goes out with results; a group shares them."""

import ast
import ctypes
import gzip
import json
import os
import pickle
import sqlite3
import stat
import subprocess
import sys
import zipfile
import zlib
from contextlib import closing
from pathlib import Path

import pytest
import torch
import xarray as xr
from matplotlib.figure import Figure

from contents import holds
from copied import ROOT, environment
from faults.commands import MODEL, RECIPE, TRAINING
from fernn import checkpoint
from fernn.cli import main
from fernn.videos import files
from labrun.errors import UserError
from labrun.lineage import sha256
from labrun.tracking import client, server

SECRETS = {"HOME": "a-secret-home", "TOKEN": "s3cr3t-t0ken", "LOGNAME": "a-secret-user"}
CAP_DAC_OVERRIDE, PR_CAPBSET_DROP = 1, 24
ABOUT = {
    "label": "FERNN-V1",
    "kind": "forecaster",
    "role": "model",
    "oracle": False,
    "cost": 1.0,
}
CUBE = {
    "experiment": "moving",
    "title": "Moving",
    "budget": "tiny",
    "horizon": 2,
    "long_horizon": 2,
}
PIPELINE = """
import json, sys
from fernn.cli import main

def fernn(command, *options):
    code = main([*command.split(), *options])
    assert code == 0, (command, code)

recipe, model, training, cube = sys.argv[1:]
own = ["--key", "tiny/moving/fernn_v1/seed-0"]
fernn("fetch --output=results/atlas.nc --source", '{"kind": "handwritten"}')
for split in ("train", "val"):
    spec = json.dumps(json.loads(recipe) | {"split": split, "pool": split})
    output = f"--output=results/data/{split}.nc"
    fernn(f"synthesize --atlas=results/atlas.nc {output} --recipe", spec)
data = "--train=results/data/train.nc --val=results/data/val.nc"
options = ["--model", model, "--training", training, *own]
output = "--output=results/runs/model.pt"
fernn(f"train {data} --atlas=results/atlas.nc {output}", *options)
given = "--model fernn_v1 results/runs/model.pt --seeds 0"
output = "--output=results/shards/fernn_v1.nc"
axes = json.dumps({"curves": {"statistic": "curves"}})
fernn(f"evaluate {given} {output} --place tiny/moving --axes", axes)
output = "--shards results/shards/fernn_v1.nc --output=results/cubes/curves.nc"
fernn(f"combine --axis=curves {output} --attrs", cube)
output = "--output results/figures/speed.png results/figures/speed.pdf"
fernn(f"figure training_speed --cubes results/cubes/curves.nc {output}")
fernn("track --check")
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Results made by a pipeline whose home is secret, and cannot be written."""
    home = tmp_path_factory.mktemp("place") / SECRETS["HOME"]
    work = home / "work"
    work.mkdir(parents=True)
    recipe = {**RECIPE, "sequences": 8}
    training = {**TRAINING, "sequences": 8, "epochs": 1}
    cube = {**CUBE, "statistic": "curves", "models": {"fernn_v1": ABOUT}}
    specs = [json.dumps(spec) for spec in (recipe, MODEL, training, cube)]
    environ = {**environment(ROOT / "src"), "HOME": str(home)}
    environ |= {"FAKE_TOKEN": SECRETS["TOKEN"], "LOGNAME": SECRETS["LOGNAME"]}
    home.chmod(0o555)
    done = subprocess.run(
        [sys.executable, "-c", PIPELINE, *specs],
        cwd=work,
        env=environ,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=as_in_a_group,
    )
    home.chmod(0o755)
    assert done.returncode == 0, done.stderr
    return work / "results"


def as_in_a_group():
    """With files for the group; a root that may write where any user may."""
    os.umask(0o002)
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE)


def files_below(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("secret", SECRETS)
def test_no_secret_is_in_any_file(secret, made):
    kinds = {path.suffix for path in files_below(made)}
    assert kinds >= {".nc", ".pt", ".json", ".jsonl", ".png", ".pdf", ".db"}
    assert not [path for path in files_below(made) if holds(path, SECRETS[secret])]


def test_a_secret_would_be_found(tmp_path):
    secret = "s3cr3t-t0ken"
    xr.Dataset(attrs={"note": secret}).to_netcdf(tmp_path / "a.nc", engine="netcdf4")
    torch.save({"note": secret}, tmp_path / "a.pt")
    Figure().savefig(tmp_path / "a.png", metadata={"note": secret})
    Figure().savefig(tmp_path / "a.pdf", metadata={"Keywords": secret + "…"})
    figure = Figure()
    figure.text(0, 0, secret)
    figure.savefig(tmp_path / "text.svg")
    with closing(sqlite3.connect(tmp_path / "a.db")) as database, database:
        database.execute("CREATE TABLE tags AS SELECT ? AS value", (secret,))
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", secret * 9)
    (tmp_path / "packed").write_bytes(b"..." + zlib.compress(secret.encode()))
    assert all(holds(path, secret) for path in files_below(tmp_path))


def test_a_group_can_go_on_and_the_home_is_left_alone(made):
    assert [path.name for path in made.parents[1].iterdir()] == ["work"]
    places = [made, *made.rglob("*")]
    shut = [path for path in places if not path.stat().st_mode & stat.S_IWGRP]
    assert (made / "mlflow/mlflow.db") in places and not shut


class Harmful:
    """Code that runs when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("packed", [True, False])
def test_a_checkpoint_with_code_in_it_is_refused(packed, made, tmp_path, capsys):
    path, trap = tmp_path / "model.pt", tmp_path / "trap"
    harmful = {"weights": {}, "spec": Harmful(trap)}
    if packed:
        torch.save(harmful, path)
    else:
        path.write_bytes(pickle.dumps(harmful, protocol=2))
    told = {"sha256": sha256(path), "spec": {}, "lineage": {}}
    checkpoint.sidecar(path).write_text(json.dumps(told))
    data = ["--recipes", str(made / "data/val.nc"), "--atlas", str(made / "atlas.nc")]
    what = ["--model", "a", str(path), "--seeds=0"]
    spec = {"context": 2, "horizon": 2, "batch": 4}
    axis = {"statistic": "squared_error", "recipe": "val", "spec": spec}
    what += ["--axes", json.dumps({"a": axis}), f"--output={tmp_path}/a.nc"]
    assert main(["evaluate", *what, *data]) == 2
    told = f"a: a\nfernn: {path} is refused: it holds code\n"
    assert capsys.readouterr().err == told
    assert not trap.exists()
    pickle.loads(pickle.dumps(Harmful(trap)))  # the converse: it is harmful
    assert trap.exists()


def test_no_source_unpickles_evaluates_or_unpacks_to_a_folder():
    """Only weights are loaded, and no name inside an archive could lead out."""
    used = set()
    for path in Path(checkpoint.__file__).parents[1].rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                used |= {alias.name for alias in node.names}
            if isinstance(node, ast.ImportFrom):
                used |= {f"{node.module}.{alias.name}" for alias in node.names}
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                options = {k.arg: ast.unparse(k.value) for k in node.keywords}
                used.add(name)
                assert name != "torch.load" or options["weights_only"] == "True", path
                assert "True" not in (options.get("shell"), options.get("allow_pickle"))
    assert {"torch.load", "subprocess.run", "contextlib.suppress"} <= used
    bad = {"dill", "joblib", "marshal", "shelve", "tarfile", "cloudpickle"}
    bad |= {f"pickle.{name}" for name in ("load", "loads", "Unpickler")}
    assert not used & {*bad, "exec", "os.system", "shutil.unpack_archive"}
    assert not any(name.endswith((".extract", ".extractall")) for name in used)


def test_a_download_is_bounded_also_when_it_is_unpacked(monkeypatch):
    monkeypatch.setattr(files, "LIMIT", 1000)
    bomb = gzip.compress(bytes(1001))
    assert len(bomb) < 100
    with pytest.raises(UserError, match="unpacks to more than 1000 bytes"):
        files.unpacked(bomb, "somewhere")
    assert files.unpacked(gzip.compress(bytes(1000)), "somewhere") == bytes(1000)
    kept = files._Bounded()
    kept.write(bytes(1000))
    with pytest.raises(ValueError, match="more than 1000"):
        kept.write(b"1")


def test_an_address_is_told_without_its_password(tmp_path, monkeypatch, capsys):
    uri = "http://joe:pa55@word@127.0.0.1:9/sub"
    assert client.public(f"at {uri} and a@b") == "at http://127.0.0.1:9/sub and a@b"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(SystemExit):
        main(["track", "--results", str(tmp_path)])
    assert main(["ui", "--results", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 2 and "127.0.0.1:9" in told
    assert "joe" not in told and "word" not in told


def test_whether_others_reach_it_depends_on_the_address_not_on_the_name():
    assert not any(map(server.listens_beyond, ["127.0.0.1", "localhost", "::1"]))
    assert all(map(server.listens_beyond, ["0.0.0.0", "::", "192.0.2.1"]))
    assert server.names_of("::1") == ["[::1]"]
