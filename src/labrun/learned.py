"""What a job asks of a cluster, from what jobs like it needed: Snakemake's benchmarks.

A job is like those of its rule that differ from it in the last number of their names
alone: another seed, another worker of a study. What was measured before the workflow
starts counts, so one run asks for the same from its begin to its end.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from pathlib import Path

from labrun.estimate.benchmarks import Run, runs

# Times the most that was measured; the least that is asked for; the multiple it is of.
MEMORY = 1.5, 2000, 500  # MB
RUNTIME = 2.0, 30, 10  # minutes: a training saves two minutes before its limit
LAST = re.compile(r"\.\d+$")


class Learned:
    """What jobs needed.

    Args:
        folder: of the benchmarks, `{rule}/{names}.tsv`; it need not be there.
    """

    def __init__(self, folder: Path):
        self._alike: dict[str, list[Run]] = defaultdict(list)
        for name, run in runs(folder).items():
            self._alike[_kind(name)].append(run)

    def __call__(self, benchmark: str) -> dict[str, int]:
        """The first attempt's ``mem_mb`` and ``runtime``, as far as they are known.

        Args:
            benchmark: `{rule}/{names}` of a job.
        """
        alike = self._alike.get(_kind(benchmark), [])
        memory = [run.memory for run in alike if run.memory is not None]
        minutes = [run.seconds / 60 for run in alike]
        found = {"mem_mb": (memory, MEMORY), "runtime": (minutes, RUNTIME)}
        return {k: _asked(max(each), *how) for k, (each, how) in found.items() if each}


def _kind(benchmark: str) -> str:
    return LAST.sub("", benchmark)


def _asked(most: float, margin: float, least: int, unit: int) -> int:
    return max(least, math.ceil(margin * most / unit) * unit)
