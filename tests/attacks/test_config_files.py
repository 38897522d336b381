"""Snakemake refuses a configuration file in our words, before it evaluates anything."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIMIT = 120  # seconds, against a hang


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "No such file or directory"),
        ("seed: [1\nfoo: }", ":2:4: did not find expected ',' or ']'"),
        ("seed: 010", ":1:7: 010 is 8 to Snakemake"),
        (
            '__use_yte__: true\n__definitions__: [import os]\nseed: ?os.mkdir("ran")',
            ":1:1: __use_yte__: a configuration file that Snakemake runs as code",
        ),
    ],
    ids=["missing", "syntax", "octal", "template"],
)
def test_snakemake_tells_it_in_the_same_line(tmp_path, text, message):
    pytest.importorskip("snakemake")
    file = tmp_path / "mine.yaml"
    if text:
        file.write_text(text)
    command = [sys.executable, "-m", "snakemake", "-s", ROOT / "Snakefile", "-n"]
    done = subprocess.run(
        [*command, "--cores=1", "--logger=fernn", "--configfile", file],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if "profile" not in line]
    assert f"{file}" in lines[0] and message in lines[0]
    assert all(line.startswith("fernn: ") for line in lines)
    assert not (tmp_path / "ran").exists()
