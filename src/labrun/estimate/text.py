"""An estimate as a table and a few lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from labrun.estimate.benchmarks import START
from labrun.estimate.cost import ASSUMED, BENCHMARK, FACTORS, FLOP, LIKE

HEADER = ("stage", "model", "jobs", "hours", "longest", "memory", "source")
NUMBERS = (2, 3, 4, 5)  # columns
SIZES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def lines(estimate: dict[str, Any]) -> Iterator[str]:
    """The table, what its sources are, and the totals.

    Args:
        estimate: `summary`, with the ``disk`` in bytes by kind, and `sources`.
    """
    rows = [tuple(_cells(row)) for row in estimate["rows"]]
    yield from table([HEADER, *rows])
    yield ""
    used = {source for row in estimate["rows"] for source in row["sources"]}
    yield from (
        f"{source}: {text}"
        for source, text in estimate["sources"].items()
        if source in used
    )
    yield from _totals(estimate["total"], estimate["disk"])


def _cells(row: dict[str, Any]) -> Iterator[str]:
    yield row["stage"]
    yield row["model"]
    yield f"{row['jobs']:,}"
    yield significant(row["device_seconds"] / 3600)
    yield duration(row["longest_job_seconds"])
    yield size(1e6 * row["memory_mb"]) if row["memory_mb"] else "–"
    yield ", ".join(f"{name} {count}" for name, count in sorted(row["sources"].items()))


def _totals(total: dict[str, Any], disk: dict[str, float]) -> Iterator[str]:
    hours = {
        name: significant(seconds / 3600)
        for name, seconds in total["device_seconds"].items()
    }
    yield (
        f"GPU-hours {hours['expected']} (job-hours, without GPUs), between"
        f" {hours['least']} and {hours['most']}; all other jobs"
        f" {duration(total['rest_seconds']['expected'])}"
    )
    yield (
        f"wall time {duration(total['wall_seconds'])}, {total['gpus']} at a time"
        " (list scheduling, no queues); the longest chain takes"
        f" {duration(total['chain_seconds'])}"
    )
    parts = sorted(disk.items(), key=lambda part: -part[1])
    yield f"disk about {size(sum(disk.values()))}: " + ", ".join(
        f"{name} {size(number)}" for name, number in parts[:4]
    )


def sources(folder: str, speed: Any) -> dict[str, str]:
    """What each source is, and how far off it may be.

    Args:
        folder: of the benchmarks.
        speed: a `labrun.estimate.cost.Speed` whose text says at what rate.
    """
    known = {
        BENCHMARK: (f"{folder}, the job's own", FACTORS[BENCHMARK]),
        LIKE: ("benchmarks of other jobs of the model, by frames", FACTORS[LIKE]),
        FLOP: (f"of each model, {speed}", speed.factor),
        ASSUMED: (f"{START:g} s for a job with little to compute", FACTORS[ASSUMED]),
    }
    return {
        name: f"{what}; within a factor {factor:g}"
        for name, (what, factor) in known.items()
    }


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Aligned columns, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            text.rjust(width) if place in NUMBERS else text.ljust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def significant(number: float) -> str:
    """Three digits that count, never in powers of ten."""
    if number >= 100:
        return f"{float(f'{number:.3g}'):,.0f}"
    return f"{number:.3g}" if number >= 1e-4 else f"{number:.4f}"


def duration(seconds: float) -> str:
    """A duration in its natural unit: 41 s, 6 min, 3.5 h, 2.1 days."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    if seconds < 99.5 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.1f} days"


def size(number: float) -> str:
    """Bytes in the largest unit of which there is one."""
    unit, name = next((pair for pair in SIZES if number >= pair[0]), (1.0, "B"))
    return f"{significant(number / unit)} {name}"
