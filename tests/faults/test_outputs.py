"""An output that was damaged on the disk is refused by name; nothing wrong is drawn."""

import json
import shutil

import pytest

from faults.damage import cut, fill, flip, small_disk
from fernn.cli import main
from labrun.errors import Damaged
from labrun.storage import read_datasets


@pytest.fixture
def evaluate(commands, trained, tmp_path):
    """A checkpoint, and the command that measures it."""
    for name in ("model.pt", "model.pt.json"):
        shutil.copy(trained / name, tmp_path / name)
    spec = {"context": 2, "horizon": 2, "batch": 4}
    axis = {"statistic": "squared_error", "recipe": "test", "spec": spec}
    model = ["--model", "fernn_v1", f"{tmp_path}/model.pt", "--seeds=0"]
    what = [f"--axes={json.dumps({'a': axis})}", f"--output={tmp_path}/s.nc"]
    data = [f"--recipes={commands.folder}/test.nc", *commands.data()]
    return tmp_path / "model.pt", ["evaluate", *model, *what, *data]


def test_f9_a_flipped_bit_in_a_model(evaluate, capsys):
    model, command = evaluate
    assert main(command) == 0
    (model.parent / "s.nc").unlink()
    flip(model)
    capsys.readouterr()
    assert main(command) == 2
    doing, line, end = capsys.readouterr().err.split("\n")
    assert line.startswith(f"fernn: {model} is damaged: expected SHA-256 ")
    assert doing == "fernn_v1: a" and not end and not (model.parent / "s.nc").exists()


@pytest.fixture
def combine(evaluate):
    """A shard, and the command that makes a cube of it."""
    model, command = evaluate
    assert main(command) == 0
    shard, cube = model.parent / "s.nc", model.parent / "disk/cube.nc"
    return shard, ["combine", f"--shards={shard}", "--axis=a", f"--output={cube}"]


@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_f18_a_cut_shard(combine, capsys, share):
    shard, command = combine
    cut(shard, share)
    capsys.readouterr()
    assert main(command) == 2
    line = capsys.readouterr().err
    assert line.startswith(f"fernn: {shard} is damaged") and line.count("\n") == 1
    assert not (shard.parent / "disk/cube.nc").exists()


def test_f18_a_flipped_bit_is_refused(combine):
    """Whatever it is in: numbers, names, attributes, gaps of the file, its seal."""
    shard, _ = combine
    whole, sound = read_datasets(shard, "a"), shard.read_bytes()
    for seed in range(300):
        flip(shard, seed)
        with pytest.raises(Damaged, match="bytes are not those"):
            read_datasets(shard, "a")
        shard.write_bytes(sound)
    shard.write_bytes(sound[:-64] + b"0" * 64)
    with pytest.raises(Damaged, match="bytes are not those"):
        read_datasets(shard, "a")
    shard.write_bytes(sound)
    assert read_datasets(shard, "a")["fernn_v1"].identical(whole["fernn_v1"])


@pytest.mark.parametrize("left", [16384, 0])  # room for the lease, for nothing
def test_f7_a_full_disk_at_a_cube(combine, capsys, left):
    shard, command = combine
    with small_disk(shard.parent / "disk", 1 << 20) as disk:
        assert main(command) == 0
        before = (disk / "cube.nc").read_bytes()
        fill(disk, left)
        capsys.readouterr()
        assert main(command) == 2
        line = capsys.readouterr().err
        assert "the disk is full" in line
        assert not left or ("cube.nc: " in line and " bytes are needed" in line)
        assert line.count("\n") == 1 and (disk / "cube.nc").read_bytes() == before
        (disk / "ballast").unlink()
        assert main(command) == 0
