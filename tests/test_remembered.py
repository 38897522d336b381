"""An answer is kept as long as the code that made it stays as it is."""

import os
import sys
from pathlib import Path

import pytest

from labrun.remembered import KEPT, loaded, remembered

OLD = 10**9  # seconds, long before now


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A file of code that was last changed long ago."""
    path = tmp_path / "code" / "module.py"
    path.parent.mkdir()
    path.write_text("ANSWER = 1")
    for each in (path, path.parent):
        os.utime(each, (OLD, OLD))
    return path


def ask(module: Path, answer: object, given: str = "question") -> object:
    """What is remembered, or `answer`."""
    used = [str(module), str(module.parent), "no_file.py"]
    folder = module.parents[1] / "answers"
    return remembered(folder, [given], lambda: answer, lambda: used)


def test_the_same_question_is_answered_once(module: Path) -> None:
    assert ask(module, {"first": [1]}) == {"first": [1]}
    assert ask(module, "second") == {"first": [1]}
    assert ask(module, "second", given="another question") == "second"


def test_changed_code_is_asked_again(module: Path) -> None:
    ask(module, "first")
    module.write_text("ANSWER = 2")  # of the same size
    os.utime(module, (OLD + 1, OLD + 1))
    os.utime(module.parent, (OLD, OLD))
    assert ask(module, "second") == "second"
    os.utime(module, (OLD, OLD))
    assert ask(module, "third") == "third"
    module.unlink()
    os.utime(module.parent, (OLD, OLD))
    assert ask(module, "fourth") == "fourth"


def test_a_new_file_beside_the_code_is_a_change(module: Path) -> None:
    ask(module, "first")
    (module.parent / "new.py").touch()
    assert ask(module, "second") == "second"


def test_an_answer_of_code_that_changes_meanwhile_is_not_kept(module: Path) -> None:
    os.utime(module)
    ask(module, "first")
    assert ask(module, "second") == "second"


def test_neither_errors_nor_damaged_answers_are_kept(module: Path) -> None:
    def fail() -> None:
        raise ValueError

    folder = module.parents[1] / "answers"
    with pytest.raises(ValueError):
        remembered(folder, ["question"], fail, lambda: [])
    assert ask(module, "first") == "first"
    (kept,) = folder.glob("*.json")
    kept.write_text("{")
    assert ask(module, "second") == "second"


def test_old_answers_go(module: Path) -> None:
    for number in range(KEPT + 2):
        ask(module, number, given=str(number))
    assert len([*(module.parents[1] / "answers").glob("*.json")]) == KEPT


def test_the_code_is_files_and_their_folders_and_not_where_the_command_runs():
    pytest.importorskip("torch")  # of which a module names a file in no folder
    named = [getattr(module, "__file__", None) for module in [*sys.modules.values()]]
    assert not all(Path(name).is_absolute() for name in named if name)
    assert all(Path(path).is_absolute() for path in loaded())
    assert {__file__, str(Path(__file__).parent)} <= {*loaded()}
