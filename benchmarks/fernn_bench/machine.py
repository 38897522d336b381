"""What the numbers were measured on."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

from labrun.lineage import commit

PACKAGES = ("fernn", "torch", "numpy", "xarray", "lightning-fabric", "snakemake")


def describe() -> dict[str, str]:
    """Processor, cores, memory, versions, threads and commit."""
    pages = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{pages / 2**30:.0f} GiB",
        **_card(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": ", ".join([f"python {platform.python_version()}", *_versions()]),
        "threads": "1, of torch; commands as they start by default",
        "commit": commit(),
    }


def _card() -> dict[str, str]:
    import torch

    if not torch.cuda.is_available():
        return {}
    return {"GPU": torch.cuda.get_device_name(), "CUDA": str(torch.version.cuda)}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    fields = [line.partition(":") for line in lines]
    named = {key.strip(): value.strip() for key, _, value in fields}
    if "model name" not in named:
        return platform.processor() or platform.machine()
    family, model = named.get("cpu family"), named.get("model")
    return f"{named['model name']} (family {family}, model {model})"


def _versions() -> list[str]:
    installed = []
    for package in PACKAGES:
        try:
            installed.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            installed.append(f"{package} not installed")
    return installed
