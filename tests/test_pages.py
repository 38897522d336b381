"""docs/systems.md and docs/zoo.md are of the code, the configuration and the runs."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def pages():
    return runpy.run_path(str(ROOT / "docs/pages.py"))


def test_every_system_has_a_row_and_a_test_of_its_law(pages):
    known = pages["read"](ROOT / "docs/systems.yaml")["systems"]
    for folder in pages["FOLDERS"]:
        assert [*sorted(known[folder])] == pages["modules"](folder)
        for _, law in known[folder].values():
            file, _, test = law.partition("::")
            text = (ROOT / f"tests/{file}.py").read_text(encoding="utf-8")
            assert re.search(rf"^def {test}\(", text, re.MULTILINE), law


@pytest.mark.parametrize("name", ["systems", "zoo"])
def test_pages_are_written_anew(pages, name):
    written = (ROOT / f"docs/{name}.md").read_text(encoding="utf-8")
    assert written == pages[name](), "run python docs/pages.py"


def test_a_row_belongs_where_its_change_or_its_statistic_does(pages):
    row = {"change": "hidden, distill", "statistic": "squared_error"}
    row |= {"experiment": "x"}
    assert pages["belongs"](row, {"changes": ["distill"]})
    assert not pages["belongs"](row, {"changes": ["still"]})
    assert pages["belongs"](row, {"statistics": ["squared_error"]})
    assert pages["belongs"](row, {"experiments": ["x"]})


def test_what_was_not_run_is_said_and_numbers_are_rounded(pages):
    assert pages["comparisons"]([]) == "Not run.\n"
    row = dict.fromkeys(pages["SHOWN"], "x") | {"verdict": "better"}
    row |= {"effect": "0.51234", "low": "0.4", "high": "0.61"}
    assert "| 0.512 | 0.4 to 0.61 | better |" in pages["comparisons"]([row])
    assert "| – | – | better |" in pages["comparisons"](
        [row | {"effect": "", "low": "", "high": ""}]
    )
