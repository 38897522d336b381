"""What README.md and the pages that it begins show is what happens."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import fernn

ROOT = Path(__file__).parents[1]
UPDATE = runpy.run_path(str(ROOT / "docs/update.py"))
PAGES = {page.name: page.read_text(encoding="utf-8") for page in UPDATE["pages"]()}


def example(page):
    """Its first Python example."""
    return re.findall(r"```python\n(.*?)```", PAGES[page], re.DOTALL)[0]


def run(code):
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout


def test_five_lines_predict_frames():
    code = example("README.md")
    assert len([line for line in code.splitlines() if line]) == 5
    assert run(code + "print(*future.shape)") == "1 20 1 16 16\n"


def test_twelve_lines_show_equivariance():
    code = example("guide.md")
    assert len([line for line in code.splitlines() if line]) == 12
    assert float(run(code)) < 1e-10
    wrong = code.replace("still[:, source], nu, 9", "still[:, source], nu, 8")
    assert wrong != code and float(run(wrong)) > 1e-3


@pytest.mark.parametrize("page", PAGES)
def test_its_numbers_are_those_of_the_results(page):
    assert UPDATE["filled"](PAGES[page]) == PAGES[page]


def test_a_table_that_was_edited_is_filled_again():
    readme = PAGES["README.md"]
    row = re.findall(r"\| translation_slow \| FERNN-V2 \| [^|]+ \| ", readme)[0]
    assert readme.count("\n| translation") == 6
    assert UPDATE["filled"](readme.replace(row, "| FERNN-V2 | 0 | ")) == readme
    table = "| a | b |\n| --- | ---: |\n| x | 1 |\n| y | 2 |\n\nA note.\n"
    part = UPDATE["part"](table, "a = y, z; columns = b, a")
    assert part == "| b | a |\n| ---: | --- |\n| 2 | y |\n"


@pytest.mark.parametrize("page", PAGES)
def test_links_and_pictures_are_there(page):
    folder = ROOT if page == "README.md" else ROOT / "docs"
    links = re.findall(r"\]\((?!http)([^)#\s]+\.\w+)(?:#[^)]*)?\)", PAGES[page])
    assert not [link for link in links if not (folder / link).exists()]
    assert links or page != "README.md"


def test_every_public_name_is_there():
    for name in fernn.__all__:
        assert getattr(fernn, name).__doc__, name
