"""A damaged configuration is a plan or lines of mistakes, never a traceback."""

from pathlib import Path

import pytest

hypothesis = pytest.importorskip("hypothesis")
from hypothesis import HealthCheck, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from fernn.config.resolve import resolve  # noqa: E402
from labrun.errors import UserError  # noqa: E402

SHIPPED = Path(__file__).parents[2] / "config.yaml"
TEXT = SHIPPED.read_text()
ODD = (
    *(
        "",
        " ",
        "\n",
        "\t",
        "\0",
        "\x1b",
        "é",
        "🎲",
        "'",
        '"',
        "#",
        "---\n",
        "&a ",
        "*a",
    ),
    *("*fast", "<<: ", "? ", ": ", "- ", "[", "]", "{", "}", ", ", "!!int ", "%", "| "),
    *(
        "010",
        "1:30",
        "no",
        "~",
        "-1",
        "0",
        "1e400",
        ".nan",
        "1e-3",
        "3.5",
        "2020-01-01",
    ),
    *("9" * 40, "x" * 300, "true", "[2]", "[[1]]", "{a: 1}", "demo", "translation"),
)
CUTS = st.lists(
    st.tuples(st.integers(0, len(TEXT)), st.integers(0, 12), st.sampled_from(ODD)),
    min_size=1,
    max_size=3,
)
VALUES = st.recursive(
    st.sampled_from([item for item in ODD if item.isprintable() and item.strip()])
    | st.integers()
    | st.floats()
    | st.booleans()
    | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["kind", "flows", "tuning", "a"]), inner)
    ),
    max_leaves=4,
)
FEW = settings(
    derandomize=True,
    deadline=None,
    max_examples=20,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def paths(node, path=()):
    """Of all values in the shipped configuration."""
    yield from [path] if path else []
    items = node.items() if isinstance(node, dict) else ()
    items = enumerate(node) if isinstance(node, list) else items
    for key, value in items:
        yield from paths(value, (*path, key))


def content():
    import yaml

    return yaml.safe_load(TEXT)


def is_told_or_planned(files, merged=None):
    try:
        assert "experiments" in resolve(files, merged=merged)
    except UserError as error:
        lines = str(error).splitlines()
        assert lines and all(line.strip() for line in lines)
        assert all(len(line) < 2000 for line in lines)


@FEW
@given(cuts=CUTS)
def test_a_damaged_text(cuts, tmp_path_factory):
    text = TEXT
    for start, length, odd in cuts:
        text = text[:start] + odd + text[start + length :]
    file = tmp_path_factory.mktemp("fuzz") / "config.yaml"
    file.write_text(text, encoding="utf-8")
    is_told_or_planned([file])


@FEW
@given(path=st.sampled_from(list(paths(content()))), value=VALUES)
def test_an_odd_value(path, value):
    """As from the command line, which no reader of files sees."""
    merged = node = content()
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    is_told_or_planned([SHIPPED], merged)
