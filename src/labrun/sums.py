"""Hashes of published files, in a file that ``sha256sum --check`` reads."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from labrun.lineage import sha256
from labrun.storage import write_text

NAME = "SHA256SUMS"


def write(files: Iterable[Path], path: Path) -> None:
    """Write a line for each file and each other format of it: those of the same stem.

    Args:
        files: below the folder of `path`.
        path: the file of hashes.
    """
    folder = path.resolve().parent
    found = {
        other.resolve()
        for file in files
        for other in file.parent.glob(f"{file.stem}.*")
        if other.suffix != ".jsonl"
    }
    lines = [f"{sha256(each)}  {each.relative_to(folder)}" for each in sorted(found)]
    write_text("\n".join(lines) + "\n", path)


def recorded(path: Path) -> str:
    """The hash of a file that the nearest file of hashes above it has; else empty."""
    path = path.resolve()
    for folder in path.parents:
        sums = folder / NAME
        if sums.is_file():
            lines = [
                line.partition("  ") for line in sums.read_text("utf-8").split("\n")
            ]
            hashes = {name: hashed for hashed, _, name in lines}
            return hashes.get(path.relative_to(folder).as_posix(), "")
    return ""
