"""The documentation: links that hold or are refused, and lists without a gap."""

import json
import sys
from pathlib import Path

import pytest

from fernn import cli, evaluation
from labrun.modules import load, names

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs"))
import generated  # noqa: E402
import website  # noqa: E402


def moved(text, page="howto/page.md"):
    linked = set()
    return website.relinked(text, ROOT, page, linked), linked


def test_links_to_the_repository_lead_to_pages_and_sources():
    text, linked = moved("[a `b` c](docs/gpu.md#x), [d](slurm/README.md) [e](Makefile)")
    assert text == (
        "[a `b` c](../gpu.md#x), [d](cluster.md)"
        ' <a href="../source/Makefile.html">e</a>'
    )
    assert linked == {"Makefile"}


def test_code_mathematics_and_the_web_stay_as_they_are():
    text = "`[a](b)` $f[x](y)$ [w](https://x.org/y) [h](#here)\n```\n[a](b)\n```\n"
    assert moved(text) == (text, set())


def test_a_link_to_no_file_and_one_out_of_the_repository_are_refused():
    for target in ("docs/none.md", "../elsewhere", "/etc/hosts"):
        with pytest.raises(
            website.NoFileError, match=rf"howto/page.md: no file .* {target}"
        ):
            moved(f"[a]({target})")


def test_broken_links_of_a_built_site_are_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<p id="here"><a href="#here"></a><a href="b.html#two"></a>'
        '<a href="b.html#none"></a><img src="gone.png"><a href="https://x.org"></a>'
    )
    (tmp_path / "b.html").write_text('<h1 id="two"></h1>')
    found = sorted(website.broken(tmp_path))
    assert found == ["a.html: b.html#none", "a.html: gone.png"]


def test_every_key_command_and_statistic_is_listed():
    schema = json.loads((ROOT / "workflow/schemas/config.schema.json").read_text())
    text, _ = generated.keys()
    for part in (schema, *schema["$defs"].values()):
        assert part["properties"]
        for key in part["properties"]:
            assert f"| `{key}` |" in text
    assert "| `epochs` | integer ≥ 1, ≤ 10000000 | *needed* |" in text
    text, _ = generated.commands()
    assert text.count("\n## fernn ") + 1 == len(cli.commands())
    assert "## fernn estimate" in text and "--tflops" in text
    text, _ = generated.statistics()
    package = evaluation.__name__
    known = [n for n in names(package) if hasattr(load(package, n), "measure")]
    assert known and all(
        f".. autofunction:: {package}.{n}.measure" in text for n in known
    )
    assert "fernn.evaluation.aggregate" not in text


def test_every_example_has_a_page_and_every_page_is_in_the_contents(
    tmp_path, monkeypatch
):
    scripts = {path.stem for path in (ROOT / "examples").glob("*.py")}
    assert scripts == {p.stem for p in (ROOT / "docs/gallery").glob("*.md")} - {"index"}
    text, _ = generated.further()
    assert "\nSeeds (demo) <results/demo/seeds>\n" in text
    assert "\nconcepts\n" not in text
    (tmp_path / "index.md").write_text("```{toctree}\nnamed\n```\n", encoding="utf-8")
    for page in ("named", "new"):
        (tmp_path / f"{page}.md").touch()
    monkeypatch.setattr(generated, "DOCS", tmp_path)
    text, _ = generated.further()
    assert "\nnew\n" in text and "\nnamed\n" not in text
