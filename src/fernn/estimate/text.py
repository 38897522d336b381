"""The estimate as a table and a few lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from fernn.estimate.cost import ASSUMED, BENCHMARK, FACTORS, FLOP, LIKE
from fernn.estimate.earlier import START

HEADER = ("stage", "model", "jobs", "hours", "longest", "memory", "source")
NUMBERS = (2, 3, 4, 5)  # columns
TIMES = ((3600, "h"), (60, "min"), (1, "s"))
SIZES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def lines(estimate: dict[str, Any]) -> Iterator[str]:
    """Table, what its sources are, and the totals.

    Args:
        estimate: as `fernn estimate --output` writes it.
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
    """What each source is."""
    told = {
        BENCHMARK: (f"{folder}, the job's own", FACTORS[BENCHMARK]),
        LIKE: ("benchmarks of other jobs of the model, by frames", FACTORS[LIKE]),
        FLOP: (f"of each model, {speed}", speed.factor),
        ASSUMED: (f"{START:g} s for a job with little to compute", FACTORS[ASSUMED]),
    }
    return {
        name: f"{what}; within a factor {factor:g}"
        for name, (what, factor) in told.items()
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
    """In the largest unit of which there are at least two, hours at most."""
    unit, name = next((pair for pair in TIMES if seconds >= 2 * pair[0]), TIMES[-1])
    days = f" ({significant(seconds / 86400)} d)" if seconds >= 2 * 86400 else ""
    return f"{significant(seconds / unit)} {name}{days}"


def size(number: float) -> str:
    """Bytes in the largest unit of which there is one."""
    unit, name = next((pair for pair in SIZES if number >= pair[0]), (1.0, "B"))
    return f"{significant(number / unit)} {name}"
