"""Numbers of tables as LaTeX macros, and hashes of what is published."""

import re
import subprocess

import pandas as pd
import pytest

from fernn.cli import main
from fernn.tables import _write

LINEAGE = {"commit": "abc", "version": "1", "inputs": {}}


def save(folder, name="errors", **columns):
    folder.mkdir(exist_ok=True)
    for form in ("csv", "md", "tex"):
        _write.save(pd.DataFrame(columns), folder / f"{name}.{form}", LINEAGE)


def macros(folder):
    output = folder / "numbers.tex"
    assert main(["numbers", str(folder / "errors.csv"), "--output", str(output)]) == 0
    text = output.read_text()
    found = re.findall(r"\\csname fernn@(.+?)\\endcsname\{(.*)\}$", text, re.M)
    assert len(dict(found)) == len(found)
    return dict(found)


def test_each_number_has_the_name_of_its_row_and_column(tmp_path):
    save(
        tmp_path / "tables",
        experiment=["digits", "digits"],
        model=["FERNN–V2", "G-RNN"],
        mse_mean=[0.25, float("nan")],
        mse_std=[0.05, float("nan")],
        seeds=[3, 3],
        accuracy=[0.0, 0.0],
    )
    assert macros(tmp_path / "tables") == {
        "errors/digits/FERNN-V2/mse": r"$0.250 \pm 0.050$",
        "errors/digits/FERNN-V2/seeds": "$3$",
        "errors/digits/FERNN-V2/accuracy": "$0$",
        "errors/digits/G-RNN/seeds": "$3$",
        "errors/digits/G-RNN/accuracy": "$0$",
    }


def test_rows_that_models_do_not_tell_apart_have_more_in_their_names(tmp_path):
    save(tmp_path / "tables", model=["A", "A"], test=["x", "y"], mse=[1.5, 2.5])
    assert [*macros(tmp_path / "tables")] == ["errors/A/x/mse", "errors/A/y/mse"]
    save(tmp_path / "tables", model=["A", "A"], mse=[1.5, 2.5])
    assert [*macros(tmp_path / "tables")] == ["errors/A/mse", "errors/A/2/mse"]


@pytest.mark.parametrize("row", ["A", "A,1,2"])
def test_a_table_with_a_ragged_row_is_refused(tmp_path, row, capsys):
    table = tmp_path / "errors.csv"
    table.write_text(f"model,mse\nB,1\n{row}\n")
    output = tmp_path / "numbers.tex"
    assert main(["numbers", str(table), "--output", str(output)]) == 2
    assert "errors.csv: row 2 below the head" in capsys.readouterr().err
    assert not output.exists()


def test_a_published_file_is_held_against_its_hash(tmp_path, capsys):
    folder = tmp_path / "tables"
    save(folder, model=["A"], mse=[1.5])
    sums = tmp_path / "SHA256SUMS"
    assert main(["trace", str(folder / "errors.md"), "--sums", str(sums)]) == 0
    check = ["sha256sum", "--check", "--quiet", sums.name]
    assert subprocess.run(check, cwd=tmp_path).returncode == 0
    assert [line.split("  ")[1] for line in sums.read_text().splitlines()] == [
        f"tables/errors.{form}" for form in ("csv", "md", "tex")
    ]
    with (folder / "errors.md").open("a") as file:
        file.write("edited\n")
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(["trace", str(folder / "errors.md")])
    assert "errors.md: recorded" in capsys.readouterr().err
