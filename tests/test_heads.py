"""One head runs a budget; one that is dead is cleared away by the next, nothing else.

Slurm's commands are scripts here that keep the queue in a file; `make test-slurm` runs
the real ones.
"""

import json
import os
import re
import time
from dataclasses import asdict, replace

import pytest

from labrun import lease, processes
from labrun.controller import jobs, record
from labrun.errors import UserError

UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
SQUEUE = """#!/bin/sh
cat "$(dirname "$0")/queue"
"""
SCANCEL = """#!/bin/sh
cd "$(dirname "$0")"
echo "$@" >> cancelled
for job in "$@"; do sed -i "s/^$job|RUNNING/$job|CANCELLED/; /^$job|P/d" queue; done
"""


@pytest.fixture
def results(tmp_path):
    (tmp_path / "results").mkdir()
    return tmp_path / "results"


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """A folder with Slurm's commands, and its queue."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, script in {"squeue": SQUEUE, "scancel": SCANCEL}.items():
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
    (folder / "queue").write_text("")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(jobs, "LOOK", 0.01)
    return folder


def lock(results, name, *lines):
    folder = results.parent / ".snakemake/locks"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder / name


def write_lease(path, **changes):
    path.parent.mkdir(parents=True, exist_ok=True)
    about = replace(lease.Lease(path, "snakemake").about, **changes)
    path.write_text(json.dumps(asdict(about)))
    return about


def test_a_living_head_is_named_and_nothing_is_cleared(results):
    path = record.path_of(results, "demo")
    write_lease(path)
    kept = lock(results, "0.output.lock", "results/demo/a.nc")
    with pytest.raises(UserError) as refusal:
        record.begin(results, "demo", os.getpid(), print)
    words = (
        rf"demo is already run by \S+ pid {os.getpid()} since 20\d\d-.*; wait for it"
    )
    assert re.match(words, str(refusal.value))
    assert kept.exists()


def test_a_dead_head_is_replaced_and_only_its_own_is_cleared(results, slurm, dead):
    path, told = record.path_of(results, "demo"), []
    write_lease(path, pid=dead, started="1", host="login1")
    own = lock(results, "0.output.lock", "results/demo/a.nc", "results/demo/b.nc")
    lock(results, "0.input.lock", "src/figure.py", "results/demo/a.nc")
    other = lock(results, "1.output.lock", "results/demo-2/a.nc")
    name = jobs.prefix(results, "demo")
    queue = [
        f"11|RUNNING|{name}_{UUID}",
        f"12|PENDING|{name}_{UUID}",
        f"13|COMPLETED|{name}_{UUID}",
        f"14|RUNNING|{name}-2_{UUID}",
        "15|RUNNING|mine",
    ]
    (slurm / "queue").write_text("\n".join(queue) + "\n")
    assert record.begin(results, "demo", os.getpid(), told.append) == name
    words = f"the last run, login1 pid {dead}, died: Slurm job(s) 11, 12 cancelled"
    assert told == [f"demo: {words}, 2 lock(s) removed"]
    assert (slurm / "cancelled").read_text().splitlines()[0] == "11 12"
    assert "13" not in (slurm / "cancelled").read_text()
    assert other.exists() and not own.exists()
    assert lease.holder(path).pid == os.getpid()
    with pytest.raises(UserError):  # now there is a living one
        record.begin(results, "demo", os.getpid(), print)
    record.begin(results, "demo-2", os.getpid(), print)  # of another budget


def test_jobs_that_do_not_end_are_told(results, slurm):
    name = jobs.prefix(results, "demo")
    (slurm / "queue").write_text(f"7|SUSPENDED|{name}_{UUID}\n")
    assert jobs.cancel(name, patience=0.05) == ([], ["7"])


def test_a_slurm_that_does_not_answer_stops_no_run(results, slurm):
    (slurm / "squeue").write_text("#!/bin/sh\nexit 1\n")
    assert jobs.living(jobs.prefix(results, "demo")) is None
    record.begin(results, "demo", os.getpid(), print)


def test_names_of_jobs_suit_the_plugin_and_tell_budgets_apart(results):
    names = [jobs.prefix(results, "b" * 60 + end) for end in "xy"]
    names += [jobs.prefix(results, name) for name in ("demo", "mnist-small")]
    assert len(set(names)) == 4
    assert all(re.fullmatch("[A-Za-z0-9_-]{1,50}", name) for name in names)


def test_a_silent_head_elsewhere_is_dead_and_one_that_shows_signs_lives(
    results, monkeypatch
):
    monkeypatch.setattr(lease, "LOOK", 0.05)
    path, told = record.path_of(results, "demo"), []
    about = write_lease(path, place="elsewhere", host="login2", pid=7)

    def touch(line):
        told.append(line)
        os.utime(path, (time.time() + 1, time.time() + 1))

    with pytest.raises(UserError, match="run by login2 pid 7"):
        record.begin(results, "demo", os.getpid(), touch)
    assert "is it alive?" in told[0]
    old = time.time() - lease.EXPIRE - 1
    os.utime(path, (old, old))
    record.begin(results, "demo", os.getpid(), told.append)
    assert lease.read(path).token != about.token


def test_the_tracker_shows_the_signs_of_its_head_alone(results, monkeypatch, dead):
    monkeypatch.setattr(lease, "TOUCH", 0.02)
    path = record.path_of(results, "demo")
    write_lease(path)
    for pid, signs in ((os.getpid(), True), (dead, False)):
        os.utime(path, (1, 1))
        with record.kept(path, pid):
            time.sleep(0.2)
        assert (path.stat().st_mtime > 1) == signs
    started = processes.started(os.getpid())
    about = write_lease(path, pid=dead, started=started, place=processes.place())
    with record.kept(path, dead):
        pass
    assert path.stat().st_mtime == 0 and lease.read(path) == about
