"""KTH actions: 25 persons, six actions, four scenarios, as filmed.

The six archives come from the author's site, or lie in the folder FERNN_DATA. The
first download records their checksums beside them; later ones are compared with them.
"""

from __future__ import annotations

import io
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float, UInt8

from fernn.data.sources._kth_files import (
    LIST,
    Read,
    Video,
    opened,
    overlaps,
    parse,
    places,
)
from fernn.videos import atlas
from labrun.errors import UserError
from labrun.lineage import sha256
from labrun.progress import progress

CITATION = (
    "Schuldt, Laptev & Caputo (2004), Recognizing Human Actions: A Local SVM Approach"
)


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
    found = places(urls, sha256 or {}, folder)
    videos = parse(found[LIST].read_text(encoding="latin-1"), str(found[LIST]))
    clips: list[np.ndarray] = []
    columns: dict[str, list[int]] = {name: [] for name in atlas.CLIP_COLUMNS}
    skipped: list[str] = []
    with progress("fetch/KTH/videos/read", len(videos)) as advance:
        for count, (video, read) in enumerate(opened(videos, found), 1):
            own_clips = _cut(video, read, size, shortest, skipped)
            clips += own_clips
            label = atlas.CLASSES.index(video.action)
            about = (label, video.person, video.scenario)
            for name, value in zip(columns, about, strict=True):
                columns[name] += [value] * len(own_clips)
            advance(count, video.file)
    for line in [*(line for video in videos for line in overlaps(video)), *skipped]:
        print(line, file=sys.stderr)
    known = {name: _digest(path) for name, path in found.items() if path.is_file()}
    made = atlas.of_clips(
        clips, columns, source=f"KTH ({size}x{size})", citation=CITATION, sha256=known
    )
    return made.assign_attrs(skipped="\n".join(skipped))


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
    except (KeyError, OSError, RuntimeError, zlib.error, zipfile.BadZipFile) as error:
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


def decode(content: bytes, name: str, size: int) -> UInt8[np.ndarray, "frame row col"]:
    """The grey frames of a video, ``size × size`` pixels.

    A video that breaks off is as long as what can be read of it.

    Raises:
        UserError: PyAV is not installed, or not one frame can be read.
    """
    try:
        import av  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise UserError(
            "videos are read by PyAV, which is not installed: pip install 'fernn[kth]'"
        ) from None
    library: Any = av
    frames, reason = [], "it has no video"
    try:
        with library.open(io.BytesIO(content)) as container:
            for frame in container.decode(video=0):
                frames.append(shrink(frame.to_ndarray(format="gray"), size))
    except (library.FFmpegError, IndexError) as error:
        reason = str(error).splitlines()[0]
    if not frames:
        raise UserError(f"{name}: not one frame can be read: {reason}")
    return np.stack(frames)


def shrink(
    image: UInt8[np.ndarray, "tall wide"], size: int
) -> UInt8[np.ndarray, "size size"]:
    """Means over the parts of pixels that each new one covers, rounded."""
    tall, wide = (cover(length, size) for length in image.shape)
    return np.rint(tall @ image @ wide.T).astype(np.uint8)


def cover(length: int, size: int) -> Float[np.ndarray, "size length"]:
    """What share of each new pixel each old one has along an axis; rows sum to 1."""
    edges = np.arange(size + 1) * length / size
    old = np.arange(length)
    low = np.maximum(edges[:-1, None], old)
    high = np.minimum(edges[1:, None], old + 1)
    return np.clip(high - low, 0, None) * size / length
