"""Files of a user's folder that are bombs, pipes, foreign, or not there."""

import gzip
import os
import zipfile

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from fernn.cli import main
from fernn.data.sources import _kth_files, idx
from fernn.videos import atlas as atlases
from fernn.videos import files
from fernn.videos.recipes import open_sequences
from labrun.errors import UserError
from labrun.storage import write_dataset

IDX = b"\0\0\x08\x03" + np.array((2, 3, 4), ">u4").tobytes() + bytes(range(24))


def test_a_bomb_in_the_users_folder_is_not_unpacked(monkeypatch):
    monkeypatch.setattr(files, "LIMIT", 1000)
    bomb = gzip.compress(IDX + bytes(10_000_000))
    with pytest.raises(UserError, match=r"f\.gz: unpacks to more than 1000 bytes"):
        idx.decode(bomb, "f.gz", 3, None)
    whole, _ = idx.decode(gzip.compress(IDX), "f.gz", 3, None)
    assert whole.shape == (2, 3, 4)


def test_a_pipe_or_a_huge_file_is_refused(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="pipe: is no ordinary file"):
        files.read(tmp_path / "pipe")
    (tmp_path / "file").write_bytes(bytes(1001))
    assert len(files.read(tmp_path / "file")) == 1001
    monkeypatch.setattr(files, "LIMIT", 1000)
    with pytest.raises(UserError, match="has 1001 bytes, more than 1000"):
        files.read(tmp_path / "file")


def test_sizes_without_pixels_are_refused():
    sizes = np.array((0, 2**32 - 1, 2**32 - 1), ">u4").tobytes()
    with pytest.raises(UserError, match="expected sizes of at least 1"):
        idx.decode(b"\0\0\x08\x03" + sizes, "f", 3, None)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"files": {"train_images": {"name": "a", "sha256": 5}}}, "sha256 is a text"),
        ({"files": {"train_images": {"name": ["a"]}}}, "name is a text"),
    ],
)
def test_names_and_checksums_are_texts(change, told):
    from fernn.data.sources import idx

    names = {role: {"name": role} for role in idx.ROLES}
    with pytest.raises(UserError, match=told):
        idx.fetch({**names, **change["files"]}, "L", 1)


def test_the_home_of_nobody(monkeypatch):
    monkeypatch.setenv("FERNN_DATA", "~nobodyofthatname/x")
    with pytest.raises(UserError, match="FERNN_DATA '~nobodyofthatname/x': "):
        files.own_folder("FERNN_DATA")


def test_a_missing_class_of_kth_is_named(tmp_path):
    (tmp_path / _kth_files.LIST).write_text("person01_boxing_d1 frames 1-3\n")
    for name in _kth_files.ARCHIVES[1:]:
        zipfile.ZipFile(tmp_path / name, "w").close()
    with pytest.raises(UserError, match=r"has no boxing\.zip, no folder boxing and no"):
        _kth_files._in_folder(tmp_path)
    os.mkfifo(tmp_path / "boxing.zip")
    with pytest.raises(UserError, match=r"boxing\.zip: is no ordinary file"):
        _kth_files._in_folder(tmp_path)
    (tmp_path / "boxing.zip").unlink()
    (tmp_path / "person01_boxing_d1_uncomp.avi").touch()
    assert _kth_files._in_folder(tmp_path)["boxing.zip"] == tmp_path


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("person01_dancing_d1 frames 1-3", "no action 'dancing'"),
        ("person01_boxing_d1 frames 1-3, 1-3", "has the clip 1-3 twice"),
        ("person01_boxing_d1 frames 3-1", "has a clip 3-1"),
        ("person01_boxing_d2 frames 1-3", "names person01_boxing_d2_uncomp.avi twice"),
    ],
)
def test_a_list_that_is_wrong(line, told):
    first = "person01_boxing_d2 frames 1-3, 3-5\n"
    with pytest.raises(UserError, match=told):
        _kth_files.parse(first + line, "list")
    (video,) = _kth_files.parse(first, "list")
    assert _kth_files.overlaps(video) == [
        f"{video.file}: the clips 1-3 and 3-5 share frames"
    ]
    assert video.action in atlases.CLASSES


@pytest.fixture
def drawn(tmp_path):
    """A recipe and its atlas."""
    ink = {"scale": 255}
    atlas = xr.Dataset(
        {"image": (("digit", "row", "column"), np.ones((3, 4, 4), np.uint8), ink)},
        coords={"label": ("digit", [0, 1, 2]), "split": ("digit", 3 * ["train"])},
    )
    write_dataset(atlas, tmp_path / "atlas.nc")
    spec = (
        "{kind: flowing_digits, split: train, pool: train, draw: sampled, seed: 0,"
        " sequences: 2, frames: 3, frame_size: 8, digits: 1, max_speed: 1}"
    )
    command = ["synthesize", "--atlas", f"{tmp_path}/atlas.nc", "--recipe", spec]
    assert main([*command, "--output", f"{tmp_path}/recipe.nc"]) == 0
    return tmp_path


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda r: r.drop_attrs(), "is no recipe: its kind is None"),
        (lambda r: r.assign_attrs(kind="recipes"), "no .recipes. in data"),
        (lambda r: r.drop_vars("digit_index"), "it lacks 'digit_index'"),
        (lambda r: r.assign(digit_index=r.digit_index + 9), "do not belong together"),
        (lambda r: r.assign(digit_index=r.digit_index - 9), "do not belong together"),
    ],
)
def test_a_recipe_of_another_program(drawn, change, told):
    from labrun.storage import read_dataset

    recipe = read_dataset(drawn / "recipe.nc")
    assert len(open_sequences(drawn / "recipe.nc", drawn / "atlas.nc")) == 2
    write_dataset(change(recipe), drawn / "other.nc")
    with pytest.raises(UserError, match=told):
        open_sequences(drawn / "other.nc", drawn / "atlas.nc")


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.data())
def test_any_bytes_are_the_array_or_refused(data):
    """Flipped, cut and prolonged files, packed or not."""
    content = bytearray(gzip.compress(IDX) if data.draw(st.booleans()) else IDX)
    for _ in range(data.draw(st.integers(0, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= data.draw(st.integers(1, 255))
    end = data.draw(st.integers(0, len(content) + 2))
    given_bytes = bytes(content[:end]) + bytes(max(0, end - len(content)))
    try:
        array, _ = idx.decode(given_bytes, "f", 3, None)
    except UserError as error:
        assert str(error).startswith("f: ") and "\n" not in str(error)
    else:
        assert array.ndim == 3 and array.size <= 24


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"flag_bits": 1}, r"boxing\.zip: a\.avi is encrypted"),
        ({"compress_type": 99}, r"boxing\.zip: a\.avi is compressed by method 99"),
    ],
)
def test_members_that_are_encrypted_or_strangely_compressed(tmp_path, change, told):
    path = tmp_path / "boxing.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.avi", b"video")
    content = bytearray(path.read_bytes())
    header = content.index(b"PK\1\2")  # of the list of members
    place = header + (8 if "flag_bits" in change else 10)
    (content[place],) = change.values()
    assert _kth_files._archive(path).namelist() == ["a.avi"]
    path.write_bytes(content)
    with pytest.raises(UserError, match=told):
        _kth_files._archive(path)
