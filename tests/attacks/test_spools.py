"""No line of a spool reads, writes or stops what is not its own.

All attacks in the middle of spools lie in one results folder, each followed by an
innocent line, and are brought in one pass; so do all at the beginning of spools.
"""

import pytest

from attacks.spools import NOW, Place, artifact, metrics, run

# MLflow's dependencies, not ours.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

OUT = "OUTSIDE"  # stands for the absolute path of the folder outside
UP = "../../../outside"
PATHS = {  # what an artifact names: what is said
    "absolute": (f"{OUT}/secret", "is outside"),
    "of the system": ("/etc/hostname", "is outside"),
    "upwards": (f"{UP}/secret", "is outside"),
    "down and upwards": (f"x/../{UP}/secret", "is outside"),
    "through a file": (f"mine.txt/../{UP}/secret", "is outside"),
    "a link": ("link.txt", "is outside"),
    "a linked folder": ("dir/secret", "is outside"),
    "a linked folder, twice": ("dir/../outside/secret", "is outside"),
    "a loop": ("loop", ""),
    "a fifo": ("fifo", "not a file"),
    "a device": ("/dev/zero", "is outside"),
    "standard input": ("/dev/stdin", "is outside"),
    "the environment": ("/proc/self/environ", "is outside"),
    "here": (".", "not a file"),
    "above": ("..", "is outside"),
    "the results": ("../..", "is outside"),
    "nothing": ("", "path: "),
    "NUL": ("mine.txt\0", "path: "),
    "a new line": ("mine\n.txt", "path: "),
    "300 letters": ("a" * 300, "File name too long"),
    "5000 letters": ("a/" * 2500, "path: "),
    "backslashes": (r"..\..\..\outside\secret", "no file"),
    "a file's address": (f"file://{OUT}/secret", "no file"),
    "an address": ("http://127.0.0.1:9/secret", "no file"),
    "look-alikes": ("．．/．．/．．/outside/secret", "no file"),
    "a home": ("~/secret", "no file"),
    "a variable": ("$HOME/secret", "no file"),
    "a number": (5, "path: "),
    "no text": (None, "path: "),
    "a list": (["mine.txt"], "path: "),
}
FOLDERS = {
    "upwards": "../../../../../outside",
    "absolute": f"{OUT}/.ssh",
    "in the middle": "figures/../../../../outside",
    "above": "..",
    "here": ".",
    "here in the middle": "figures/./a",
    "hidden": ".ssh",
    "root": "/",
    "nothing in the middle": "figures//a",
    "at the end": "figures/",
    "backslashes": r"..\outside",
    "NUL": "figures\0",
    "a new line": "figures\na",
    "look-alikes": "．．/．．",
    "a slash's look-alike": "a∕b",
    "written backwards": "a\u202eb",
    "300 letters": "a" * 300,
    "an address": f"file:{OUT}",
    "a home": "~",
    "a number": 7,
    "a list": ["a"],
}
TIMELESS = {"event": "tags", "tags": {}}
LINES = {
    "a list": [],
    "a number": 5,
    "nothing": None,
    "no JSON": b"{",
    "no text": b'{"event": "\xff\xfe"}',
    "empty": b"",
    "zeros": bytes(4096),
    "a nameless event": {"time": NOW},
    "a list for an event": {"event": ["metrics"], "time": NOW},
    "no step": {"event": "metrics", "time": NOW, "values": {"a": 2}},
    "no time": TIMELESS,
    "text for a time": metrics(1, time="now"),
    "a time of 1e300": metrics(1, time=1e300),
    "an infinite time": metrics(1, time=float("inf")),
    "no number for a time": metrics(1, time=float("nan")),
    "a time before all": metrics(1, time=-1.0),
    "a step of 10^30": metrics(10**30),
    "an infinite step": metrics(float("inf")),
    "half a step": metrics(1.5),
    "a step of 5000 digits": b'{"event": "metrics", "step": %s}' % (b"9" * 5000),
    "a list of values": metrics(1, values=[1]),
    "text for a value": metrics(1, values={"a": "many"}),
    "no value": metrics(1, values={"a": None}),
    "too many values": metrics(1, values={str(i): i for i in range(1001)}),
    "a list of tags": {**TIMELESS, "time": NOW, "tags": ["a"]},
    "no status": {"event": "status", "time": NOW},
    "an odd status": {"event": "status", "time": NOW, "status": "DONE"},
    "a list for a message": {
        "event": "status",
        "time": NOW,
        "status": "FAILED",
        "message": [],
    },
    "an artifact of nothing": {"event": "artifact", "time": NOW},
    "brackets": b"[" * 200_000,
    "brackets in tags": b'{"event": "tags", "time": 1, "tags": %s' % (b'{"a":' * 900),
    "half a pair": b'{"event": "tags", "time": 1, "tags": {"a": "\\ud800"}}',
    "a run without a key": {**run(), "key": None},
    "the tracker's tag": {**TIMELESS, "time": NOW, "tags": {"fernn.key": "a"}},
    "its tag in parts": {**TIMELESS, "time": NOW, "tags": {"fernn": {"results": "a"}}},
    "MLflow's tag": {**TIMELESS, "time": NOW, "tags": {"./mlflow.parentRunId": "a"}},
}
RUNS = {
    "upwards": run(experiment="../../../../outside"),
    "above": run(experiment=".."),
    "here": run(experiment="."),
    "hidden": run(experiment=".ssh"),
    "absolute": run(experiment=f"{OUT}/.ssh"),
    "an address": run(experiment=f"file:{OUT}"),
    "a path": run(experiment="a/b"),
    "backslashes": run(experiment=r"..\outside"),
    "empty": run(experiment=""),
    "NUL": run(experiment="a\0"),
    "a new line": run(experiment="a\nb"),
    "look-alikes": run(experiment="．．"),
    "300 letters": run(experiment="a" * 300),
    "a number": run(experiment=5),
    "no key": {**run(), "key": None},
    "a number for a key": run(7),
    "a key of nothing": run(""),
    "a key with a hole": run("demo//fernn"),
    "a key of 300 letters": run("a" * 300),
    "a key in colour": run("demo/\x1b[31mred"),
    "its own parent": run("a/b", parent="a/b"),
    "a nameless run": run(name=""),
    "no time": {**run(), "time": None},
    "a list of tags": run(tags=["a"]),
    "params of text": run(params="a"),
}
KEYS = {
    "a quote": "a/b/c/d'",
    "two quotes": "a/b/c/\"'",
    "always true": "a/b/c/x' OR '1'='1",
    "a table": "a/b/c/'; DROP TABLE runs; --",
    "wild": "a/b/c/%_",
    "the end": "a/b/c/\\",
    "ticks": "a/b/c/`d`",
    "markup": "a/b/[/red]/:smile:",
    "unicode": "a/b/ç/ｄ",
}


