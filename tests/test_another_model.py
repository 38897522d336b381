"""A training script that is not ours, through the same workflow: killed, continued."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples/another_model"
RESULTS = "demo/study/best.json demo/test.json demo/runs/seed-0/model.pt".split()
MADE = ("lineage", "checksum")


def start(folder: Path, *targets: str) -> subprocess.Popen:
    """The command of the README, as the leader of a process group."""
    shutil.copytree(EXAMPLE, folder / "example", dirs_exist_ok=True)
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--nolock"]
    command += ["--rerun-incomplete", "--snakefile", "example/Snakefile", *targets]
    own = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": own, "PYTHONPATH": str(ROOT / "src")}
    with (folder / "log").open("a") as log:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def finish(folder: Path, *targets: str) -> None:
    """Run the command to its end."""
    assert start(folder, *targets).wait(600) == 0, (folder / "log").read_text()


def contents(folder: Path) -> dict[str, Any]:
    """The results; of records what they say, not what they were made from.

    The file of a worker says which slots it filled itself, so its hash may differ.
    """
    found: dict[str, Any] = {}
    for name in RESULTS:
        content = (folder / "results" / name).read_bytes()
        if name.endswith(".json"):
            content = json.loads(content)
            content = {k: v for k, v in content.items() if k not in MADE}
        found[name] = content
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A workflow that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    finish(folder)
    return folder


def kill_in(folder: Path, states: str) -> str:
    """Run and kill everything once states of a run are saved; the last state's name."""
    process = start(folder)
    saved: list[Path] = []
    end = time.monotonic() + 500
    while len(saved) < 2 and process.poll() is None and time.monotonic() < end:
        saved = sorted((folder / "results/demo").glob(f"{states}/state-*.pt"))
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, (folder / "log").read_text()
    return saved[-1].name


def first_step_of_second_attempt(folder: Path) -> int:
    """The first epoch that the continuation trained itself."""
    (spool,) = folder.glob("*.events.jsonl")
    events = [json.loads(line) for line in spool.read_text().splitlines()]
    begins = [i for i, event in enumerate(events) if event["event"] == "run"]
    assert len(begins) == 2
    return next(e["step"] for e in events[begins[1] :] if e["event"] == "metrics")


@pytest.mark.parametrize(
    "states",
    ["study/trials/trial-01", pytest.param("runs/seed-0", marks=pytest.mark.minutes)],
)
def test_killed_and_continued_equals_uninterrupted(whole, tmp_path, states):
    last = kill_in(tmp_path, states)
    assert last < "state-000000030.pt"  # it had epochs to go
    assert not (tmp_path / "results/demo/test.json").exists()
    finish(tmp_path, "results/demo/test.json")  # all but the tracker
    assert contents(tmp_path) == contents(whole)
    best = contents(tmp_path)["demo/study/best.json"]
    assert [trial["slot"] for trial in best["trials"]] == [0, 1, 2]
    assert first_step_of_second_attempt(tmp_path / "results/demo" / states) > 2


def test_the_tracker_shows_each_run_once_with_all_its_points(whole):
    runs = json.loads((whole / "results/demo/runs.json").read_text())["runs"]
    names = sorted(key.split("/")[3] for key in runs)
    assert names == ["seed-0", "seeds", "trial-00", "trial-01", "trial-02"]
    assert runs[next(key for key in runs if "seed-0" in key)] == 2 * 30


def test_it_imports_the_engine_alone():
    for path in EXAMPLE.glob("*.py"):
        assert "fernn" not in path.read_text()
    assert len((EXAMPLE / "Snakefile").read_text().splitlines()) <= 60
