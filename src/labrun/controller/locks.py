"""Snakemake's locks of one budget: files that list what a run reads and makes."""

from __future__ import annotations

from pathlib import Path


def of(results: Path, budget: str) -> list[Path]:
    """The lock files of a budget; those of another one's head are not among them.

    Args:
        results: the results folder, in the folder where Snakemake runs.
        budget: the part of it that is locked.
    """
    own = f"{results.name}/{budget}/"
    folder = results.parent / ".snakemake/locks"
    return [path for path in sorted(folder.glob("*.lock")) if _lists(path, own)]


def remove(results: Path, budget: str) -> int:
    """Remove a dead head's lock files; how many there were."""
    found = of(results, budget)
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)


def _lists(path: Path, own: str) -> bool:
    try:
        with path.open(encoding="utf-8") as lines:
            return any(line.startswith(own) for line in lines)
    except OSError:  # a head that ends removes its own
        return False