EACH = 8  # attacks of a spool; more than ten would not be told one by one
MIDDLE = {
    "paths": [artifact(path) for path, _ in PATHS.values()],
    "folders": [artifact(folder=folder) for folder in FOLDERS.values()],
    "lines": [*LINES.values()],
}


def outside(value, place):
    """A value of an event, with the path in it."""
    if isinstance(value, dict):
        return {name: outside(each, place) for name, each in value.items()}
    return value.replace(OUT, str(place.outside)) if isinstance(value, str) else value


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """Attacks in the middle of spools, by kind and number, and what was told."""
    patch = pytest.MonkeyPatch()
    patch.delenv("MLFLOW_TRACKING_URI", raising=False)
    place = Place(tmp_path_factory.mktemp("stranger"))
    for kind, attacks in MIDDLE.items():
        for first in range(0, len(attacks), EACH):
            lines = [run(f"demo/t/m/{kind}-{first}"), metrics()]
            for number, attack in enumerate(attacks[first : first + EACH]):
                lines += [outside(attack, place), metrics(100 + first + number)]
            place.spool(f"{kind}-{first}", *lines)
    for number, key in enumerate(KEYS.values()):
        place.spool(f"keys-{number}", run(key, experiment="b"), metrics(), metrics(9))
    good = [artifact("mine.txt"), artifact("inner", "my figures/ä-1")]
    place.spool("innocent", run("demo/t/m/innocent"), *good, metrics(), metrics(9))
    yield place, place.track()
    patch.undo()


