"""KTH's six archives and the list that says which frames of a video are one clip."""

from __future__ import annotations

import itertools
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fernn.videos import atlas, files
from labrun.errors import UserError, nearest
from labrun.lineage import sha256
from labrun.storage import write_text

LABEL = "KTH"
LIST = "00sequences.txt"
ARCHIVES = tuple(f"{name}.zip" for name in atlas.CLASSES)

ENCRYPTED = 1  # a flag of a member
COMPRESSED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

Read = Callable[[str], bytes]
LINE = re.compile(r"^person(\d+)_([a-z]+)_d(\d)\s+(?:frames\s+)?(.*)$")
RANGE = re.compile(r"(\d+)\s*-\s*(\d+)")


@dataclass(frozen=True)
class Video:
    """One line of the list.

    Attributes:
        person: 1 to 25.
        action: the name of its class.
        scenario: 1 to 4.
        ranges: first and last frame of each clip, counted from 1; none if the video
            is missing.
    """

    person: int
    action: str
    scenario: int
    ranges: tuple[tuple[int, int], ...]

    @property
    def file(self) -> str:
        """``person01_boxing_d1_uncomp.avi``, as the archives call it."""
        return f"person{self.person:02d}_{self.action}_d{self.scenario}_uncomp.avi"


def parse(text: str, place: str) -> list[Video]:
    """The videos of ``00sequences.txt``, in its order.

    Args:
        text: of the file; what stands before the first video is about the data.
        place: where it is from, for messages.

    Raises:
        UserError: no line names a video, one is named twice, its action is unknown, or
            a range ends before it begins or is there twice.
    """
    found = []
    for line in text.splitlines():
        match = LINE.match(line.strip())
        if not match:
            continue
        person, action, scenario, rest = match.groups()
        ranges = tuple((int(a), int(b)) for a, b in RANGE.findall(rest))
        video = Video(int(person), action, int(scenario), ranges)
        _require_clips(video, place)
        found.append(video)
    if not found:
        raise UserError(f"{place}: no line names a video and its frames")
    names = [video.file for video in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise UserError(f"{place}: names {twice} twice")
    return found


def _require_clips(video: Video, place: str) -> None:
    if video.action not in atlas.CLASSES:
        hint = nearest(video.action, atlas.CLASSES)
        raise UserError(f"{place}: {video.file}: no action {video.action!r}; {hint}")
    for first, last in video.ranges:
        if not 1 <= first <= last:
            raise UserError(f"{place}: {video.file} has a clip {first}-{last}")
        if video.ranges.count((first, last)) > 1:
            raise UserError(f"{place}: {video.file} has the clip {first}-{last} twice")


def overlaps(video: Video) -> list[str]:
    """A line for each two clips that share frames; the published list has some."""
    ordered = sorted(video.ranges)
    return [
        f"{video.file}: the clips {a}-{b} and {c}-{d} share frames"
        for (a, b), (c, d) in itertools.pairwise(ordered)
        if c <= b
    ]


def places(urls: list[str], known: dict[str, str], variable: str) -> dict[str, Path]:
    """Where the list is, and each class's archive or the folder of its videos.

    Args:
        urls: folders on the net, tried in turn.
        known: SHA-256 of files, by name; of others that of the first download counts.
        variable: of the environment, with the user's folder; if it is set, nothing is
            downloaded.

    Raises:
        UserError: a file is missing, not to be had, or not what it was.
    """
    if own := files.own_folder(variable):
        return _in_folder(own)
    return _downloaded(urls, known, variable)


def opened(
    videos: list[Video], places: dict[str, Path]
) -> Iterator[tuple[Video, Read]]:
    """Each video with what reads its file: from a folder, or from its archive."""
    archives: dict[str, zipfile.ZipFile] = {}
    for video in videos:
        place = places[f"{video.action}.zip"]
        if place.is_dir():
            yield video, lambda name, place=place: files.read(place / name)
            continue
        if video.action not in archives:
            archives[video.action] = _archive(place)
        yield video, partial(_member, archives[video.action])


def _archive(place: Path) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(place)
    except (OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{place}: is no archive that can be read: {error}") from None
    _require_readable(archive, place)
    return archive


def _require_readable(archive: zipfile.ZipFile, place: Path) -> None:
    for member in archive.infolist():
        if member.flag_bits & ENCRYPTED:
            raise UserError(f"{place}: {member.filename} is encrypted")
        if member.compress_type not in COMPRESSED:
            raise UserError(
                f"{place}: {member.filename} is compressed by method"
                f" {member.compress_type}, which is not read"
            )


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    """A file's bytes, in memory."""
    size = archive.getinfo(name).file_size  # no more are ever unpacked
    if size > files.LIMIT:
        raise OSError(f"unpacks to {size} bytes, more than {files.LIMIT}")
    return archive.read(name)


def _in_folder(folder: Path) -> dict[str, Path]:
    """The list, and for each class its archive or the folder of its videos."""
    for place in (folder / LABEL, folder / LABEL.lower(), folder):
        if not (place / LIST).is_file():
            continue
        found = {LIST: place / LIST}
        for name in ARCHIVES:
            found[name] = _one(place, name)
        return found
    raise UserError(
        f"{folder} has no {LIST}, nor has its sub-folder {LABEL}; it belongs beside"
        f" {', '.join(ARCHIVES)} or the videos themselves"
    )


def _one(place: Path, name: str) -> Path:
    """A class's archive, or the folder that has its videos.

    Raises:
        UserError: there is neither, or the archive is no ordinary file.
    """
    action = name.removesuffix(".zip")
    for path in (place / name, place / action):
        if path.exists():
            if not path.is_dir():
                files.require_ordinary(path)
            return path
    if any(place.glob("person*.avi")):
        return place
    raise UserError(
        f"{place} has no {name}, no folder {action} and no videos; without it the data"
        " would lack that class"
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
