"""What a change of the code must not change: plans, command lines, files and numbers.

``python -m pins --record RESULTS`` (in `tests`) records all of it anew, from the
results of budget smoke; ``python -m pins RESULTS`` compares such results.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
DEPTH = 4  # levels of a plan that are told apart
FLAGS = re.compile(r"--[a-z][a-z-]*")
COMMAND = re.compile(r'"(?:exec fernn|fernn| then) ([a-z]+)(.*?)(?=" then |$)', re.S)
FINGERPRINT = re.compile(r"\b[0-9a-f]{12}(?=\.(events|journal))")
CLOSE = 1e-3  # relative, of means, between processors that round otherwise


def recorded(name: str) -> Any:
    """A pin, from its file."""
    return json.loads((FOLDER / f"{name}.json").read_text())


def record(name: str, content: Any) -> None:
    """Write a pin."""
    text = json.dumps(content, indent=1, sort_keys=True)
    (FOLDER / f"{name}.json").write_text(text + "\n")


def digest(content: bytes) -> str:
    """Enough of a SHA-256 to tell two apart."""
    return hashlib.sha256(content).hexdigest()[:16]


def parts_of_plan(plan: Any, path: str = "", depth: int = DEPTH) -> dict[str, str]:
    """A digest of each part of a plan, by its path."""
    if not isinstance(plan, dict) or not depth or not plan:
        return {path: digest(json.dumps(plan, sort_keys=True).encode())}
    found: dict[str, str] = {}
    for key, value in plan.items():
        found |= parts_of_plan(value, f"{path}/{key}".strip("/"), depth - 1)
    return found


def flags_of_rules() -> dict[str, list[str]]:
    """The flags that rules give each command."""
    found: dict[str, set[str]] = {}
    for file in sorted((ROOT / "workflow/rules").glob("*.smk")):
        for block in file.read_text().split("shell:")[1:]:
            text = block.split("\n\n\n")[0]
            for command, part in COMMAND.findall(text):
                found.setdefault(command, set()).update(FLAGS.findall(part))
    return {command: sorted(flags) for command, flags in sorted(found.items())}


def layout(results: Path) -> list[str]:
    """The files of a budget's results; fingerprints in names are left out."""
    names = (
        path.relative_to(results).as_posix()
        for path in results.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    )
    return sorted({FINGERPRINT.sub("*", name) for name in names})


def arrays(results: Path) -> Iterator[tuple[str, np.ndarray]]:
    """The arrays of all weights, recipes and cubes but those that measure time."""
    import torch
    import xarray as xr

    for path in sorted(results.glob("runs/*/*/*/model.pt")):
        weights = torch.load(path, weights_only=True)
        weights = weights.get("weights", weights)
        for name, value in sorted(weights.items()):
            yield f"{path.relative_to(results)}:{name}", value.numpy()
    files = [*results.glob("data/**/*.nc"), *results.glob("cubes/*/*.nc")]
    for path in sorted(files):
        with xr.open_dataset(path) as opened:
            for name in sorted(map(str, opened.variables)):
                where = path.relative_to(results)
                if where.parts[:2] != ("cubes", "bench"):
                    yield f"{where}:{name}", np.asarray(opened[name].values)


def number(array: np.ndarray) -> float | None:
    """What numbers of two processors are compared by: the mean size of the finite."""
    if array.dtype.kind not in "fiub":
        return None
    finite = np.abs(array.astype(np.float64))
    finite = finite[np.isfinite(finite)]
    return float(finite.mean()) if finite.size else 0.0


def of_arrays(results: Path) -> dict[str, list[Any]]:
    """Digest, shape and mean size of every array."""
    found = {}
    for name, array in arrays(results):
        text = array.dtype.kind not in "fiub"
        content = json.dumps(array.tolist()).encode() if text else array.tobytes()
        found[name] = [digest(content), list(array.shape), number(array)]
    return found


def processor() -> str:
    """What decides how sums are rounded: torch and the vector instructions.

    What torch names, such as AVX512, is not enough: oneDNN and MKL choose among more.
    """
    import torch

    cpuinfo = Path("/proc/cpuinfo")
    words = set(cpuinfo.read_text().split()) if cpuinfo.exists() else set()
    vector = sorted(word for word in words if word.startswith(("avx", "amx", "fma")))
    capability = torch.backends.cpu.get_cpu_capability()
    return " ".join([f"torch {torch.__version__}", capability, *vector])


def differences(made: dict[str, list], pinned: dict[str, list], same: bool) -> list:
    """Names of arrays that differ; in bits if the processor is the `same`."""
    odd = [name for name in made.keys() ^ pinned.keys()]
    for name in made.keys() & pinned.keys():
        (bits, shape, mean), (old_bits, old_shape, old_mean) = made[name], pinned[name]
        close = bits == old_bits
        if not (same or close or mean is None or name.startswith("data/")):
            close = np.isclose(mean, old_mean, rtol=CLOSE, atol=1e-9)
        if shape != old_shape or not close:
            odd.append(name)
    return sorted(odd)
