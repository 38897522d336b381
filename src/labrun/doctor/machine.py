"""The file systems of this machine, its clock, its GPUs, and limits of this process."""

from __future__ import annotations

import json
import os
import resource
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labrun.commands import run_command
from labrun.doctor.cluster import submitted
from labrun.doctor.place import FAIL, NOTE, OK, Finding, Place, nearest, try_to_write
from labrun.errors import UserError

TOLERANCE = 2.0  # seconds between clocks
GB = 1e9
FEW = 20_000  # files of a run with its logs, leases and Snakemake's own, generously
LEAST = 0.5 * GB  # for temporary files, or where the need is not known
NEARLY = 0.9  # of a quota
OPEN = 256  # files at a time
DRIVER = Path("/proc/driver/nvidia/version")
WAKING = 60.0  # seconds to import PyTorch and to wake a GPU
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


def caches(place: Place) -> Iterator[Finding]:
    """Whether the folder of caches can be written, also where home is read-only.

    Snakemake, pooch and matplotlib keep files there.
    """
    variable = os.environ.get("XDG_CACHE_HOME")
    name = "XDG_CACHE_HOME" if variable else "~/.cache"
    try:
        folder = Path(variable) if variable else Path.home() / ".cache"
        try_to_write(nearest(folder))
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home
        found = f"{name} cannot be written: {getattr(error, 'strerror', None) or error}"
        remedy = "export XDG_CACHE_HOME=FOLDER, one that can be written"
        yield Finding(FAIL, "caches", found, remedy)
        return
    yield Finding(OK, "caches", f"{name} can be written")


def clock(place: Place) -> Iterator[Finding]:
    """How far a new file's time is from now.

    Leases and Snakemake compare times of files only, so this is no failure.
    """
    before = time.time()
    written = try_to_write(nearest(place.results)).st_mtime
    late = max(before - written, written - time.time(), 0.0)
    if late > TOLERANCE:
        remedy = "leases use the file system's clock only; the times in logs differ"
        yield Finding(NOTE, "clock", f"{late:.0f} s off the file system's", remedy)
    else:
        yield Finding(OK, "clock", "agrees with the file system's")


def disk(place: Place) -> Iterator[Finding]:
    """The results folder and the one for temporary files."""
    try:
        needed = max(place.needed(), LEAST)
    except UserError:  # reported by the check of the configuration
        needed = LEAST
    yield space("disk", str(place.results), place.results, needed, FEW)
    folder = Path(tempfile.gettempdir())
    yield space("temporary", str(folder), folder, LEAST, 1000)


def space(what: str, name: str, folder: Path, needed: float, files: int) -> Finding:
    """One folder: written, with the bytes and the files needed."""
    there = nearest(folder)
    try:
        try_to_write(there)
    except OSError as error:
        return Finding(FAIL, what, f"{name} cannot be written: {error.strerror}")
    system = os.statvfs(there)
    free = system.f_bavail * system.f_frsize
    found = f"{name}: {free / GB:.1f} GB free, about {needed / GB:.1f} GB needed"
    if free < needed:
        return Finding(FAIL, what, found, "make room, or link it to a larger disk")
    if system.f_files and system.f_favail < files:
        found = f"{name}: {system.f_favail} more files possible, {files} needed"
        return Finding(FAIL, what, found, "remove files: its disk is out of inodes")
    return Finding(NOTE if free < 2 * needed else OK, what, found)


def quota(place: Place) -> Iterator[Finding]:
    """What `lfs quota` or `quota` says, and the limits of the shell."""
    shares = [*_quotas(nearest(place.results))]
    full = [line for line, share in shares if share >= 1]
    nearly = [line for line, share in shares if NEARLY <= share < 1]
    if full:
        yield Finding(FAIL, "quota", "; ".join(full), "make room or ask for more")
    elif nearly:
        yield Finding(NOTE, "quota", "; ".join(nearly), "make room or ask for more")
    elif shares:
        yield Finding(OK, "quota", "; ".join(line for line, _ in shares))
    else:
        yield Finding(OK, "quota", "no tool reports one")
    yield from _limits()


def _quotas(folder: Path) -> Iterator[tuple[str, float]]:
    """A line and the share used, of each limit."""
    user = str(os.getuid())
    commands = [["lfs", "quota", "-q", "-u", user, str(folder)]]
    commands += [["quota", "--no-wrap", "--raw-grace", "--user", user]]
    for command in commands:
        if shutil.which(command[0]):
            # `quota` exits with 1 where one is exceeded.
            yield from parse_quota(run_command(*command).text)


def parse_quota(text: str) -> Iterator[tuple[str, float]]:
    """The table that both tools print: used, quota, limit, grace; in kB, then files."""
    for line in text.splitlines():
        name, *words = line.split() or [""]
        numbers = [word.rstrip("*") for word in words]
        if len(numbers) < 7 or not numbers[0].isdigit():
            continue
        for unit, at in (("kB", 0), ("files", 4)):
            if not all(number.isdigit() for number in numbers[at : at + 3]):
                continue
            used, soft, hard = map(int, numbers[at : at + 3])
            if most := soft or hard:
                yield f"{name}: {used:,} of {most:,} {unit}", used / most


def _limits() -> Iterator[Finding]:
    size, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if size != resource.RLIM_INFINITY and size < GB:
        found = f"files may have {size:,} bytes at most"
        yield Finding(FAIL, "quota", found, "ulimit -f unlimited")
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files != resource.RLIM_INFINITY and files < OPEN:
        found = f"{files} files may be open at a time"
        yield Finding(FAIL, "quota", found, f"ulimit -n {4 * OPEN}")


def sharing(place: Place) -> Iterator[Finding]:
    """Whether a group with which the results folder is shared can continue a run."""
    about = nearest(place.results).stat()
    mask = os.umask(0o022)
    os.umask(mask)
    if not about.st_mode & stat.S_IWGRP or about.st_mode & stat.S_IWOTH:
        yield Finding(OK, "sharing", f"{place.results} is not shared with a group")
    elif mask & stat.S_IWGRP:
        found = f"a group shares {place.results}, but cannot change what you make"
        yield Finding(NOTE, "sharing", f"{found} (umask {mask:04o})", "umask 0002")
    elif not about.st_mode & stat.S_ISGID:
        found = f"{place.results} does not pass its group on to what is made in it"
        yield Finding(NOTE, "sharing", found, f"chmod g+s {place.results}")
    else:
        yield Finding(OK, "sharing", f"the group of {place.results} can continue a run")


def gpu(place: Place) -> Iterator[Finding]:
    """Driver, PyTorch, and a product computed on each device."""
    driver = DRIVER.exists() or not run_command("nvidia-smi", "-L").error
    answer = run_command(sys.executable, "-c", PROBE, patience=WAKING)
    if answer.error:
        remedy = "compare the driver of nvidia-smi with the CUDA of this PyTorch"
        yield Finding(FAIL, "gpu", f"PyTorch fails: {answer.error[:150]}", remedy)
        return
    submits = any(each.get("gpu") for each in submitted(place).values())
    submits = submits and place.profile is not None
    yield judge_gpu(json.loads(answer.text), driver, submits, place.command)


def judge_gpu(
    torch: dict[str, Any], driver: bool, submits: bool, command: str
) -> Finding:
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
