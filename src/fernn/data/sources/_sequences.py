"""KTH's list of subsequences: which frames of which video are one clip."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fernn.errors import UserError

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
        UserError: no line names a video, or a range ends before it begins.
    """
    found = []
    for line in text.splitlines():
        match = LINE.match(line.strip())
        if not match:
            continue
        person, action, scenario, rest = match.groups()
        ranges = tuple((int(a), int(b)) for a, b in RANGE.findall(rest))
        video = Video(int(person), action, int(scenario), ranges)
        for first, last in ranges:
            if not 1 <= first <= last:
                raise UserError(f"{place}: {video.file} has a clip {first}-{last}")
        found.append(video)
    if not found:
        raise UserError(f"{place}: no line names a video and its frames")
    return found
