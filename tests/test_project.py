"""The engine knows the project that uses it by its declaration alone."""

import subprocess
import sys
from pathlib import Path

import pytest

import labrun
from labrun import lineage, project, storage
from labrun.controller import jobs
from labrun.tracking.client import own_tag
from labrun.tracking.folder import Folder

ENGINE = Path(labrun.__file__).parent


@pytest.fixture
def undeclared(monkeypatch):
    """No project, whatever the tests before declared."""
    monkeypatch.setattr(project, "_declared", [])


@pytest.mark.parametrize(
    "module", sorted(str(p.relative_to(ENGINE)) for p in ENGINE.rglob("*.py"))
)
def test_the_engine_names_no_project(module):
    assert "fernn" not in (ENGINE / module).read_text().lower()


def test_the_names_are_those_of_earlier_results(tmp_path):
    assert storage._seal() == b"\nfernn sha256 "
    assert own_tag("key") == "fernn.key"
    assert jobs.prefix(tmp_path, "demo") == f"fernn_{Folder(tmp_path).identity()}_demo"
    assert project.project().sources == ENGINE.parent


def test_another_project_has_its_own_names(undeclared, tmp_path):
    project.declare("other", tmp_path)
    assert storage._seal() == b"\nother sha256 "
    assert own_tag("key") == "other.key"
    assert jobs.prefix(tmp_path, "demo").startswith("other_")


def test_changes_of_the_declared_sources_count(undeclared, tmp_path):
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=b"]
    for folder in ("sources", "notes"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "text").write_text("1")
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *command], check=True)
    project.declare("other", tmp_path / "sources")
    commit = lineage.commit.__wrapped__
    (tmp_path / "notes/text").write_text("2")
    assert len(commit()) == 40
    (tmp_path / "sources/text").write_text("2")
    assert commit().endswith("+changes")


def test_an_undeclared_project_is_refused():
    code = "from labrun.lineage import stamp; stamp([])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode and "no project is declared" in done.stderr


def test_a_second_project_is_refused(tmp_path):
    with pytest.raises(ValueError, match="cannot become"):
        project.declare("other", tmp_path)


@pytest.mark.parametrize("name", ["", "Other", "a b", "a.b", "a" * 17])
def test_a_name_that_breaks_tags_or_job_names_is_refused(undeclared, name, tmp_path):
    with pytest.raises(ValueError, match="a project's name"):
        project.declare(name, tmp_path)
