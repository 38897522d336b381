"""What happens to files: cut, flipped, and no room for more."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def flip(path: Path, seed: int = 0) -> None:
    """Flip one bit somewhere in the middle half of a file."""
    content = bytearray(path.read_bytes())
    quarter = len(content) // 4
    place = random.Random(seed).randrange(quarter, 3 * quarter)
    content[place] ^= 1 << random.Random(seed + 1).randrange(8)
    path.write_bytes(content)


def cut(path: Path, share: float = 0.5) -> None:
    """Keep only the first part of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    """A file system of some bytes."""
    folder.mkdir()
    options = f"size={size}"
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        pytest.skip(f"a small disk cannot be made: {error}")
    if done.returncode:
        pytest.skip(f"a small disk cannot be made: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path, left: int = 0) -> None:
    """Fill a disk but for some bytes."""
    free = shutil.disk_usage(folder).free
    (folder / "ballast").write_bytes(bytes(max(0, free - left)))