def refusal(stranger, kind, number):
    """What is told of an attack, if the innocent point after it has arrived."""
    place, told = stranger
    place_of, line_of = number // EACH * EACH, 3 + 2 * (number % EACH)
    start = f"fernn track: {kind}-{place_of}/events.jsonl:{line_of}: not shown: "
    (line,) = [line for line in told.lines if line.startswith(start)]
    assert line.isprintable() and len(line) < 500
    assert 100 + number in place.points()[f"demo/t/m/{kind}-{place_of}"]
    return line.removeprefix(start)


def test_nothing_outside_is_read_or_written(stranger):
    place, told = stranger
    assert told.code == 0
    place.require_untouched(told)


def test_what_is_innocent_is_shown(stranger):
    place, told = stranger
    assert not [line for line in told.lines if "innocent" in line or "keys-" in line]
    files = [
        path for path in place.results.glob("mlflow/artifacts/**/*") if path.is_file()
    ]
    shown = sorted(str(path).partition("/artifacts/")[2] for path in files)
    names = [name.split("/", 2)[2] for name in shown]
    assert names == ["artifacts/mine.txt", "artifacts/my figures/ä-1/mine.txt"]


@pytest.mark.parametrize("case", PATHS)
def test_a_file_elsewhere_is_refused(stranger, case):
    assert PATHS[case][1] in refusal(stranger, "paths", [*PATHS].index(case))


@pytest.mark.parametrize("case", FOLDERS)
def test_a_folder_elsewhere_is_refused(stranger, case):
    told = refusal(stranger, "folders", [*FOLDERS].index(case))
    assert told.startswith("folder: ")


@pytest.mark.parametrize("case", LINES)
def test_a_strange_line_stops_nothing(stranger, case):
    assert refusal(stranger, "lines", [*LINES].index(case))


@pytest.mark.parametrize("case", KEYS)
def test_a_key_is_found_whatever_is_in_it(stranger, case):
    place, _ = stranger
    assert place.points()[KEYS[case]] == [0, 9]


def test_the_check_passes_and_tells_the_lines_again(stranger):
    place, first = stranger
    told = place.track("--check")
    assert told.code == 0
    again = [line for line in first.lines if " lines-" in line or " folders-" in line]
    assert set(again) <= set(told.lines) and len(again) > len(LINES)
    place.require_untouched(told)


@pytest.fixture(scope="module")
def strays(tmp_path_factory):
    """Spools that begin with an attack, and one that does not."""
    patch = pytest.MonkeyPatch()
    patch.delenv("MLFLOW_TRACKING_URI", raising=False)
    place = Place(tmp_path_factory.mktemp("strays"))
    for number, attack in enumerate(RUNS.values()):
        start = outside(attack, place)
        place.spool(f"runs-{number}", start, metrics(), artifact("mine.txt"))
    place.spool("zz", run("demo/t/m/innocent"), metrics())
    yield place, place.track()
    patch.undo()


@pytest.mark.parametrize("case", RUNS)
def test_a_run_with_a_strange_name_is_refused(strays, case):
    _, told = strays
    name = f"runs-{[*RUNS].index(case)}"
    (line,) = [line for line in told.lines if f"{name}/events.jsonl" in line]
    assert "does not begin with a run" in line and line.isprintable()


def test_strange_runs_write_nothing_and_fail_the_check_alone(strays):
    place, told = strays
    assert told.code == 0 and place.points() == {"demo/t/m/innocent": [0]}
    place.require_untouched(told)
    assert not [*place.results.glob("mlflow/artifacts/**/mine.txt")]
    assert place.track("--check").code == 1


def test_as_many_parameters_as_one_likes_end(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    place = Place(tmp_path)
    many = {f"p{number}": "x" * 1000 for number in range(10_000)}
    place.spool("many", run(params=many, tags={"long": "x" * 10**7}), metrics())
    told = place.track()
    assert told.code == 0 and place.points() == {"demo/translation/fernn/seed-0": [0]}
    said = "many/events.jsonl:1: not shown: params beyond the first 2000"
    assert told.lines == [f"fernn track: {said}"]
