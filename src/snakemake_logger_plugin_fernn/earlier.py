"""How long the jobs of earlier runs took, from Snakemake's benchmark files."""

from __future__ import annotations

import csv
from pathlib import Path

FOLDER = "benchmarks"


def folder(benchmark: str) -> Path | None:
    """The folder of all benchmarks, from the path of one: `.../benchmarks/...`."""
    above = [parent for parent in Path(benchmark).parents if parent.name == FOLDER]
    return above[0] if above else None


def means(benchmarks: Path) -> dict[str, float]:
    """Mean seconds of a job by rule, from `{rule}/*.tsv` and `{rule}.tsv`.

    A file that cannot be read counts as none.
    """
    spent: dict[str, list[float]] = {}
    for path in sorted(benchmarks.rglob("*.tsv")):
        rule = path.relative_to(benchmarks).parts[0].removesuffix(".tsv")
        spent.setdefault(rule, []).extend(_seconds(path))
    return {rule: sum(each) / len(each) for rule, each in spent.items() if each}


def _seconds(path: Path) -> list[float]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return [float(row["s"]) for row in csv.DictReader(stream, delimiter="\t")]
    except (OSError, KeyError, TypeError, ValueError):
        return []
