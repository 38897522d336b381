"""A page and a picture of what sittings at one card found.

PYTHONPATH=benchmarks python -m gpu_sitting.page OUTPUT.md SITTING.json …
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

PUBLISHED = {"G-RNN": 8.1e-3, "FERNN-V1": 5.3e-4, "FERNN-V2": 1.5e-4}  # test MSE
COLUMNS = ("prediction error", "gradient error", "ms", "sequences/s", "MiB")
TESTED = (
    "test",
    "frames 1–70",
    "frames 61–70",
    "velocities in V",
    "velocities outside V",
)
COLORS = ("#56B4E9", "#0072B2", "#D55E00", "#009E73")
NETWORKS = {"": "FERNN-V2", "control ": "G-RNN"}  # by what begins their names


def main() -> None:
    """Write the page, and the curves beside it if a sitting trained."""
    output, *paths = map(Path, sys.argv[1:])
    sittings = [json.loads(path.read_text()) for path in paths]
    lines = [f"# {sittings[0]['card']}", ""]
    for number, sitting in enumerate(sittings, start=1):
        lines += _rates(number, sitting)
        for name in ("profiles", "spectra", "rotations"):
            if name in sitting:
                lines += TABLES[name](sitting[name])
    runs = [
        (number, before, sitting)
        for number, sitting in enumerate(sittings, start=1)
        for before in NETWORKS
        if f"{before}curve" in sitting
    ]
    if runs:
        lines += _training(runs, output.with_suffix(".png"))
    lines += _published(sittings[-1])
    output.write_text("\n".join(lines).rstrip() + "\n")


def _rates(number: int, sitting: dict[str, Any]) -> list[str]:
    floor = sitting["floor"]
    head = ["execution, precision, roll-out", *COLUMNS]
    lines = [
        f"## Sitting {number}: commit {sitting['commit']}, torch {sitting['torch']}",
        "",
        "A training step of FERNN-V2 at the published size (28×28 pixels, 128 hidden"
        " channels, 4 decoder layers, 10 + 10 frames) with 32 sequences. Errors are"
        " relative, against `plain` in double precision. The bare convolutions of"
        f" `repeat` in bfloat16 take {floor['ms']:.1f} ms"
        f" ({floor['TFLOP/s']:.0f} TFLOP/s).",
        "",
    ]
    rows = [
        [name.removeprefix("form "), *(found[column] for column in COLUMNS)]
        for name, found in sitting.items()
        if name.startswith("form ")
    ]
    return [*lines, *_table(head, rows), ""]


def _profiles(found: dict[str, dict[str, float]]) -> list[str]:
    lines = [
        "One step: milliseconds until Python had launched it and until the card had"
        " done it, and, by a profile, how long its kernels ran.",
        "",
    ]
    names = "launched", "done", "busy", "kernels"
    rows = [[form, *(each[name] for name in names)] for form, each in found.items()]
    return [*lines, *_table(["execution, precision, roll-out", *names], rows), ""]


def _spectra(found: dict[str, dict[str, float]]) -> list[str]:
    lines = [
        "A recurrent step of 25 slots and back to its state, without weights'"
        " gradients: the direct convolution of `fused`, and products of spectra, with"
        " transforms as matrix products or by the library's FFT. Milliseconds, and"
        " errors against double precision.",
        "",
    ]
    forms = "direct", "by_products", "by_fft"
    names = [f"{form}, {what}" for what in ("ms", "error") for form in forms]
    rows = [[size, *(each.get(name) for name in names)] for size, each in found.items()]
    return [*lines, *_table(["channels, precision", *names], rows), ""]


def _rotations(found: dict[str, float]) -> list[str]:
    lines = [
        "The harmonic convolution of orientations, forward and backward: the library's"
        " operations and those of Triton. Milliseconds, mebibytes, and the ratio of"
        " the times.",
        "",
    ]
    sizes = dict.fromkeys(name.rpartition(": ")[0] for name in found)
    names = list(dict.fromkeys(name.rpartition(": ")[2] for name in found))
    rows = [[size, *(found[f"{size}: {name}"] for name in names)] for size in sizes]
    return [*lines, *_table(["convolution", *names], rows), ""]


TABLES = {"profiles": _profiles, "spectra": _spectra, "rotations": _rotations}


def _training(runs: list[tuple[int, str, dict[str, Any]]], picture: Path) -> list[str]:
    _draw(runs, picture)
    head = "sitting", "network", "how", "largest rate", "steps", "seconds"
    rows = []
    for number, before, sitting in runs:
        run, last = sitting[f"{before}run"], sitting[f"{before}curve"][-1]
        row = [number, NETWORKS[before], run["form"], run["rate"], last["updates"]]
        row += [last["seconds"], last["validation_error"]]
        rows.append(row + _tested(sitting.get(f"{before}test")))
    return [
        "## Time to the published error",
        "",
        f"![Validation error while training]({picture.name})",
        "",
        "Networks trained once each (32 sequences a step, one-cycle, symmetric kernels,"
        " one seed), with the seconds that training took, validations included."
        " Validation sequences show digits that training does not. Test errors are of"
        " predictions as they are; those by frame and by velocity are of predictions"
        " limited to [0, 1], but for frames 1–70. The published test error of FERNN-V2"
        f" is {PUBLISHED['FERNN-V2']:.2g} and that of the G-RNN"
        f" {PUBLISHED['G-RNN']:.2g}, after 50 epochs of 54,000 sequences with the"
        " roll-out `repeat`. The G-RNN of a sitting has the seconds that are left, and"
        " fewer steps than FERNN-V2.",
        "",
        *_table([*head, "validation", *TESTED], rows),
        "",
    ]


def _tested(test: dict[str, Any] | None) -> list[float | None]:
    """The test errors of a row, in the order of `TESTED`."""
    if test is None:
        return [None] * len(TESTED)
    both = [test[name]["raw"] for name in ("in_distribution", "length")]
    return both + [test[name] for name in ("last", "in V", "outside")]


def _published(sitting: dict[str, Any]) -> list[str]:
    """How far the published protocol came by instalments; nothing before."""
    rows = [
        [
            name.removeprefix("published "),
            f"{found['step']} of {found['steps']}",
            found["curve"][-1]["validation_error"] if found["curve"] else None,
            *_tested(sitting.get(f"{name} test")),
        ]
        for name, found in sitting.items()
        if name.startswith("published ") and not name.endswith(" test")
    ]
    head = ["network", "steps", "validation", *TESTED]
    return ["## The published protocol", "", *_table(head, rows), ""] if rows else []


def _table(head: list[str], rows: list[list[Any]]) -> list[str]:
    def cell(value: Any) -> str:
        if isinstance(value, float):
            return f"{value:.3g}"
        return "–" if value is None else str(value)

    lines = [f"| {' | '.join(map(cell, row))} |" for row in rows]
    return [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *lines]


def _draw(runs: list[tuple[int, str, dict[str, Any]]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    for color, (number, before, sitting) in zip(COLORS, runs, strict=False):
        curve = sitting[f"{before}curve"]
        seconds = [record["seconds"] for record in curve]
        errors = [record["validation_error"] for record in curve]
        label = f"{NETWORKS[before]}, sitting {number}"
        axes.semilogy(seconds, errors, "o-", color=color, label=label, markersize=4)
    end = max(axes.get_xlim()[1], 1.0)
    points = [
        (record["seconds"], record["validation_error"])
        for _, before, sitting in runs
        for record in sitting[f"{before}curve"]
    ]
    for name, error in PUBLISHED.items():
        axes.axhline(error, color="0.6", linewidth=0.8, linestyle="--")
        place, side = max(
            ((0.0, "left"), (end, "right")),
            key=lambda each: _space(points, error, each[0], end),
        )
        axes.annotate(f" {name}, published test error ", (place, error), (0, 2),
                      textcoords="offset points", ha=side, color="0.4")  # fmt: skip
    axes.set(xlabel="seconds of training", ylabel="mean squared error", xlim=(0, end))
    axes.legend(frameon=False, title="validation error")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


def _space(points: list[Any], error: float, place: float, end: float) -> float:
    """How far from an error the curves stay on one side of the picture, as a factor."""
    near = [y for x, y in points if abs(x - place) < end / 2]
    return min((abs(math.log(y / error)) for y in near), default=math.inf)


if __name__ == "__main__":
    main()
