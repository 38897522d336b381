"""Every key and every value of the shipped configuration, mistyped (F25)."""

import re

import pytest

from copied import ROOT
from fernn.config.check import checked
from fernn.config.positions import merge, read
from labrun.errors import UserError

TEXT = (ROOT / "config.yaml").read_text()
KEY = re.compile(r"(?<![\"#&*\w])([\w-]+)(?=: |:$)", re.MULTILINE)
VALUE = re.compile(r"(?<=[\w-]: )([\w.-]+)(?= *(?:[,}#]|$))", re.M)
# Names that nothing else in the file tells; `fetch` checks the files of digits.
FREE = {"mnist-small", "paper", "smoke", *read(ROOT / "config.yaml").content["paper"]}


def told(path, text):
    """The lines told of a configuration."""
    path.write_text(text)
    source = read(path)
    try:
        checked(merge([source]), [source])
    except UserError as error:
        return str(error).splitlines()
    return []


def places(pattern):
    """What a pattern matches outside comments, and the number of the line."""
    for match in pattern.finditer(TEXT):
        line = TEXT.count("\n", 0, match.start())
        begin = TEXT.rfind("\n", 0, match.start()) + 1
        if "#" not in TEXT[begin : match.start()].replace('"#', ""):
            yield match, line + 1


@pytest.mark.minutes
@pytest.mark.parametrize("what", ["key", "value"])
def test_f25_every_mistyped_word_is_told_where_it_stands(tmp_path, what):
    path, missed, count = tmp_path / "config.yaml", [], 0
    for match, line in places(KEY if what == "key" else VALUE):
        word = f"{match[0]}x" if what == "key" else "[[]]"
        changed = TEXT[: match.start()] + word + TEXT[match.end() :]
        if match[0] in (
            "Translation",
            "Rotation",
        ):  # a list and text behind it are no YAML
            continue
        count += 1
        lines = told(path, changed)
        where = rf"{re.escape(str(path))}:\d+:\d+: "
        placed = [text for text in lines if re.match(where, text)]
        here = any(text.startswith(f"{path}:{line}:") for text in lines)
        right = placed and (here or what == "key")  # a missing key has no place
        if not right and not re.match(
            r"\s+\w+: \{ name: ", TEXT.splitlines()[line - 1]
        ):
            missed.append((line, match[0], lines[:2]))
    print(f"{count} {what}s")
    assert count > 150
    assert {name for _, name, _ in missed} == (FREE if what == "key" else set()), missed
