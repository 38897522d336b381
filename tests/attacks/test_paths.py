"""The tracker's own files lead nowhere else, and no name that enters does."""

import json
import os
import sqlite3
from contextlib import closing

import pytest
import xarray as xr

from attacks.spools import SECRET, Place, artifact, metrics, run
from fernn.cli import _items, main
from fernn.tables._reproduction import path_of
from labrun.errors import UserError
from labrun.spool import NAME, Spool
from labrun.tracking import memory
from labrun.tracking.folder import Folder, Refused, as_folder, file_inside, inside

# MLflow's dependencies, not ours.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
OWN = ["mlflow", "mlflow/lock", "mlflow/artifacts", "mlflow/mlflow.db"]
OWN += ["mlflow/offsets.json", ".results-id"]


@pytest.fixture(autouse=True)
def own_database(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


@pytest.mark.parametrize("name", OWN)
def test_a_file_of_the_tracker_that_is_a_link_is_refused(place, name):
    place.spool("a", run(), metrics())
    link = place.results / name
    link.parent.mkdir(exist_ok=True)
    is_folder = name in ("mlflow", "mlflow/artifacts")
    link.symlink_to(place.outside if is_folder else place.outside / "secret")
    told = place.track()
    assert told.code == 2
    (line,) = told.lines
    assert str(link) in line and "is outside" in line
    place.require_untouched(told)


@pytest.mark.parametrize("name", [name for name in OWN if "artifacts" not in name])
def test_a_file_of_the_tracker_that_is_a_fifo_is_refused(place, name):
    fifo = place.results / name
    fifo.parent.mkdir(exist_ok=True, parents=True)
    os.mkfifo(fifo)
    told = place.track()
    assert told.code == 2 and told.lines[0].startswith(f"fernn: {fifo} is no ")


def test_links_inside_are_followed(place):
    place.spool("a", run(), metrics())
    (place.results / "elsewhere").mkdir()
    (place.results / "mlflow").symlink_to("elsewhere")
    assert place.track("--check").code == 0
    assert (place.results / "elsewhere/mlflow.db").exists()


@pytest.mark.parametrize("content", ["", "a' OR '1'='1", "a" * 65, "a\nb", "ä"])
def test_a_strange_name_of_the_results_is_refused(tmp_path, content):
    (tmp_path / ".results-id").write_text(content)
    with pytest.raises(UserError, match="holds no name") as told:
        Folder(tmp_path).identity()
    assert str(told.value).isprintable()
    (tmp_path / ".results-id").unlink()
    assert Folder(tmp_path).identity() == Folder(tmp_path).identity()


def test_spools_that_are_no_files_of_here_are_told_and_not_opened(place):
    place.spool("a", run(), metrics())
    (place.outside / "events.jsonl").write_text(json.dumps(run("stolen")) + "\n")
    place.before = place.canaries()
    links = {"link": "events.jsonl", "secret": "secret"}
    for name, target in links.items():
        link = place.results / f"{name}.events.jsonl"
        link.symlink_to(place.outside / target)
    os.mkfifo(place.results / "fifo.events.jsonl")
    (place.results / "loop.events.jsonl").symlink_to("loop.events.jsonl")
    (place.results / "new\nline.events.jsonl").write_text("{}\n")
    told = place.track()
    assert told.code == 0 and len(told.lines) == 5
    assert all(line.isprintable() for line in told.lines)
    assert place.points() == {"demo/translation/fernn/seed-0": [0]}
    place.require_untouched(told)


def test_a_database_that_points_elsewhere_is_refused(place):
    """A stranger's database comes with a stranger's results."""
    out = str(place.outside)
    places = [f"mlflow-artifacts:/{out}", "mlflow-artifacts:/../../../outside"]
    places += [f"file:{out}", out]
    for number in range(len(places)):
        place.spool(f"s{number}", run(f"demo/t/m/{number}"), metrics())
    assert place.track().code == 0
    with closing(sqlite3.connect(place.results / "mlflow/mlflow.db")) as database:
        for number, uri in enumerate(places):
            which = "(SELECT run_uuid FROM tags WHERE key='fernn.key' AND value=?)"
            query = f"UPDATE runs SET artifact_uri=? WHERE run_uuid={which}"
            database.execute(query, (uri, f"demo/t/m/{number}"))
            with (place.results / f"s{number}/events.jsonl").open("a") as file:
                file.write(f"{json.dumps(artifact())}\n{json.dumps(metrics(1))}\n")
        database.commit()
    told = place.track()
    assert told.code == 0 and len(told.lines) == len(places)
    for number, line in enumerate(told.lines):
        assert f"s{number}/events.jsonl:3: not shown: " in line
    assert place.points() == {f"demo/t/m/{n}": [0, 1] for n in range(len(places))}
    place.require_untouched(told)


def test_a_link_where_a_file_is_shown_is_replaced_and_a_folder_is_told(place):
    taken = [artifact(folder="a/mine.txt"), artifact(folder="a"), metrics()]
    spool = place.spool("a", run(), artifact(), *taken)
    (line,) = place.track().lines
    assert "a/events.jsonl:4: not shown: " in line
    (shown,) = place.results.glob("mlflow/artifacts/*/*/artifacts/mine.txt")
    shown.unlink()
    shown.symlink_to(place.outside / "mine.txt")
    (spool.parent / "mine.txt").write_text("another figure")
    with spool.open("a") as file:
        file.write(json.dumps(artifact()) + "\n")
    told = place.track()
    assert told.code == 0 and shown.read_text() == "another figure"
    assert not shown.is_symlink()
    assert place.points() == {"demo/translation/fernn/seed-0": [0]}
    place.require_untouched(told)


STRANGE = [
    "",
    "[]",
    "{}",
    '{"database": "a"}',
    '{"database": "a", "spools": []}',
    '{"database": "a", "spools": {"a": {"first": "b", "offset": -1, "lines": 0}}}',
    '{"database": "a", "spools": {"a": {"first": "b", "offset": "x", "lines": 0}}}',
    '{"database": "a", "spools": {"a": {"first": "b", "files": []}}}',
    "[" * 100_000,
]


@pytest.mark.parametrize("text", STRANGE)
def test_strange_offsets_are_as_good_as_none(tmp_path, text):
    path = tmp_path / "offsets.json"
    path.write_text(text)
    assert memory.load(path, "a") == {}


def test_offsets_come_back(tmp_path):
    arrived = {"a": memory.Arrived("b", 3, 2, "KILLED", 5, {"/x": "y"})}
    memory.save(tmp_path / "offsets.json", "a", arrived)
    assert memory.load(tmp_path / "offsets.json", "a") == arrived
    assert memory.load(tmp_path / "offsets.json", "b") == {}


def test_what_is_inside_is_told_from_what_is_not(place):
    place.results.mkdir()
    (place.results / "file").write_bytes(SECRET)
    (place.results / "here").symlink_to(".")
    assert inside(place.results / "here/here/file", place.results) == (
        place.results.resolve() / "file"
    )
    assert inside(place.results / "new/../other", place.results).name == "other"
    assert file_inside(place.results / "x/../file", place.results).is_file()
    for name in ("..", ".", "../results2", "../outside/secret", "a\0", "a" * 5000):
        with pytest.raises(Refused):
            file_inside(place.results / name, place.results)


def test_an_experiment_is_shown_in_one_folder():
    assert as_folder("translation (demo)") == "translation-(demo)"
    for name in ("..", "../a", "/a", "a/../b", "a\0", "", "．．"):
        assert "/" not in as_folder(name) and as_folder(name)[0] not in ".\0"


BAD = [
    "",
    "a/b/c",
    "a/b/c/d/e",
    "a/b//d",
    "../b/c/d",
    "a/../c/d",
    "a/b/c/d'",
    'a/b/"/d',
]
BAD += [
    "a/b/c/d\n",
    "a/b/c\0/d",
    "a/b\\/c/d",
    "a/b/c/.d",
    "a/b/c/" + "d" * 121,
    "a:/b/c/d",
]


@pytest.mark.parametrize("key", BAD)
def test_a_strange_key_is_refused_where_it_enters(key, tmp_path, capsys):
    data = [f"--{name}={tmp_path}/no.nc" for name in ("train", "val", "atlas")]
    options = ["--model={}", "--training={}", f"--output={tmp_path}/model.pt"]
    assert main(["train", *data, *options, f"--key={key}"]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "a key is budget/experiment/model/name" in told
    assert main(["train", *data, *options, "--key=a/b_1/c.d/seed-0"]) == 2
    assert "a key is" not in capsys.readouterr().err  # what is refused is the model


@pytest.mark.parametrize("place", ["local", "local/by-hand'", "../by-hand"])
def test_a_strange_place_is_refused_before_anything_is_measured(place, capsys):
    given = ["--model", "fernn", "no.pt", "--seeds=0", "--axes={a: {}}"]
    assert main(["evaluate", *given, "--output=no.nc", "--place", place]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "a key is budget/experiment/model/name" in told


def test_names_that_are_let_in_are_one_component():
    for name in ("a", "_a", "seed-0", "fernn_v1.2", "ç d", "a" * 120):
        assert NAME.fullmatch(name)
    for name in (
        "",
        ".",
        "..",
        ".a",
        "a/b",
        "a\\b",
        "a\n",
        "a'",
        '"',
        "．．",
        "-n",
        "a" * 121,
    ):
        assert not NAME.fullmatch(name), name


def test_a_file_name_that_is_no_text_is_written_readably(tmp_path):
    """Half a pair stands for a byte that is no UTF-8; no JSON reader takes it."""
    with Spool(tmp_path / "events.jsonl") as spool:
        spool.tags({"file": os.fsdecode(b"\xff")})
    assert json.loads((tmp_path / "events.jsonl").read_bytes())["tags"] == {"file": "?"}


def test_the_lock_is_held_on_a_file_of_its_own(place):
    with Folder(place.results).lock():
        assert (place.results / "mlflow/lock").read_text()


@pytest.mark.parametrize(
    "name", ["OUT/a.journal", "../outside/a.journal", "link.journal"]
)
def test_select_opens_no_journal_elsewhere(place, name, capsys):
    """It would be mended: its torn end cut off, a study appended."""
    (place.outside / "a.journal").write_text("torn")
    place.before = place.canaries()
    place.results.mkdir()
    (place.results / "link.journal").symlink_to(place.outside / "a.journal")
    record = place.results / "worker-0.json"
    record.write_text(json.dumps({"journal": name.replace("OUT", str(place.outside))}))
    options = ["--trials=1", f"--output={place.results}/best.json"]
    assert main(["select", f"--results={record}", *options]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "name no journal beside them" in told
    assert place.canaries() == place.before


def test_a_plan_reads_no_cube_elsewhere(tmp_path):
    assert path_of(tmp_path, "translation/lengths").parent.parent.name == "cubes"
    for cube in ("../../a", "/a", "a/../../b", "", "a//b"):
        with pytest.raises(UserError, match="names no cube"):
            path_of(tmp_path, cube)


@pytest.mark.parametrize("resume", [True, False])
def test_a_job_whose_spool_is_a_link_writes_a_file_of_its_own(place, resume):
    place.results.mkdir()
    path = place.results / "events.jsonl"
    path.symlink_to(place.outside / "mine.txt")
    with Spool(path, resume=resume) as spool:
        spool.metrics(0, {"a": 1.0})
    assert place.canaries() == place.before and not path.is_symlink()
    with Spool(path) as spool:  # the converse: a file is gone on with
        spool.metrics(1, {"a": 1.0})
    assert path.read_text().count("\n") == 2


@pytest.mark.parametrize("attribute", ["../../outside", "", "a/b", ".a"])
def test_a_cube_with_a_strange_experiment_names_no_file(attribute):
    attrs = {"experiment": attribute, "budget": "demo", "title": "a", "models": "{}"}
    with pytest.raises(UserError, match="experiment of a cube is no name"):
        _items._require_names([xr.Dataset(attrs=attrs)])
    _items._require_names([xr.Dataset(attrs=attrs | {"experiment": "translation"})])
