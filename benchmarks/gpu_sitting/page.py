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


def main() -> None:
    """Write the page, and the curve beside it if a sitting trained."""
    output, *paths = map(Path, sys.argv[1:])
    sittings = [json.loads(path.read_text()) for path in paths]
    lines = [f"# {sittings[0]['card']}", ""]
    for number, sitting in enumerate(sittings, start=1):
        lines += _rates(number, sitting)
    for sitting in sittings:
        if "curve" in sitting:
            lines += _run(sitting, output)
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
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
    ]
    for name, found in sitting.items():
        if name.startswith("form "):
            cells = [f"{found[column]:.3g}" for column in COLUMNS]
            lines.append(f"| {name.removeprefix('form ')} | {' | '.join(cells)} |")
    return [*lines, ""]


def _run(sitting: dict[str, Any], output: Path) -> list[str]:
    run, last = sitting["run"], sitting["curve"][-1]
    picture = output.with_suffix(".png")
    _draw(sitting["curve"], picture)
    lines = [
        "## Time to the published error",
        "",
        f"![Validation error while training]({picture.name})",
        "",
        f"FERNN-V2 trained once ({run['form']}; {run['steps']} steps of 32 sequences,"
        f" one-cycle to {run['rate']}, symmetric kernels, one seed): validation error"
        f" {last['validation_error']:.3g} after {last['seconds']:.0f} seconds,"
        " validations included. Validation sequences show digits that training does"
        f" not. The published test error is {PUBLISHED['FERNN-V2']:.2g} after 50 epochs"
        " of 54,000 sequences with the roll-out `repeat`.",
    ]
    if "test" in sitting:
        lines += ["", f"Test: `{json.dumps(sitting['test'])}`."]
    else:
        lines += ["", "The test sets were not measured in this sitting."]
    return [*lines, ""]


def _draw(curve: list[dict[str, Any]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.4), layout="constrained")
    seconds = [record["seconds"] for record in curve]
    errors = [record["validation_error"] for record in curve]
    axes.semilogy(seconds, errors, "o-", color="#0072B2")
    axes.annotate("FERNN-V2, validation", (seconds[0], errors[0]), (8, 2),
                  textcoords="offset points", color="#0072B2")  # fmt: skip
    for name, error in PUBLISHED.items():
        axes.axhline(error, color="0.6", linewidth=0.8, linestyle="--")
        # At the end that the curve leaves free.
        begin, end = (abs(math.log(errors[i] / error)) for i in (0, -1))
        place, side = (0, "left") if begin > end else (seconds[-1], "right")
        axes.annotate(f" {name}, published test error", (place, error), (0, 2),
                      textcoords="offset points", ha=side, color="0.4")  # fmt: skip
    axes.set(xlabel="seconds of training", ylabel="mean squared error", xlim=(0, None))
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
