"""KTH as it lies on disk: its list, its archives, its videos, and what is wrong."""

import io
import os
import threading
import zipfile
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest

from fernn.data.sources import _kth_files, kth
from fernn.videos import atlas as atlases
from labrun.errors import UserError

LINES = """\
Training:   person11, 12, 13
person01_boxing_d1\t\tframes\t1-3, 5-8\r
person02_boxing_d4		frames	2-6, 7-20
person17_walking_d2		frames	1-4
person21_jogging_d3		*missing*
person25_running_d1		frames	1-4
"""
NAMES = ("person01_boxing_d1", "person02_boxing_d4", "person17_walking_d2")


def level(frame):
    """The grey level of a frame of the videos here."""
    return 20 * frame


def avi(frames):
    """A lossless video of even frames, 160×120 pixels as KTH's."""
    av = pytest.importorskip("av")
    file = io.BytesIO()
    with av.open(file, "w", format="avi") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "gray"
        for number in range(frames):
            image = np.full((120, 160), level(number), np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="gray")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file.getvalue()


@pytest.fixture
def folder(tmp_path):
    """A folder as FERNN_DATA may be, with one video that is damaged."""
    place = tmp_path / "data" / "KTH"
    place.mkdir(parents=True)
    (place / _kth_files.LIST).write_text(LINES, newline="")
    for archive in _kth_files.ARCHIVES:
        with zipfile.ZipFile(place / archive, "w") as file:
            for name in NAMES:
                if name.split("_")[1] == archive.removesuffix(".zip"):
                    file.writestr(f"{name}_uncomp.avi", avi(10))
            if archive == "running.zip":
                file.writestr("person25_running_d1_uncomp.avi", b"RIFF no video")
    return place


def test_clips_are_the_listed_frames(folder, monkeypatch, capsys):
    monkeypatch.setenv("FERNN_DATA", str(folder.parent))
    atlas = kth.fetch([], size=8, shortest=4)
    # 1-3 is too short; 7-20 ends with the video, at 10: 4 frames
    assert atlas["length"].values.tolist() == [4, 5, 4, 4]
    firsts = atlas.image.values[atlas["first"].values]
    assert firsts.shape == (4, 8, 8)
    assert (firsts == firsts[:, :1, :1]).all()
    grey = [level(first - 1) for first in (5, 2, 7, 1)]
    np.testing.assert_allclose(firsts[:, 0, 0], grey, atol=2)
    assert atlas.person.values.tolist() == [1, 2, 2, 17]
    assert atlas.split.values.tolist() == ["train"] * 3 + ["val"]
    names = [atlases.CLASSES[label] for label in atlas.label.values]
    assert names == ["boxing"] * 3 + ["walking"]
    told = capsys.readouterr().err
    assert "person21_jogging_d3_uncomp.avi: missing in the list" in told
    assert "person25_running_d1_uncomp.avi: not one frame can be read" in told
    assert "person02_boxing_d4_uncomp.avi: ends at frame 10, its clips at 20" in told
    assert atlas.attrs["skipped"].count("\n") == 2


def test_videos_may_lie_unpacked(folder, monkeypatch):
    monkeypatch.setenv("FERNN_DATA", str(folder.parent))
    packed = kth.fetch([], size=8, shortest=4)
    for archive in folder.glob("*.zip"):
        with zipfile.ZipFile(archive) as file:
            file.extractall(folder)
        archive.unlink()
    assert packed.image.equals(kth.fetch([], size=8, shortest=4).image)


def test_a_folder_without_the_list_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("FERNN_DATA", str(tmp_path))
    with pytest.raises(UserError, match=r"has no 00sequences\.txt"):
        kth.fetch([])


def test_the_first_download_is_what_later_ones_must_be(folder, tmp_path, monkeypatch):
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    monkeypatch.delenv("FERNN_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    server = HTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    urls = ["http://127.0.0.1:9", f"http://127.0.0.1:{server.server_port}/"]
    try:
        first = kth.fetch(urls, size=8, shortest=4)
        cache = tmp_path / "cache" / "fernn" / "kth"
        assert len(list(cache.glob("*.sha256"))) == 7
        (cache / "boxing.zip").unlink()
        assert first.identical(kth.fetch(urls, size=8, shortest=4))
        (cache / "boxing.zip").unlink()
        (folder / "boxing.zip").write_bytes(b"something else")
        with pytest.raises(UserError, match=r"no mirror gave boxing\.zip"):
            kth.fetch(urls, size=8, shortest=4)
    finally:
        server.shutdown()
        server.server_close()


def test_area_is_shared_exactly_among_pixels():
    # 3 pixels to 2: the middle one is halved
    np.testing.assert_allclose(kth.cover(3, 2) * 3, [[2, 1, 0], [0, 1, 2]])
    weights = kth.cover(120, 32)
    np.testing.assert_allclose(weights.sum(1), 1)
    np.testing.assert_allclose(weights.sum(0), 32 / 120)
    image = np.array([[0, 100, 200], [60, 160, 255]], np.uint8)
    # rows 33.3, 166.7 and 93.3, 223.3: their means
    np.testing.assert_array_equal(kth.shrink(image[:, :], 2)[0], [33, 167])


def test_ranges_count_from_one():
    videos = _kth_files.parse(LINES, "list")
    assert videos[0].ranges == ((1, 3), (5, 8))
    assert videos[0].file == "person01_boxing_d1_uncomp.avi"
    assert not videos[3].ranges and videos[3].action == "jogging"
    with pytest.raises(UserError, match="has a clip 5-3"):
        _kth_files.parse("person01_boxing_d1 frames 5-3", "list")
    with pytest.raises(UserError, match="no line names a video"):
        _kth_files.parse("nothing", "list")


@pytest.mark.skipif(not os.environ.get("FERNN_KTH_LIST"), reason="no list is given")
def test_the_real_list_has_the_published_numbers():
    text = Path(os.environ["FERNN_KTH_LIST"]).read_text(encoding="latin-1")
    videos = _kth_files.parse(text, "list")
    assert sum(len(video.ranges) for video in videos) == 2391
    assert sum(not video.ranges for video in videos) == 1
    counts = dict.fromkeys(("train", "val", "test"), 0)
    for video in videos:
        long = sum(last - first + 1 >= 32 for first, last in video.ranges)
        counts[atlases.split(video.person)] += long
    assert counts == {"train": 1517, "val": 380, "test": 473}
