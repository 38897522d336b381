"""The lineage of an artefact is told whole, and every byte behind it is checked."""

import json
import os

import pytest
import xarray as xr
from matplotlib.figure import Figure

from fernn.cli import main
from labrun.lineage import sha256
from labrun.storage import write_dataset

COMMIT = "1234567890abcdef1234567890abcdef12345678+changes"
ATLAS = "results/demo/atlas.nc"
DATA = "results/demo/data/test (1).nc"
MODEL = "results/demo/runs/fernn/0/model.pt"
CUBES = ["results/demo/cubes/a/length.nc", "results/demo/cubes/a/velocity.nc"]
FIGURE = "results/demo/figures/length"


def stamped(*inputs):
    hashes = {name: sha256(name) for name in inputs}
    return {"commit": COMMIT, "version": "0.1.0", "inputs": hashes}


def cube(path, **attrs):
    write_dataset(xr.Dataset({"x": ("sample", [1.0, 2.0])}, attrs=attrs), path)


@pytest.fixture
def results(tmp_path, monkeypatch):
    """A run in small: sources, data, a checkpoint, two cubes, figures and tables."""
    monkeypatch.chdir(tmp_path)
    cube(ATLAS, source="tiny digits")
    cube(DATA, lineage=json.dumps(stamped(ATLAS)))
    os.makedirs(os.path.dirname(MODEL))
    with open(MODEL, "wb") as file:
        file.write(b"weights")
    sidecar = {"lineage": stamped(DATA), "sha256": sha256(MODEL)}
    with open(MODEL + ".json", "w") as file:
        json.dump(sidecar, file)
    for path in CUBES:
        cube(path, source="tiny digits", lineage=json.dumps(stamped(MODEL, DATA)))
    text = json.dumps(stamped(*CUBES))
    os.makedirs(os.path.dirname(FIGURE))
    Figure().savefig(f"{FIGURE}.png", metadata={"lineage": text})
    Figure().savefig(f"{FIGURE}.pdf", metadata={"Keywords": text})
    for suffix, comment in {"md": "<!-- {} -->", "tex": "% {}", "csv": "# {}"}.items():
        with open(f"{FIGURE}.{suffix}", "w") as file:
            file.write("| a | lineage: {} |\n")
            file.write(comment.format(f"lineage: {text}") + "\n")
    with open(f"{FIGURE}.json", "w") as file:
        json.dump({"best": 1, "lineage": stamped(*CUBES)}, file)
    return tmp_path


def flip(path):
    with open(path, "r+b") as file:
        file.seek(-1, os.SEEK_END)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_END)
        file.write(bytes([byte ^ 1]))


def traced(path):
    """Exit code of `fernn trace`."""
    try:
        return main(["trace", str(path)])
    except SystemExit as stop:
        return stop.code


@pytest.mark.parametrize("kind", ["png", "pdf", "md", "tex", "csv", "json"])
def test_the_tree_reaches_the_sources(kind, results, capsys):
    assert traced(f"{FIGURE}.{kind}") == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    made = "  commit 12345678+changes  version 0.1.0"
    short = {path: sha256(path)[:8] for path in (ATLAS, DATA, MODEL, *CUBES)}
    assert lines[0] == f"{FIGURE}.{kind}  {sha256(f'{FIGURE}.{kind}')[:8]}{made}"
    assert lines[1:] == [
        f"  {CUBES[0]}  {short[CUBES[0]]}{made}",
        f"    {MODEL}  {short[MODEL]}{made}",
        f"      {DATA}  {short[DATA]}{made}",
        f"        {ATLAS}  {short[ATLAS]}  source tiny digits",
        f"    {DATA}  {short[DATA]}  (see above)",
        f"  {CUBES[1]}  {short[CUBES[1]]}{made}",
        f"    {MODEL}  {short[MODEL]}  (see above)",
        f"    {DATA}  {short[DATA]}  (see above)",
    ]
    assert err == ""


@pytest.mark.parametrize("changed", [ATLAS, DATA, MODEL, CUBES[1]])
def test_one_flipped_byte_is_named_once(changed, results, capsys):
    recorded = sha256(changed)
    flip(changed)
    assert traced(f"{FIGURE}.pdf") == 1
    out, err = capsys.readouterr()
    found = sha256(changed)
    assert f"{changed}: recorded {recorded}, found {found}" in err.splitlines()
    assert f"{changed}  {found[:8]}  CHANGED, was {recorded[:8]}" in out
    assert all(line.count(changed) for line in err.splitlines())


def test_a_missing_input_is_named_once(results, capsys):
    recorded = sha256(DATA)
    os.remove(DATA)
    assert traced(f"{FIGURE}.png") == 1
    assert capsys.readouterr().err == f"{DATA}: recorded {recorded}, missing\n"


def test_a_checkpoint_must_be_the_one_its_sidecar_tells_of(results, capsys):
    assert traced(MODEL) == 0
    flip(MODEL)
    assert traced(MODEL) == 1
    assert f"{MODEL}: recorded" in capsys.readouterr().err
    os.remove(MODEL + ".json")
    assert traced(MODEL) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_results_that_were_moved_are_compared_with_their_own_files(results, capsys):
    os.makedirs("elsewhere")
    os.rename("results", "elsewhere/results")
    # Decoys: files of the same names where the command is called.
    for path in (*CUBES, DATA):
        cube(path, lineage=json.dumps(stamped()))
    assert traced(f"elsewhere/{FIGURE}.pdf") == 0
    # Converse: the files beside the figure are those that count.
    flip(f"elsewhere/{ATLAS}")
    assert traced(f"elsewhere/{FIGURE}.pdf") == 1
    # A figure taken out of its folder is compared with the files here.
    os.rename(f"elsewhere/{FIGURE}.pdf", results / "loose.pdf")
    capsys.readouterr()
    assert traced("loose.pdf") == 1
    assert CUBES[0] in capsys.readouterr().err


def test_what_carries_no_lineage_is_refused(results, capsys):
    assert traced(ATLAS) == 0
    Figure().savefig("plain.pdf", metadata={"Keywords": "figure, plain"})
    Figure().savefig("plain.png")
    for path in ("plain.pdf", "plain.png"):
        assert traced(path) == 2
        assert capsys.readouterr().err == f"fernn: {path} carries no lineage\n"
    assert traced("absent.pdf") == 2
    assert "no such file: absent.pdf" in capsys.readouterr().err


def test_names_survive_the_escapes_of_a_pdf(results, capsys):
    name = "größe (1)\\n[π].txt"
    with open(name, "w") as file:
        file.write("notes")
    for ascii_only in (True, False):
        text = json.dumps(stamped(name), ensure_ascii=ascii_only)
        Figure().savefig("odd.pdf", metadata={"Keywords": text})
        assert traced("odd.pdf") == 0
        assert f"  {name}  {sha256(name)[:8]}" in capsys.readouterr().out
