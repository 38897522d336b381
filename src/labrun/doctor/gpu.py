"""The GPUs of this machine, and whether this PyTorch computes on them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labrun.commands import run_command
from labrun.doctor.cluster import submitted
from labrun.doctor.place import FAIL, NOTE, OK, Finding, Place

DRIVER = Path("/proc/driver/nvidia/version")
PATIENCE = 60.0  # seconds to import PyTorch and to wake a GPU
# In a process of its own: a broken driver hangs.
PROBE = """
import json, torch
built, devices = torch.version.cuda or torch.version.hip, []
for index in range(torch.cuda.device_count() if built else 0):
    about, ones = torch.cuda.get_device_properties(index), torch.ones(64, 64)
    assert float((ones.to(index) @ ones.to(index)).sum()) == 64**3, "a wrong product"
    devices.append([about.name, *torch.cuda.mem_get_info(index)])
print(json.dumps({"version": torch.__version__, "built": built, "devices": devices}))
"""
BUILD = "install a PyTorch built for CUDA: https://pytorch.org/get-started/locally"


def check(place: Place) -> Iterator[Finding]:
    """Driver, PyTorch, and a product computed on each device."""
    driver = DRIVER.exists() or not run_command("nvidia-smi", "-L").error
    answer = run_command(sys.executable, "-c", PROBE, patience=PATIENCE)
    if answer.error:
        remedy = "compare the driver of nvidia-smi with the CUDA of this PyTorch"
        yield Finding(FAIL, "gpu", f"PyTorch fails: {answer.error[:150]}", remedy)
        return
    submits = any(each.get("gpu") for each in submitted(place).values())
    submits = submits and place.profile is not None
    yield judge(json.loads(answer.text), driver, submits, place.command)


def judge(torch: dict[str, Any], driver: bool, submits: bool, command: str) -> Finding:
    """What the probe found.

    Args:
        torch: version, the CUDA it was built for or None, and its working devices.
        driver: whether this machine has one.
        submits: whether jobs go to GPUs of other machines, with this PyTorch.
        command: of the laboratory.
    """
    built = f"built for CUDA {torch['built']}" if torch["built"] else "without CUDA"
    about = f"PyTorch {torch['version']}, {built}"
    if torch["devices"]:
        return Finding(OK, "gpu", f"{_devices(torch['devices'])}; {about}")
    if driver and torch["built"]:
        remedy = "its driver may be too old: see nvidia-smi, CUDA_VISIBLE_DEVICES"
        return Finding(
            FAIL, "gpu", f"PyTorch sees none of this machine's; {about}", remedy
        )
    if driver or (submits and not torch["built"]):
        where = "has a GPU" if driver else "submits to GPUs"
        return Finding(FAIL, "gpu", f"this machine {where}, but {about}", BUILD)
    remedy = f"on a node: srun --gpus=1 {command} doctor" if submits else ""
    return Finding(NOTE, "gpu", f"none on this machine; {about}", remedy)


def _devices(devices: list[list[Any]]) -> str:
    names = [
        f"{name} ({free / 2**30:.0f} of {total / 2**30:.0f} GiB free)"
        for name, free, total in devices
    ]
    return ", ".join(names)
