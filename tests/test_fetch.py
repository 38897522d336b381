"""Files of digits arrive whole and checked, or not at all."""

import gzip
import hashlib
import http.server
import json
import threading

import numpy as np
import pooch
import pytest

from fernn.cli import main
from fernn.config.options import require
from fernn.data.sources import idx
from labrun.errors import UserError
from labrun.storage import read_dataset

MAGIC = {"images": b"\0\0\x08\x03", "labels": b"\0\0\x08\x01"}


def idx_bytes(array):
    magic = MAGIC["images" if array.ndim == 3 else "labels"]
    return magic + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def draw(shape, seed):
    return np.random.default_rng(seed).integers(0, 10, shape, np.uint8)


DIGITS = {
    "train_images": draw((20, 4, 6), 0),
    "train_labels": draw(20, 1),
    "test_images": draw((7, 4, 6), 2),
    "test_labels": draw(7, 3),
}
RAW = {role: idx_bytes(array) for role, array in DIGITS.items()}
HASH = {role: sha256(content) for role, content in RAW.items()}
IMAGES = RAW["train_images"]


def spec_of(**more):
    files = {role: {"name": f"{role}-idx", "sha256": HASH[role]} for role in RAW}
    return {"kind": "idx", "label": "Tiny", "files": files, "validation": 5, **more}


def fetch(spec):
    options = require("data/sources", spec)
    return idx.fetch(**{key: options[key] for key in options if key != "kind"})


def put(folder, raw, change=lambda compressed: compressed):
    folder.mkdir(parents=True, exist_ok=True)
    for role, content in raw.items():
        (folder / f"{role}-idx.gz").write_bytes(change(gzip.compress(content)))


def flipped(content):
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Address of a web server of `tmp_path / "web"`, and the paths asked for."""
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(tmp_path / "web"))

        def log_request(self, *args):
            asked.append(self.path)

        def log_error(self, *args):
            pass

    monkeypatch.delenv("FERNN_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "cache" / project)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, args=(0.01,)).start()
        yield f"http://127.0.0.1:{httpd.server_port}", asked
        httpd.shutdown()


def test_the_first_mirror_with_the_right_bytes_serves(server, tmp_path):
    address, asked = server
    put(tmp_path / "web/cut", RAW, lambda compressed: compressed[:-20])
    put(tmp_path / "web/changed", {role: flipped(raw) for role, raw in RAW.items()})
    put(tmp_path / "web/good", RAW)
    mirrors = ["absent", "cut", "changed", "good"]
    spec = spec_of(urls=[f"{address}/{mirror}/" for mirror in mirrors])

    atlas = fetch(spec)
    assert [path.split("/")[1] for path in asked] == mirrors * 4
    both = np.concatenate([DIGITS["train_images"], DIGITS["test_images"]])
    np.testing.assert_array_equal(atlas.image, both)
    assert atlas.image.attrs["scale"] == 255
    assert set(json.loads(atlas.attrs["sha256"]).values()) == set(HASH.values())
    asked.clear()
    assert fetch(spec).identical(atlas) and asked == []

    # Converse: an entry of the cache that has changed is not used.
    entry = next((tmp_path / "cache/fernn").glob("*test_labels*"))
    entry.write_bytes(entry.read_bytes()[:-9])
    assert fetch(spec).identical(atlas) and asked != []


def test_when_all_mirrors_fail_each_reason_and_the_way_out_are_told(server, tmp_path):
    address, _ = server
    put(tmp_path / "web/wrong", dict.fromkeys(RAW, b"<html>"))
    urls = [f"{address}/absent", f"{address}/wrong", "http://127.0.0.1:9/none"]
    with pytest.raises(UserError) as error:
        fetch(spec_of(urls=urls))
    for words in ("HTTP 404", "0x3c68746d", "refused", "set FERNN_DATA to", *RAW):
        assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.glob("cache/**/*idx*"))


DAMAGE = {
    "magic": (lambda c: b"\0\0\x0d\x03" + c[4:], "magic 0x00000803", "0x00000d03"),
    "header": (lambda c: c[:9], "16 bytes (20x0x0)", "9 bytes"),
    "cut": (lambda c: c[:-3], "496 bytes (20x4x6)", "493 bytes"),
    "byte": (flipped, f"SHA-256 {HASH['train_images']}", sha256(flipped(IMAGES))),
    "gzip": (lambda c: gzip.compress(c)[:-9], "a whole gzip file", "that are not"),
    "empty": (lambda c: b"", "magic 0x00000803", "0x"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_one_line_and_leaves_no_file(damage, tmp_path, monkeypatch, capsys):
    change, expected, found = DAMAGE[damage]
    monkeypatch.setenv("FERNN_DATA", str(tmp_path))
    put(tmp_path / "tiny", RAW)
    bad = tmp_path / "tiny/train_images-idx.gz"
    bad.write_bytes(change(IMAGES))
    output = tmp_path / "out/atlas.nc"
    command = ["fetch", "--source", json.dumps(spec_of()), "--output", str(output)]

    assert main(command) == 2
    line = capsys.readouterr().err
    assert line.startswith(f"fernn: {bad}: expected {expected}, found ")
    assert found in line.rpartition(", found ")[2] and line.count("\n") == 1
    assert not list(tmp_path.glob("**/*.nc"))

    # Converse: the sound file passes, compressed or not.
    bad.write_bytes(IMAGES)
    assert main(command) == 0
    said = "27 digits of 4x6 pixels (15 train, 5 val, 7 test) from Tiny (4x6)"
    assert said in capsys.readouterr().err
    assert read_dataset(output).sizes == {"digit": 27, "row": 4, "column": 6}


def test_counts_must_agree_and_unknown_checksums_are_recorded(tmp_path, monkeypatch):
    spec = spec_of()
    spec["files"]["test_labels"]["sha256"] = None
    monkeypatch.setenv("FERNN_DATA", str(tmp_path))
    put(tmp_path, RAW | {"test_labels": idx_bytes(draw(6, 0))})
    with pytest.raises(UserError, match=r"test_labels-idx: expected 7 .* found 6"):
        fetch(spec)
    other = idx_bytes(draw(7, 4))
    put(tmp_path, RAW | {"test_labels": other})
    recorded = json.loads(fetch(spec).attrs["sha256"])
    assert recorded["test_labels-idx"] == sha256(other)


def test_what_is_missing_or_unknown_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("FERNN_DATA", str(tmp_path))
    with pytest.raises(UserError, match="has no train_images-idx"):
        fetch(spec_of())
    with pytest.raises(UserError, match="'valdation'; did you mean 'validation'"):
        fetch(spec_of(valdation=3))
    put(tmp_path, RAW)
    with pytest.raises(UserError, match="cannot hold out"):
        fetch(spec_of(validation=20))
