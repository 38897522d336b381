"""Whatever is in a spool, the tracker ends, and what is whole arrives."""

import json
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attacks.spools import Place, artifact, metrics, run
from labrun.spool import Spool
from labrun.tracking import events
from labrun.tracking.fold import Fold

# MLflow's dependencies, not ours.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

ODD = [
    "..",
    "../../../outside",
    "/etc/hostname",
    "\0",
    "\n",
    "'",
    "e\u0301",
    "\U0001f600",
]
ODD += [
    "nan",
    "fernn.key",
    "mlflow.runName",
    "a" * 300,
    "NaN",
    "．．/",
    "link.txt",
    "dir/a",
]
text = st.one_of(st.text(max_size=12), st.sampled_from(ODD))
numbers = st.one_of(st.integers(), st.floats(), st.sampled_from([10**30, 2**63, 1e300]))
scalars = st.one_of(st.none(), st.booleans(), numbers, text)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3)
    ),
    max_leaves=6,
)
WHOLE = [
    run(tags={"a": 1}, params={"b": {"c": 2}}, note="a"),
    metrics(3),
    artifact("mine.txt", "figures"),
    {"event": "tags", "time": 1.0, "tags": {"a": "b"}},
    {"event": "status", "time": 1.0, "status": "KILLED", "message": "a"},
]


@st.composite
def mutants(draw):
    """A whole event with a field replaced, removed or added; or its line cut."""
    event = dict(draw(st.sampled_from(WHOLE)))
    for name in draw(st.lists(st.sampled_from([*event]) | text, max_size=2)):
        if draw(st.booleans()):
            event.pop(name, None)
        else:
            event[name] = draw(values)
    line = json.dumps(event).encode()
    if draw(st.integers(0, 4)) == 0:
        at = draw(st.integers(0, len(line)))
        line = line[:at] + draw(st.binary(max_size=3)) + line[at + 1 :]
    return line.replace(b"\n", b"")


lines = st.one_of(mutants(), values.map(lambda each: json.dumps(each).encode()))
lines |= st.binary(max_size=30).map(lambda raw: raw.replace(b"\n", b""))
few = settings(derandomize=True, deadline=None, database=None)


@settings(few, max_examples=150)
@given(st.lists(lines, max_size=8))
def test_any_line_is_an_event_or_is_told_on_one_line(raw):
    news = Fold().add([events.parse(line) for line in raw], first=5)
    for line, why in news.refused:
        assert 5 <= line < 5 + len(raw)
        assert why.isprintable() and len(why) <= 400
    for name, value, time, step in news.points:
        assert name and len(name) <= 250 and isinstance(value, float)
        assert 0 <= time < 2**63 and -(2**63) <= step < 2**63
    for name, value in (*news.params.items(), *news.tags.items()):
        assert name and len(name) <= 250 and "\0" not in value and len(value) <= 8000


@settings(few, max_examples=60)
@given(
    text,
    st.dictionaries(text, values, max_size=3),
    st.dictionaries(text, st.floats(), max_size=3),
    st.integers(-(2**63), 2**63 - 1),
)
def test_what_a_job_writes_is_within_the_schema(
    tmp_path_factory, word, tree, curve, step
):
    path = tmp_path_factory.mktemp("job") / "events.jsonl"
    with Spool(path) as spool:
        spool.run(
            key="a/b/c/d", experiment="b", name="d", tags=tree, params=tree, note=word
        )
        spool.metrics(step, curve)
        spool.tags(tree)
        spool.artifact(path.parent / "a.png", "figures")
        spool.artifact("a.png", None)
        for status in ("FINISHED", "FAILED", "KILLED"):
            spool.status(status, word)
    found = [events.parse(line) for line in path.read_bytes().splitlines()]
    kinds = [events.Run, events.Metrics, events.Tags, events.Artifact, events.Artifact]
    assert [type(event) for event in found] == kinds + [events.Status] * 3
    point = found[1]
    assert isinstance(point, events.Metrics) and point.step == step
    for name, value in curve.items():
        told = point.values[name.encode("utf-8", "replace").decode()]
        assert told == value or (math.isnan(told) and math.isnan(value))


@settings(
    few, max_examples=2, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(lines, min_size=15, max_size=15))
def test_any_spool_ends_and_what_is_whole_arrives(tmp_path_factory, raw):
    """Many odd lines at a time: a pass of the tracker costs seconds."""
    place = Place(tmp_path_factory.mktemp("fuzz"))
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        whole = [run("demo/t/m/a"), metrics(-7)]
        for at, line in enumerate(raw):
            whole += [line, metrics(1000 + at, values={"whole": 1.0})]
            place.spool(f"odd-{at}", line, metrics())
        place.spool("odd-within", *whole)
        told = place.track()
        assert told.code == 0 and all(line.isprintable() for line in told.lines)
        assert not any("MLflow" in line for line in told.lines)
        steps = set(place.points()["demo/t/m/a"])
        assert {-7, *range(1000, 1000 + len(raw))} <= steps
        again = place.track("--check")
        assert again.code in (0, 1) and not any(
            "MLflow" in line for line in again.lines
        )
        for result in (told, again):
            place.require_untouched(result)
