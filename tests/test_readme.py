"""What README.md shows is what happens."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import fernn

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def run(code):
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout


def test_five_lines_predict_frames():
    assert len([line for line in EXAMPLES[0].splitlines() if line]) == 5
    assert run(EXAMPLES[0] + "print(*future.shape)") == "1 20 1 16 16\n"


def test_twelve_lines_show_equivariance():
    code = EXAMPLES[1]
    assert len([line for line in code.splitlines() if line]) == 12
    assert float(run(code)) < 1e-10
    wrong = code.replace("still[:, source], nu, 9", "still[:, source], nu, 8")
    assert wrong != code and float(run(wrong)) > 1e-3


def test_its_numbers_are_those_of_the_results():
    update = runpy.run_path(str(ROOT / "docs/update.py"))
    assert update["filled"](README) == README
    row = re.findall(r"\| translation_slow \| FERNN-V2 \| [^|]+ \| ", README)[0]
    assert README.count("\n| translation") <= 14
    assert update["filled"](README.replace(row, "| FERNN-V2 | 0 | ")) == README
    table = "| a | b |\n| --- | ---: |\n| x | 1 |\n| y | 2 |\n\nA note.\n"
    part = update["part"](table, "a = y, z; columns = b, a")
    assert part == "| b | a |\n| ---: | --- |\n| 2 | y |\n"


def test_links_and_pictures_are_there():
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    assert len(links) > 8
    missing = [link for link in links if not (ROOT / link).exists()]
    assert not missing


def test_every_public_name_is_there():
    for name in fernn.__all__:
        assert getattr(fernn, name).__doc__, name
