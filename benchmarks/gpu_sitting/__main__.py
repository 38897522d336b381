"""A sitting at one GPU: equality, rates, and the time to the published error.

    PYTHONPATH=benchmarks FERNN_DATA=… python -m gpu_sitting --minutes 11

What is most valuable comes first, and every finished step is kept in FOLDER, so that a
later sitting with the same folder goes on: (1) each execution and precision against
double precision, with its rate at the published size, the step as a product of
spectra, and convolutions of rotations; (2) learning rates, each by a short one-cycle;
(3) FERNN-V2 trained with the roll-out `advect` for most of what is left of the time,
then tested; (4) the G-RNN, as its control, trained for as many steps or until the time
is over, then tested; (5) in sittings after that, the published protocol by instalments,
from the states in FOLDER.
`--until rates` stops before (3). Everything that it writes names the card.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from fernn.training.loop import Diverged
from fernn_bench.gpu import rotation_rows
from gpu_sitting import data, forms, published, spectra, training
from gpu_sitting.sizes import PUBLISHED, TINY
from labrun.lineage import commit
from labrun.storage import write_text

RESERVE = 55.0  # seconds for the tests after the long run
MARGIN = 0.96  # of the time that the steps are planned to take


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--minutes", type=float, default=11)
    parser.add_argument("--forms-seconds", type=float, default=100)
    parser.add_argument("--control-seconds", type=float, default=90)
    parser.add_argument("--rates", type=float, nargs="+", default=training.RATES)
    parser.add_argument("--until", choices=("data", "rates", "end"), default="end")
    parser.add_argument("--tiny", action="store_true", help="to rehearse")
    parser.add_argument("--folder", type=Path, default=Path("results/gpu-sitting"))
    parser.add_argument("--output", type=Path, default=None, help="FOLDER by default")
    args = parser.parse_args()
    Sitting(args).run()


class Sitting:
    """Steps that are kept as they finish, in a file that names the card."""

    def __init__(self, args: argparse.Namespace):
        self.started = time.perf_counter()
        self.args, self.sizes = args, TINY if args.tiny else PUBLISHED
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.card = (
            torch.cuda.get_device_name() if self.device.type == "cuda" else "processor"
        )
        self.output = args.output or args.folder
        self.output.mkdir(parents=True, exist_ok=True)
        self.kept = args.folder / "sitting.json"
        self.known: dict[str, Any] = {"card": self.card, "torch": torch.__version__}
        if self.kept.exists():
            self.known = json.loads(self.kept.read_text())
        self.known["commit"] = commit()

    def run(self) -> None:
        """All steps, as far as the time goes."""
        data.prepare(self.args.folder / "data", self.sizes)
        if self.args.until == "data":
            return
        self.tell(f"{self.card}, torch {torch.__version__}")
        self._forms()
        self._others()
        form = self.best()
        self._probe(form, self.args.rates, "probe")
        if self.args.until == "rates":
            return
        self._train(form, RESERVE + self.args.control_seconds)
        self._control(form)
        self._published()

    def tell(self, text: str) -> None:
        """A line with the seconds since the start."""
        print(f"{self._spent():6.1f} s  {text}", file=sys.stderr, flush=True)

    def keep(self, name: str, found: Any) -> None:
        """Keep a result here and in the output."""
        self.known[name] = found
        for folder in {self.args.folder, self.output}:
            write_text(json.dumps(self.known, indent=1), folder / "sitting.json")

    def _spent(self) -> float:
        return time.perf_counter() - self.started

    def _forms(self) -> None:
        reference: dict[str, Any] = {}
        if "floor" not in self.known:
            self.keep("floor", forms.floor(self.sizes, self.device))
            self.tell(f"floor: {self.known['floor']}")
        for form in forms.FORMS:
            name = f"form {form}"
            if name in self.known or self._spent() > self.args.forms_seconds:
                continue
            if self.device.type == "cpu" and form.execution == "triton":
                continue
            try:
                found = forms.measure(self.sizes, form, self.device, reference)
            except Exception as error:  # one form that fails must not end the sitting
                found = {"failed": f"{type(error).__name__}: {error}"[:500]}
            self.keep(name, found)
            self.tell(f"{name}: {json.dumps(found)}")
            if self.device.type == "cuda":
                torch.cuda.empty_cache()

    def best(self) -> forms.Form:
        """The fastest form with `advect` that is right."""
        right = {}
        for form in forms.FORMS:
            found = self.known.get(f"form {form}", {"failed": ""})
            tolerance = forms.TOLERANCES[form.precision]
            if form.rollout != "advect" or "failed" in found:
                continue
            if found["prediction error"] < tolerance:
                right[form] = found["ms"]
        if not right:
            return forms.Form("fused", "tf32", "advect")
        return min(right, key=lambda form: right[form])

    def _others(self) -> None:
        """Spectra, where the time of two forms goes, and convolutions of rotations."""
        sizes, device = self.sizes, self.device
        measurements = {
            "spectra": lambda: dict(spectra.rows(sizes, device)),
            "profiles": lambda: {
                str(form): forms.profile(sizes, form, device)
                for form in forms.FORMS[:2]
            },
            "rotations": lambda: {
                row.what: row.value for row in rotation_rows(device, self.args.tiny)
            },
        }
        for name, measure in measurements.items():
            if name not in self.known:
                self.keep(name, measure())
                self.tell(f"{name}: {json.dumps(self.known[name])}")

    def _probe(self, form: forms.Form, rates: Sequence[float], name: str) -> None:
        if name not in self.known:
            where = self.args.folder, self.device
            found = training.probe(self.sizes, form, *where, rates)
            self.keep(name, {"form": str(form), "rates": found})
            self.tell(f"{name} {form}: {json.dumps(found)}")

    def _train(self, form: forms.Form, reserve: float, before: str = "") -> None:
        """Train and test; what is kept of another model has `before` in its names."""
        rates = self.known[f"{before}probe"]["rates"]
        output = self.output / before.strip()
        run, curve = f"{before}run", f"{before}curve"
        if run not in self.known:
            rate = min(rates, key=lambda each: rates[each]["error"])
            self._plan(form, float(rate), reserve, before)
        where = self.args.folder, self.device
        while curve not in self.known:
            steps, rate = self.known[run]["steps"], self.known[run]["rate"]
            self.tell(f"training {form}, rate {rate}, {steps} steps")
            try:
                how = self.sizes, form, *where, steps, rate, self._left(reserve)
                self.keep(curve, training.long_run(*how, output, self.tell))
            except Diverged as reason:
                self.tell(f"{reason}; again with half the rate")
                self._plan(form, rate / 2, reserve, before)
        if f"{before}test" not in self.known:
            self.keep(f"{before}test", training.test(self.sizes, *where, output))
            self.tell(f"{before}test: {json.dumps(self.known[f'{before}test'])}")

    def _plan(self, form: forms.Form, rate: float, reserve: float, before: str) -> None:
        """As many steps as the time that is left allows, and no more than the first."""
        paces = list(self.known[f"{before}probe"]["rates"].values())
        step = min(pace["step"] for pace in paces)
        validation = min(pace["validation"] for pace in paces)
        left = self._left(reserve) - training.EPOCHS * validation
        steps = max(training.EPOCHS, int(MARGIN * left / step))
        if before:
            steps = min(steps, self.known["run"]["steps"])
        self.keep(f"{before}run", {"form": str(form), "rate": rate, "steps": steps})

    def _control(self, form: forms.Form) -> None:
        """The G-RNN; its roll-out is `free`, since `advect` would stand still."""
        still = replace(form, rollout="free", max_speed=0)
        self._probe(still, [self.known["run"]["rate"]], "control probe")
        self._train(still, RESERVE / 2, "control ")

    def _published(self) -> None:
        """The published protocol, one network after the other, each to its end."""
        for name in published.MODELS:
            key = f"published {name}"
            found = self.known.get(key, {"step": 0, "steps": 1})
            if found["step"] < found["steps"]:
                left = self._left(RESERVE)
                if left <= 0:
                    self.tell(f"no time is left for {key}; a later sitting goes on")
                    return
                where = self.args.folder, self.device, left, self.tell
                found = published.instalment(name, self.sizes, *where)
                self.keep(key, found)
            if found["step"] == found["steps"] and f"{key} test" not in self.known:
                home = self.args.folder / "published" / name
                where = self.args.folder, self.device, home
                self.keep(f"{key} test", training.test(self.sizes, *where))
                self.tell(f"{key} test: {json.dumps(self.known[f'{key} test'])}")

    def _left(self, reserve: float) -> float:
        """Seconds for training."""
        return self.args.minutes * 60 - self._spent() - reserve


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    main()
