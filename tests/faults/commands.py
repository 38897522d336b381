"""Single commands on tiny data, as processes that can be hit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from copied import ROOT, environment
from fernn.cli import main

LIMIT = 120.0
EPOCH = 100  # steps
EPOCHS = 4
FRAMES = {"flow": "translation", "max_speed": 1, "frame_size": 8, "digits": 1}
RECIPE = {"kind": "flowing_digits", **FRAMES, "seed": 0, "frames": 4, "draw": "sampled"}
FLOW = {"kind": "translation", "max_speed": 1}
MODEL = {"kind": "forecaster", "flow": FLOW, "hidden": 2, "decoder_layers": 0}
TRAINING = {"batch": 4, "sequences": 4 * EPOCH, "context": 2, "horizon": 2}
RANGES = {"learning_rate": {"low": 0.0003, "high": 0.02, "log": True}}
POINTS = [{"learning_rate": 0.005}, {"learning_rate": 0.01}]


class Commands:
    """Data in a folder, and commands that read it.

    Args:
        folder: where the data are made, once.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        atlas = folder / "atlas.nc"
        source = json.dumps({"kind": "handwritten"})
        assert main(["fetch", "--source", source, "--output", str(atlas)]) == 0
        for split, sequences in (("train", 4 * EPOCH), ("val", 4), ("test", 4)):
            recipe = {**RECIPE, "split": split, "pool": split, "sequences": sequences}
            made = ["--recipe", json.dumps(recipe), "--output", f"{folder}/{split}.nc"]
            assert main(["synthesize", "--atlas", str(atlas), *made]) == 0

    def data(self, *splits: str) -> list[str]:
        """The options that name the data."""
        return [f"--{name}={self.folder / name}.nc" for name in (*splits, "atlas")]

    def train(self, output: Path, **training: object) -> list[str]:
        """A training run of four epochs."""
        spec = {**TRAINING, "epochs": EPOCHS, **training}
        options = [f"--model={json.dumps(MODEL)}", f"--training={json.dumps(spec)}"]
        return ["train", *self.data("train", "val"), *options, f"--output={output}"]

    def seeds(self, outputs: list[Path], **training: object) -> list[str]:
        """The same of several seeds in one command, 0 and on."""
        *told, _ = self.train(outputs[0], **training)
        numbers = map(str, range(len(outputs)))
        return [*told, "--seed", *numbers, "--output", *map(str, outputs)]

    def tune(self, study: Path, worker: int = 0, **tuning: object) -> list[str]:
        """A worker on a study of three trials of two epochs."""
        spec = {"trials": 3, "ranges": RANGES, "first": POINTS, **tuning}
        training = {**TRAINING, "epochs": 2, "learning_rate": 0.001}
        options = [f"--model={json.dumps(MODEL)}", f"--training={json.dumps(training)}"]
        options += [f"--tuning={json.dumps(spec)}", f"--study={study}"]
        done = f"--output={study}/worker-{worker}.json"
        return ["tune", *self.data("train", "val"), *options, done]


def start(arguments: list[str], **environ: str) -> subprocess.Popen:
    """Start a command."""
    return subprocess.Popen(
        [sys.executable, "-m", "fernn", *arguments],
        env={**environment(ROOT / "src"), **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(arguments: list[str], **environ: str) -> tuple[int, str]:
    """Run a command: the exit code, and what it said on standard error."""
    return end(start(arguments, **environ))


def end(process: subprocess.Popen) -> tuple[int, str]:
    """Wait for the end: the exit code, and what was said on standard error."""
    try:
        return process.wait(LIMIT), process.communicate(timeout=LIMIT)[1]
    finally:
        process.kill()


def hit(process: subprocess.Popen, number: int, when: Callable[[], object]) -> int:
    """Send a signal once a condition holds: the exit code."""
    try:
        end = time.monotonic() + LIMIT
        while not when():
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < end
            time.sleep(0.005)
        os.kill(process.pid, number)
        return process.wait(LIMIT)
    finally:
        process.kill()
        process.communicate()


def saved(folder: Path) -> list[int]:
    """The steps of the saved states of a run."""
    return sorted(int(path.stem[6:]) for path in folder.glob("state-*.pt"))


def last_step(folder: Path) -> int:
    """The last step that a run's spool tells."""
    steps = [0]
    for spool in folder.glob("*events.jsonl"):
        lines = spool.read_text().splitlines()
        steps += [json.loads(line)["step"] for line in lines[:-1] if '"step"' in line]
    return max(steps)
