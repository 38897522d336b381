"""Copies of the workflow for tests to run, change and break."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[1]
NEEDED = ("Snakefile", "config.yaml", "workflow", "profiles", "envs", "src")
FOREIGN = ("FERNN_DATA", "MLFLOW_TRACKING_URI", "SNAKEMAKE_PROFILE")


def copy(folder: Path, *more: str) -> None:
    """Copy what the workflow needs, and more by name, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*NEEDED, *more):
        whole = (ROOT / name).is_dir()
        (shutil.copytree if whole else shutil.copy)(ROOT / name, folder / name)


def environment(source: Path) -> dict[str, str]:
    """Variables under which the same work gives the same bits, on this source."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("SLURM_")}
    for name in FOREIGN:
        kept.pop(name, None)
    return {**kept, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(source)}
