"""A configuration file is one value to every reader, of a size that can be read."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ruamel.yaml import YAML

from fernn.cli import main
from fernn.config import scan
from fernn.config.positions import merge, numbers, read
from labrun.errors import UserError

ROOT = Path(__file__).parents[1]
BOMB = "a: &a0 [x, x]\n" + "".join(
    f"b{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
)
DEEP = f"a: {'[' * 900}{']' * 900}"


def refused(tmp_path, text):
    file = tmp_path / "a.yaml"
    file.write_bytes(text.encode())
    with pytest.raises(UserError) as caught:
        read(file)
    return str(caught.value).replace(f"{file}:", "")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("s: 010", "1:4: 010 is 8 to Snakemake (YAML 1.1) and 10 to YAML 1.2; write"),
        ("s: 1:30", "1:4: 1:30 is 90 to Snakemake (YAML 1.1) and the text '1:30' to"),
        ("s: no", "1:4: no is false to Snakemake (YAML 1.1) and the text 'no' to"),
        ("- yes", "1:3: yes is true to"),
        ("a:\n  s: [on]", "2:7: on is true to"),
        ("s: 0o17", "1:4: 0o17 is the text '0o17' to"),
        ("s: 08", "1:4: 08 is the text '08' to"),
        ("s: 2020-01-01", "1:4: 2020-01-01 is no number or text; write '2020-01-01'"),
        ("s: =", "1:4: = is no number or text"),
        ("010: 3", "1:1: a key must be text, got 010; write '010'"),
        ("2020-01-01: 3", "1:1: a key must be text"),
        ("no: 3", "1:1: a key must be text, got no"),
        ("? [a, b]\n: 3", "1:3: a key must be text, got a list or mapping"),
        ("a: &a b\n*a : 3", "2:1: a key must be text, got an alias"),
        (
            "s: !!python/object/apply:os.system [x]",
            "1:4: the tag tag:yaml.org,2002:pyt",
        ),
        ("a: b\nsé: \0", "2:5: the control character U+0000 is not allowed"),
        ('s: "a\\eb"', "1:4: text is one line of characters, got the control char"),
        ("s: |\n a\n b", "1:4: text is one line of characters, got the control char"),
        (f"s: {'9' * 5000}", "1:4: a value has at most 1000 characters, got 5000"),
        (f"s: {'9' * 500}", "1:4: a number has at most 30 characters, got 500"),
        (f"s: {'a' * 1_000_000}", " has more than 1000000 bytes"),
        (DEEP, "1:35: nested more than 32 levels deep"),
        (BOMB, "6:15: more than 50000 values, aliases included"),
        ("a: &a [*a]", "1:8: *a stands inside what it names"),
        ("__use_yte__: true", "1:1: __use_yte__: a configuration file that Snakemake"),
        ("a: 1\n__definitions__: []", "2:1: __definitions__: a configuration file"),
    ],
)
def test_what_is_refused_is_one_line(tmp_path, text, line):
    told = refused(tmp_path, text)
    assert told.startswith(line) and "\n" not in told


def test_all_is_told_at_once(tmp_path):
    told = refused(tmp_path, "a: 010\nb: no\nc: [yes, 1]")
    assert [line.split(" ")[0] for line in told.splitlines()] == [
        "1:4:",
        "2:4:",
        "3:5:",
    ]


def test_what_both_read_alike_is_read(tmp_path):
    text = (
        "{a: 10, b: 0x10, c: '010', d: \"no\", e: y, f: true, g: ~, h: .5, i: nope,"
        " j: +1, k: 1_000, l: [-3, 0.25, null], m: &m {n: a b}, o: {<<: *m, p: 1.0e+3}}"
    )
    file = tmp_path / "a.yaml"
    file.write_text(text)
    assert merge([read(file)]) == yaml.safe_load(text)


def test_the_shipped_configuration_is_one_to_both_readers():
    text = (ROOT / "config.yaml").read_text()
    assert merge([read(ROOT / "config.yaml")]) == yaml.safe_load(text)


def test_a_power_of_ten_is_a_number_to_both_readers(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text("{a: 1e-3, b: ['1e-3', 1e3], c: 2e-3}")
    theirs = yaml.safe_load(file.read_text()) | {"c": "later"}
    assert theirs["a"] == "1e-3"
    expected = {"a": 0.001, "b": ["1e-3", 1000.0], "c": "later"}
    assert numbers(theirs, merge([read(file)])) == expected


@pytest.mark.parametrize(
    "text",
    "1e3 1e-3 +1E5 -.5 +.5 .5 -.5e3 .5e3 -.5e-3 1. 1.5e5 1.0e+5 1_000.5 1_0e3 -.inf"
    " .nan 1e 1e5_0 0x1F -0.5 Yes No Static FERNN-V1 e3 inf ~".split(),
)
def test_what_is_admitted_is_what_yaml_1_2_has(tmp_path, text):
    file = tmp_path / "a.yaml"
    file.write_text(f"a: {text}")
    wanted = YAML(typ="safe", pure=True).load(file)["a"]
    if scan.of_scalar(text, plain=True, key=False) is None:
        assert repr(read(file).content["a"]) == repr(wanted)
    else:
        assert repr(yaml.safe_load(file.read_text())["a"]) != repr(wanted)


def test_the_limits_admit_what_is_below_them(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text(f"a: {'[' * 31}{']' * 31}\nb: {'9' * 18}\nc: {'a' * scan.LONGEST}")
    assert merge([read(file)])["b"] == int("9" * 18)


@pytest.mark.parametrize("text", ["2020-01-01: 3\n", BOMB])
def test_the_workflow_refuses_the_same_lines(tmp_path, capsys, text):
    pytest.importorskip("snakemake")
    file = tmp_path / "a.yaml"
    file.write_text(text)
    assert main(["config", "config.yaml", str(file)]) == 2
    told = capsys.readouterr().err
    command = [sys.executable, "-m", "snakemake", "-n", "--snakefile"]
    command += [str(ROOT / "Snakefile"), "--directory", str(tmp_path)]
    done = subprocess.run(
        [*command, "--configfile", str(file)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert told.split(":", 2)[2].strip() in done.stderr, done.stderr
    assert "Traceback" not in done.stderr


MODULE = """
module fernn:
    snakefile: {snakefile!r}
    config: {config}

use rule * from fernn exclude all as fernn_*

rule paper:
    default_target: True
    input:
        "results/smoke/tables/numbers.tex",
    output:
        "paper.pdf"
    shell:
        "cp {{input}} {{output}}"
"""


def test_another_workflow_uses_this_one_as_a_module(tmp_path):
    pytest.importorskip("snakemake")
    text = MODULE.format(snakefile=str(ROOT / "Snakefile"), config={"budget": "smoke"})
    (tmp_path / "Snakefile").write_text(text)
    command = [sys.executable, "-m", "snakemake", "-n", "--cores", "1"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    rules = set(re.findall(r"^(?:local)?rule (\w+):", done.stdout, re.MULTILINE))
    assert {"paper", "fernn_numbers", "fernn_train", "fernn_fetch"} <= rules
