"""What must hold after any fault, once the same command has been run again."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import xarray as xr

from faults.flow import TRIALS, Flow
from labrun.spool import read_events
from labrun.tuning.study import ENDED, open_study

TIME = "processor_seconds"  # measured, so no two runs have the same


def require_undisturbed(flow: Flow, undisturbed: Flow) -> None:
    """Everything is as if there had been no fault.

    Cubes are equal to the bit, no trial is missing or double, no point is lost, and
    the tracker shows the points of the spools. That nothing was cleaned up by hand is
    so by construction: the same command was run again, and nothing else.
    """
    assert cubes(flow) == cubes(undisturbed)
    require_exact_trials(flow)
    assert points(flow) == points(undisturbed)
    done = flow.fernn("track", "--check")
    assert done.returncode == 0, done.stdout + done.stderr


def cubes(flow: Flow) -> dict[str, dict]:
    """Every value, coordinate and attribute of every cube but the lineage, as bytes."""
    folder = flow.path("cubes")
    return {
        str(path.relative_to(folder)): content(path)
        for path in sorted(folder.rglob("*.nc"))
    }


def content(path: Path) -> dict:
    """All that a cube tells; equal if and only if all bits are."""
    cube = xr.load_dataset(path)
    cube.attrs.pop("lineage")
    told: dict = {"attributes": str(sorted(cube.attrs.items()))}
    for name, variable in cube.variables.items():
        bits = variable.values.tobytes()
        if variable.dtype.kind == "O":
            bits = repr(variable.values.tolist()).encode()
        told[str(name)] = (variable.dims, variable.shape, str(variable.attrs), bits)
    return told


def require_exact_trials(flow: Flow) -> None:
    """As many trials as asked, each in its slot, and none that still runs."""
    for best in sorted(flow.path("studies").rglob("best.json")):
        slots = [trial["slot"] for trial in json.loads(best.read_text())["trials"]]
        assert slots == list(range(TRIALS))
        worker = json.loads((best.parent / "worker-0.json").read_text())
        copy = shutil.copy(best.parent / worker["journal"], flow.folder / "copy.log")
        trials = open_study(Path(copy)).get_trials()
        ended = [t.user_attrs["slot"] for t in trials if t.state in ENDED]
        assert sorted(ended) == list(range(TRIALS))
        states = Counter(trial.state.name for trial in trials)
        assert not states["RUNNING"] and not states["WAITING"], states


def points(flow: Flow) -> dict[str, set]:
    """The points of every run that was told, without doubles and measured times."""
    told: dict[str, set] = {}
    for spool in sorted(flow.path(".").rglob("*events.jsonl")):
        events = read_events(spool)[0]
        named = [event["key"] for event in events if event["event"] == "run"]
        run = "/".join(named[0].split("/")[:4]) if named else str(spool)
        for event in events:
            if event["event"] == "metrics":
                items = event["values"].items()
                found = told.setdefault(run, set())
                items = ((name, value) for name, value in items if TIME not in name)
                found |= {(event["step"], name, repr(value)) for name, value in items}
    return told
