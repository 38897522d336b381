"""KTH's list of subsequences: which frames of which video are one clip."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

from fernn.data.sources._clips import CLASSES
from labrun.errors import UserError, nearest

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
    if video.action not in CLASSES:
        hint = nearest(video.action, CLASSES)
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
