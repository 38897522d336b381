"""docs/systems.md and docs/zoo.md are of the code, the configuration and the runs."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def pages():
    return runpy.run_path(str(ROOT / "docs/pages.py"))


def test_what_has_a_source_has_a_law_and_each_law_is_of_something(pages):
    kinds = [(f, k) for f in pages["FOLDERS"] for k in pages["modules"](f)]
    proved = {tuple(place.rsplit("/", 1)) for place in pages["laws"]()}
    assert proved <= {*kinds}
    assert {kind for kind in kinds if pages["source"](*kind) != "–"} <= proved


def test_the_page_of_systems_says_what_the_files_do(pages):
    """A file without a row is no fault: `make docs` writes the row."""
    written = (ROOT / "docs/systems.md").read_text(encoding="utf-8")
    old = {*written.splitlines()} - {*pages["systems"]().splitlines()}
    assert not old, "run python docs/pages.py"


def test_a_source_is_one_paragraph_and_a_law_stands_above_its_test(pages):
    text = 'r"""What.\n\nSource: A. B, 2020,\narXiv 1.2.\n\nSources: x.\n"""'
    assert pages["SOURCE"].search(text)[1] == "A. B, 2020,\narXiv 1.2"
    assert not pages["SOURCE"].search(text.replace("Source: ", "After "))
    text = '@pytest.mark.law("a/b", "c/d")\ndef test_x(y):\n'
    assert pages["LAW"].findall(text) == [('"a/b", "c/d"', "test_x")]
    assert not pages["LAW"].findall(text.replace("law", "other"))


def test_the_page_of_comparisons_is_that_of_the_runs(pages):
    written = (ROOT / "docs/zoo.md").read_text(encoding="utf-8")
    assert written == pages["zoo"](), "run python docs/pages.py"


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


def test_experiments_that_were_run_again_replace_their_rows_alone(pages):
    old, new = "experiment,x\na,1\nb,2\nb,3\n", "experiment,x\nb,4\nc,5\n"
    assert pages["renewed"](old, new) == "experiment,x\na,1\nb,4\nc,5\n"
    assert pages["renewed"]("", new) == new
