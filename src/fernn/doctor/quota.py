"""Quotas: of the file system where a tool tells them, and of this process."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

from fernn.doctor._finding import FAIL, NOTE, OK, Finding
from fernn.doctor._place import Place, nearest
from labrun.commands import run_command

NEARLY = 0.9
LARGEST = 1e9  # bytes of a file
OPEN = 256  # files at a time


def check(place: Place) -> Iterator[Finding]:
    """What `lfs quota` or `quota` tells, and the limits of the shell."""
    told = [*_told(nearest(place.results))]
    full = [line for line, share in told if share >= 1]
    nearly = [line for line, share in told if NEARLY <= share < 1]
    if full:
        yield Finding(FAIL, "quota", "; ".join(full), "make room or ask for more")
    elif nearly:
        yield Finding(NOTE, "quota", "; ".join(nearly), "make room or ask for more")
    elif told:
        yield Finding(OK, "quota", "; ".join(line for line, _ in told))
    else:
        yield Finding(OK, "quota", "no tool tells of one")
    yield from _limits()


def _told(folder: Path) -> Iterator[tuple[str, float]]:
    """A line and the share used, of each limit."""
    user = str(os.getuid())
    commands = [["lfs", "quota", "-q", "-u", user, str(folder)]]
    commands += [["quota", "--no-wrap", "--raw-grace", "--user", user]]
    for command in commands:
        if shutil.which(command[0]):
            # `quota` exits with 1 where one is exceeded.
            yield from parse(run_command(*command).text)


def parse(text: str) -> Iterator[tuple[str, float]]:
    """The table that both tools print: used, quota, limit, grace; in kB, then files."""
    for line in text.splitlines():
        name, *words = line.split() or [""]
        numbers = [word.rstrip("*") for word in words]
        if len(numbers) < 7 or not numbers[0].isdigit():
            continue
        for unit, at in (("kB", 0), ("files", 4)):
            if not all(number.isdigit() for number in numbers[at : at + 3]):
                continue
            used, soft, hard = map(int, numbers[at : at + 3])
            if most := soft or hard:
                yield f"{name}: {used:,} of {most:,} {unit}", used / most


def _limits() -> Iterator[Finding]:
    size, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if size != resource.RLIM_INFINITY and size < LARGEST:
        found = f"files may have {size:,} bytes at most"
        yield Finding(FAIL, "quota", found, "ulimit -f unlimited")
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files != resource.RLIM_INFINITY and files < OPEN:
        found = f"{files} files may be open at a time"
        yield Finding(FAIL, "quota", found, f"ulimit -n {4 * OPEN}")
