"""KTH actions: 25 persons, six actions, four scenarios, as filmed.

The six archives come from the author's site, or lie in the folder FERNN_DATA. The
first download records their checksums beside them; later ones are compared with them.
"""

from __future__ import annotations

import os
import sys
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr

from fernn.data.sources import _clips
from fernn.data.sources._files import LIMIT
from fernn.data.sources._sequences import Video, parse
from fernn.data.sources._video import decode
from fernn.errors import UserError
from fernn.lineage import sha256
from fernn.progress import progress
from fernn.storage import write_text

LABEL = "KTH"
LIST = "00sequences.txt"
ARCHIVES = tuple(f"{name}.zip" for name in _clips.CLASSES)
CITATION = (
    "Schuldt, Laptev & Caputo (2004), Recognizing Human Actions: A Local SVM Approach"
)

Read = Callable[[str], bytes]


def fetch(
    urls: list[str],
    size: int = 32,
    shortest: int = 32,
    folder: str = "FERNN_DATA",
    sha256: dict[str, str] | None = None,
) -> xr.Dataset:
    """The clips of KTH as an atlas; videos that cannot be read are told and left out.

    Args:
        urls: folders that hold the six archives and the list, tried in turn.
        size: height and width of a frame, pixels.
        shortest: frames; clips with fewer are left out, as in the paper.
        folder: the environment variable that names the user's folder; if it is set,
            nothing is downloaded.
        sha256: of files, by name; without, those of the first download are recorded.

    Raises:
        UserError: a file is missing, not to be had, or not what it was.
    """
    if own := os.environ.get(folder):
        places = _in_folder(Path(own).expanduser())
    else:
        places = _downloaded(urls, sha256 or {}, folder)
    videos = parse(places[LIST].read_text(encoding="latin-1"), str(places[LIST]))
    clips: list[np.ndarray] = []
    columns: dict[str, list[int]] = {name: [] for name in _clips.COLUMNS}
    skipped: list[str] = []
    with progress("fetch/KTH/videos/read", len(videos)) as advance:
        for count, (video, read) in enumerate(_opened(videos, places), 1):
            own_clips = _cut(video, read, size, shortest, skipped)
            clips += own_clips
            label = _clips.CLASSES.index(video.action)
            about = (label, video.person, video.scenario)
            for name, value in zip(columns, about, strict=True):
                columns[name] += [value] * len(own_clips)
            advance(count, video.file)
    for line in skipped:
        print(line, file=sys.stderr)
    known = {name: _digest(path) for name, path in places.items() if path.is_file()}
    atlas = _clips.build(
        clips, columns, source=f"KTH ({size}x{size})", citation=CITATION, sha256=known
    )
    return atlas.assign_attrs(skipped="\n".join(skipped))


def _digest(path: Path) -> str:
    return sha256(path)


def _cut(
    video: Video, read: Read, size: int, shortest: int, skipped: list[str]
) -> list[np.ndarray]:
    """The clips of a video that are long enough."""
    if not video.ranges:
        skipped.append(f"{video.file}: missing in the list, left out")
        return []
    try:
        frames = decode(read(video.file), video.file, size)
    except (KeyError, OSError, zipfile.BadZipFile) as error:
        skipped.append(f"{video.file}: cannot be read, left out: {error}")
        return []
    except UserError as error:
        skipped.append(f"{error}; left out")
        return []
    last = max(end for _, end in video.ranges)
    if len(frames) < last:
        skipped.append(
            f"{video.file}: ends at frame {len(frames)}, its clips at {last}; cut short"
        )
    clips = [frames[first - 1 : end] for first, end in video.ranges]
    return [clip for clip in clips if len(clip) >= shortest]


def _opened(
    videos: list[Video], places: dict[str, Path]
) -> Iterator[tuple[Video, Read]]:
    """Each video with what reads its file: from a folder, or from its archive."""
    archives: dict[str, zipfile.ZipFile] = {}
    for video in videos:
        place = places[f"{video.action}.zip"]
        if place.is_dir():
            yield video, lambda name, place=place: (place / name).read_bytes()
            continue
        if video.action not in archives:
            archives[video.action] = _archive(place)
        yield video, partial(_member, archives[video.action])


def _archive(place: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(place)
    except (OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{place}: is no archive that can be read: {error}") from None


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    """A file's bytes, in memory."""
    size = archive.getinfo(name).file_size  # no more are ever unpacked
    if size > LIMIT:
        raise OSError(f"unpacks to {size} bytes, more than {LIMIT}")
    return archive.read(name)


def _in_folder(folder: Path) -> dict[str, Path]:
    """The list, and for each class its archive or the folder of its videos."""
    for place in (folder / LABEL, folder / LABEL.lower(), folder):
        if not (place / LIST).is_file():
            continue
        found = {LIST: place / LIST}
        for name in ARCHIVES:
            inner = place / name.removesuffix(".zip")
            options = [place / name, inner, place]
            found[name] = next(path for path in options if path.exists())
        return found
    raise UserError(
        f"{folder} has no {LIST}, nor has its sub-folder {LABEL}; it belongs beside"
        f" {', '.join(ARCHIVES)} or the videos themselves"
    )


def _downloaded(
    urls: list[str], known: dict[str, str], variable: str
) -> dict[str, Path]:
    """The files in the cache, downloaded where they are not there yet."""
    import pooch

    cache = Path(pooch.os_cache("fernn")) / LABEL.lower()
    found = {}
    for name in (LIST, *ARCHIVES):
        recorded = cache / f"{name}.sha256"
        wanted = known.get(name)
        if wanted is None and recorded.exists():
            wanted = recorded.read_text().strip()
        found[name] = _retrieve(urls, name, wanted, cache, variable)
        write_text(sha256(found[name]) + "\n", recorded)
    return found


def _retrieve(
    urls: list[str], name: str, wanted: str | None, cache: Path, variable: str
) -> Path:
    """A file of the cache with the checksum it should have."""
    import pooch

    reasons = []
    for url in urls:
        address = f"{url.rstrip('/')}/{name}"
        known = f"sha256:{wanted}" if wanted else None
        try:
            return Path(pooch.retrieve(address, known, fname=name, path=cache))
        except (OSError, ValueError) as error:
            reasons.append(f"{address}: {str(error).splitlines()[0]}")
    why = "; ".join(reasons) or "none is named"
    raise UserError(
        f"no mirror gave {name}: {why}; set {variable} to a folder with {LIST} and"
        f" {', '.join(ARCHIVES)}"
    )
