"""What a Slurm does to jobs, done to them on a real one of two nodes.

The shipped profile trains a model on it; what follows is made without Slurm, and all of
it is compared with a run that nothing disturbed. Needs root and Debian's packages.
"""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from faults.commands import last_step
from faults.flow import EPOCH, LIMIT, STEPS, Flow
from faults.invariants import require_undisturbed
from faults.slurm import RETRIED, ask, hindrance, on_slurm, running
from labrun.spool import read_events

RUN = "runs/tiny/fernn_v1/0"
STUDY = "studies/tiny/fernn_v1"
MODEL = f"results/tiny/{RUN}/model.pt"

pytestmark = [
    pytest.mark.minutes,
    pytest.mark.skipif(bool(hindrance()), reason=hindrance() or "none"),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with running(tmp_path_factory.mktemp("slurm")) as made:
        yield made


@pytest.fixture
def flow(cluster, tuned, tmp_path):
    with on_slurm(Flow(tmp_path / "flow", tuned), cluster) as made:
        yield made


def start_training(flow, *options):
    """Start the command, and wait until its job trains."""
    head = flow.start(MODEL, *options)
    flow.wait_until(lambda: head.poll() is not None or at_step(flow) > EPOCH + 5)
    assert head.poll() is None, flow.told()
    return head


def at_step(flow):
    return last_step(flow.path(RUN))


def events(folder):
    """What the spool of a run tells."""
    (spool,) = folder.glob("*events.jsonl")
    return read_events(spool)[0]


def repeated(folder):
    """Steps that were made twice; every tenth is told."""
    told = [event for event in events(folder) if event["event"] == "metrics"]
    steps = [event["step"] for event in told if "train/batch_loss" in event["values"]]
    return 10 * (len(steps) - len({*steps}))


def attempts(flow):
    """Slurm's number and node of each attempt at the training."""
    told = events(flow.path(RUN))
    tags = [event["tags"] for event in told if event["event"] == "run"]
    assert [int(tag["attempt"]) for tag in tags] == list(range(1, 1 + len(tags)))
    return [(tag["slurm_job_id"], tag["node"]) for tag in tags]


@contextmanager
def held(flow):
    """Within the block the training stands still, unless Slurm wakes it to end it."""
    assert len(flow.kill("fernn", "train", number=signal.SIGSTOP)) == 1
    try:
        yield
    finally:
        flow.kill("fernn", "train", number=signal.SIGCONT)


def require_as_if_nothing_was(flow, undisturbed):
    """The model is equal; so is all that is made of it, and the tracker has it."""
    made = flow.folder / MODEL
    assert made.read_bytes() == (undisturbed.folder / MODEL).read_bytes()
    flow.options = ["--configfile", "tiny.yaml", "--cores", "2"]
    flow.finish()
    require_undisturbed(flow, undisturbed)


def test_f4_a_time_limit(flow, cluster, undisturbed):
    """Two minutes are too short: saved before, continued under the same number."""
    head = start_training(flow, "--set-resources", "train:runtime=2")
    log = flow.path("logs/train/tiny.fernn_v1.0.log")
    with held(flow):
        flow.wait_until(lambda: cluster.jobs(flow)[0]["RunTime"] >= "00:01:54", 240)
    flow.wait_until(lambda: not flow.pids("fernn", "train"), 60)
    told = log.read_text()
    assert "the time limit: saved and stopped" in told
    assert "Slurm starts it again" in told and at_step(flow) < STEPS
    assert head.wait(LIMIT) == 0, flow.told()
    (job,) = cluster.jobs(flow)
    assert {number for number, _ in attempts(flow)} == {job["JobId"]}
    slices = len(attempts(flow))
    assert slices > 1 and int(job["Restarts"]) == slices - 1
    assert RETRIED not in flow.told()
    assert repeated(flow.path(RUN)) == 0
    print(f"F4: {slices} slices")
    require_as_if_nothing_was(flow, undisturbed)


@pytest.mark.parametrize("how", ["crash", "kill"])
def test_f2_a_node_dies(flow, cluster, undisturbed, how):
    """Slurm starts the job again on the other node; alone or beside its orphan."""
    head = start_training(flow)
    node = cluster.jobs(flow)[0]["NodeList"]
    before = time.monotonic()
    with held(flow):  # what lives on unseen does so until Slurm misses the node
        assert cluster.do(how, node).returncode == 0
        flow.wait_until(lambda: cluster.jobs(flow)[0]["JobState"] != "RUNNING", 120)
    print(f"F2 {how}: noticed after {time.monotonic() - before:.0f} s")
    assert head.wait(LIMIT) == 0, flow.told()
    (job,) = cluster.jobs(flow)
    (first, *_), last = attempts(flow), attempts(flow)[-1]
    assert first[0] == last[0] == job["JobId"] and job["Restarts"] == "1"
    assert first[1] == node != last[1] and RETRIED not in flow.told()
    lost = repeated(flow.path(RUN))
    assert lost <= (EPOCH if how == "crash" else 0)
    print(f"F2 {how}: {lost} steps lost, attempts {attempts(flow)}")
    require_as_if_nothing_was(flow, undisturbed)


LIAR = """#!/bin/sh
# Lies about the jobs of Snakemake's question, as long as the file `lies` is there.
case "$*" in
*%i\\|%T*) [ -e {folder}/lies ] && {{ {squeue} "$@" | sed {rule!r}; exit; }} ;;
esac
exec {squeue} "$@"
"""


def install_liar(flow, rule):
    """Put a squeue before the real one, which edits its answers with sed."""
    folder = flow.folder / "lying"
    folder.mkdir()
    liar = folder / "squeue"
    squeue = shutil.which("squeue")
    liar.write_text(LIAR.format(folder=folder, squeue=squeue, rule=rule))
    liar.chmod(0o755)
    flow.env["PATH"] = f"{folder}{os.pathsep}{flow.env['PATH']}"
    return folder / "lies"


@pytest.mark.parametrize("state", ["UNKNOWN", "COMPLETED"])
def test_f23_a_job_is_said_to_be_over(flow, cluster, undisturbed, state):
    """Without its output it does not count as done; nor do two write at a time."""
    lies = install_liar(flow, f"s/|.*/|{state}/")
    head = start_training(flow, "--latency-wait", "5")
    lies.touch()
    with held(flow):
        assert head.wait(240) == 1
        assert "MissingOutputException" in flow.told() and flow.pids("fernn", "train")
        assert not (flow.folder / MODEL).exists()
        lies.unlink()
        assert flow.run(MODEL) == 0, flow.told()
    jobs = cluster.jobs(flow)
    assert repeated(flow.path(RUN)) == 0
    print(f"F23 {state}: {[*map(said, jobs)]}, attempts {attempts(flow)}")
    require_as_if_nothing_was(flow, undisturbed)


def test_f23_a_job_is_never_listed(flow, cluster, undisturbed):
    """Snakemake waits for ever for a job that Slurm forgot; Ctrl-C, and again."""
    lies = install_liar(flow, "d")
    head = start_training(flow)
    lies.touch()
    flow.wait_until(lambda: cluster.jobs(flow)[0]["JobState"] == "COMPLETED")
    made = (flow.folder / MODEL).stat().st_mtime_ns
    with pytest.raises(subprocess.TimeoutExpired):
        head.wait(90)
    before = time.monotonic()
    os.killpg(head.pid, signal.SIGINT)
    code = head.wait(240)
    print(f"F23 hidden: exit {code} {time.monotonic() - before:.0f} s after Ctrl-C")
    assert code and not cluster.living()
    lies.unlink()
    assert flow.run(MODEL) == 0, flow.told()
    again = (flow.folder / MODEL).stat().st_mtime_ns != made
    print(f"F23 hidden: written again: {again}, attempts {attempts(flow)}")
    require_as_if_nothing_was(flow, undisturbed)


def test_f30_the_controller_is_away(flow, cluster, undisturbed):
    """For half a minute, in which the job ends; it is waited for, and is told."""
    head = start_training(flow)
    assert cluster.do("kill", "controller").returncode == 0
    flow.wait_until(lambda: AWAY in flow.log.read_text())
    time.sleep(30)
    assert (flow.folder / MODEL).exists() and head.poll() is None
    assert cluster.do("revive", "controller").returncode == 0
    before = time.monotonic()
    assert head.wait(LIMIT) == 0, flow.told()
    print(f"F30: over {time.monotonic() - before:.0f} s after it was back")
    require_told_and_one_job(flow, cluster, undisturbed)


def test_f30_squeue_fails_for_a_while(flow, cluster, undisturbed):
    """For 15 s, as under load: five times in a second is enough to the plugin."""
    fails = install_liar(flow, "Q1")  # no answer, exit code 1
    head = start_training(flow)
    fails.touch()
    flow.wait_until(lambda: AWAY in flow.log.read_text())
    time.sleep(15)
    fails.unlink()
    before = time.monotonic()
    assert head.wait(LIMIT) == 0, flow.told()
    print(f"F30 squeue: over {time.monotonic() - before:.0f} s after it was back")
    require_told_and_one_job(flow, cluster, undisturbed)


AWAY, BACK = "Slurm does not answer: waiting", "Slurm answers again"


def require_told_and_one_job(flow, cluster, undisturbed):
    told = flow.log.read_text()
    print("\n".join(line for line in told.splitlines() if "Slurm" in line))
    assert told.count(AWAY) == told.count(BACK) == 1 and RETRIED not in told
    (job,) = cluster.jobs(flow)
    assert said(job) == "COMPLETED" and repeated(flow.path(RUN)) == 0
    require_as_if_nothing_was(flow, undisturbed)


def test_f30_jobs_are_submitted_once_the_controller_is_back(flow, cluster, undisturbed):
    """A submission that fails would use up a retry."""
    assert cluster.do("kill", "controller").returncode == 0
    head = flow.start(MODEL)
    flow.wait_until(lambda: AWAY in flow.log.read_text())
    time.sleep(15)
    assert cluster.do("revive", "controller").returncode == 0
    assert head.wait(LIMIT) == 0, flow.told()
    require_told_and_one_job(flow, cluster, undisturbed)


def test_f30_stopped_while_the_controller_is_away(flow, cluster, undisturbed):
    """Ends at once; the same command finds the job that it could not cancel."""
    head = start_training(flow)
    with held(flow):
        assert cluster.do("kill", "controller").returncode == 0
        flow.wait_until(lambda: AWAY in flow.log.read_text())
        before = time.monotonic()
        head.send_signal(signal.SIGTERM)
        code = head.wait(60)
        print(f"F30 SIGTERM: exit {code} after {time.monotonic() - before:.0f} s")
        told = flow.log.read_text()
        kept = "1 Slurm job(s) continue, Slurm does not cancel them"
        assert code == 1 and kept in told
        assert cluster.do("revive", "controller").returncode == 0
        flow.wait_until(cluster.living, 60)
    assert flow.run(MODEL) == 0, flow.told()
    assert said(cluster.jobs(flow)[-1]) == "COMPLETED"
    assert repeated(flow.path(RUN)) == 0
    require_as_if_nothing_was(flow, undisturbed)


def test_a_partition_too_short_is_told_at_the_start(flow, cluster):
    """Slurm takes such jobs, and never starts them."""
    ask("scontrol", "update", "PartitionName=gpu", "MaxTime=5")
    try:
        assert flow.run(MODEL) == 2
    finally:
        ask("scontrol", "update", "PartitionName=gpu", "MaxTime=INFINITE")
    told = flow.log.read_text().splitlines()
    (line,) = [line for line in told if "Slurm would never start" in line]
    print(line)
    assert "partition gpu allows 5 minutes, its jobs ask: train for 720" in line
    assert not cluster.jobs(flow)


def test_f3_preemption(flow, cluster, undisturbed):
    """Somebody more important wants the nodes: saved, and continued after them."""
    head = start_training(flow, "--set-resources", "train:slurm_partition=spare")
    log = flow.path("logs/train/tiny.fernn_v1.0.log")
    important = ["--partition=gpu", "--nodes=2", "--exclusive", "--output=/dev/null"]
    with held(flow):
        assert ask("sbatch", *important, "--wrap", "sleep 5")
        flow.wait_until(lambda: cluster.jobs(flow)[0]["PreemptTime"] != "None", 60)
    flow.wait_until(lambda: not flow.pids("fernn", "train"), 60)
    told = log.read_text()
    assert "SIGTERM: saved and stopped" in told and "Slurm starts it again" in told
    assert head.wait(LIMIT) == 0, flow.told()
    (job,) = cluster.jobs(flow)
    assert {number for number, _ in attempts(flow)} == {job["JobId"]}
    assert len(attempts(flow)) == 2 and job["Restarts"] == "1"
    assert RETRIED not in flow.told()
    assert repeated(flow.path(RUN)) == 0
    require_as_if_nothing_was(flow, undisturbed)


def test_f5_out_of_memory(flow, cluster, undisturbed):
    """Slurm kills the job; it is repeated with twice the memory."""
    memory = "train:mem_mb=300*2**(attempt-1)"
    assert flow.run(MODEL, "--set-resources", memory) == 0, flow.told()
    jobs = cluster.jobs(flow)
    sizes = [job["MinMemoryNode"] for job in jobs]
    assert len(jobs) > 1 and sizes == ["300M", "600M", "1200M"][: len(jobs)]
    assert [job["JobState"] for job in jobs[:-1]] == ["FAILED"] * (len(jobs) - 1)
    logs = (flow.folder / "results/slurm-logs").rglob("*.log")
    assert any("exceeded memory limit" in log.read_text() for log in logs)
    print(f"F5: passed with {sizes[-1]}, {len(attempts(flow))} attempts of training")
    require_as_if_nothing_was(flow, undisturbed)


def test_f14_a_head_dies(flow, cluster, undisturbed):
    """One of its jobs runs and one waits; the same command cancels them and goes on."""
    shutil.rmtree(flow.path("studies"))
    hog = ["--gpus=2", "--nodes=1", "--mem=100", "--output=/dev/null"]
    assert ask("sbatch", *hog, "--wrap", "sleep 600")
    (other,) = cluster.living()
    head, trial = flow.start(), flow.path(STUDY) / "trials/trial-00"
    flow.wait_until(lambda: last_step(trial) > EPOCH + 5)
    assert [*map(said, cluster.jobs(flow, "tune"))] == ["RUNNING", "PENDING"]
    os.killpg(head.pid, signal.SIGKILL)
    head.wait()
    ask("scancel", other)
    flow.finish()
    jobs = cluster.jobs(flow, "tune")
    assert [*map(said, jobs)] == ["CANCELLED"] * 2 + ["COMPLETED"] * 2
    trials = flow.path(STUDY).glob("trials/*")
    assert sum(map(repeated, trials)) == 0
    require_as_if_nothing_was(flow, undisturbed)


def said(job):
    return job["JobState"]


def test_f19_a_late_directory_listing(flow, cluster, undisturbed, tmp_path):
    """The head sees files of the nodes 20 s late, as on a shared disk."""
    runs, seen = flow.path("runs"), tmp_path / "seen"
    for folder in (runs, seen):
        folder.mkdir(exist_ok=True)
    command = shlex.join([sys.executable, "-m", "snakemake", *flow.options, MODEL])
    bound = f"mount --bind {seen} {runs} && exec {command}"
    log, over = flow.folder / "late.log", threading.Event()
    mirror = threading.Thread(target=mirrored, args=(runs, seen, 20, over))
    mirror.start()
    try:
        with log.open("w") as stream:
            done = subprocess.run(
                ["unshare", "--mount", "sh", "-c", bound],
                cwd=flow.folder,
                env=flow.env,
                stdout=stream,
                stderr=subprocess.STDOUT,
                timeout=LIMIT,
            )
        assert done.returncode == 0, log.read_text() + flow.told()
        shown = seen.joinpath(*Path(RUN).parts[1:], "model.pt").stat().st_ctime
        print(f"F19: seen {shown - (flow.folder / MODEL).stat().st_ctime:.0f} s late")
    finally:
        over.set()
        mirror.join()
    assert len(cluster.jobs(flow)) == 1 == len(attempts(flow))
    assert RETRIED not in log.read_text()
    require_as_if_nothing_was(flow, undisturbed)


def mirrored(folder, seen, delay, over):
    """Show files in another folder some seconds after they were made or moved there."""
    while not over.wait(0.5):
        for path in folder.rglob("*"):
            with suppress(FileNotFoundError):
                if path.is_file() and path.stat().st_ctime < time.time() - delay:
                    copy = seen / path.relative_to(folder)
                    if copy.exists() and copy.stat().st_mtime >= path.stat().st_mtime:
                        continue
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(path, copy)


def test_a_job_is_cancelled_by_somebody(flow, cluster, undisturbed):
    """Saved, and repeated by Snakemake as a failure."""
    head = start_training(flow)
    (job,) = cluster.jobs(flow)
    with held(flow):
        ask("scancel", job["JobId"])
    flow.wait_until(lambda: not flow.pids("fernn", "train"), 60)
    assert head.wait(LIMIT) == 0, flow.told()
    assert [*map(said, cluster.jobs(flow))] == ["CANCELLED", "COMPLETED"]
    assert RETRIED in flow.told() and len(attempts(flow)) == 2
    assert repeated(flow.path(RUN)) == 0
    require_as_if_nothing_was(flow, undisturbed)


def test_f28_ctrl_c_cancels_the_jobs(flow, cluster, undisturbed):
    head = start_training(flow)
    with held(flow):
        before = time.monotonic()
        os.killpg(head.pid, signal.SIGINT)
        flow.wait_until(lambda: not cluster.living(), 60)
        cancelled = time.monotonic() - before
    assert head.wait(240) and not (flow.folder / MODEL).exists()
    back = time.monotonic() - before
    print(f"F28: no job after {cancelled:.0f} s, back after {back:.0f} s")
    assert flow.run(MODEL) == 0, flow.told()
    assert [*map(said, cluster.jobs(flow))] == ["CANCELLED", "COMPLETED"]
    assert repeated(flow.path(RUN)) == 0
    require_as_if_nothing_was(flow, undisturbed)


@pytest.mark.parametrize("state", ["RUNNING", "PENDING"])
def test_f28_sigterm_cancels_the_jobs(flow, cluster, undisturbed, state):
    """To Snakemake alone; it does not wait for a job that cannot start."""
    if state == "RUNNING":
        head = start_training(flow)
    else:
        ask("scontrol", "update", "PartitionName=gpu", "State=DOWN")
        head = flow.start(MODEL)
        flow.wait_until(lambda: [*map(said, cluster.jobs(flow))] == [state])
    before = time.monotonic()
    head.send_signal(signal.SIGTERM)
    code = head.wait(60)
    print(f"F28 SIGTERM {state}: exit {code} after {time.monotonic() - before:.0f} s")
    flow.wait_until(lambda: not cluster.living(), 60)
    ask("scontrol", "update", "PartitionName=gpu", "State=UP")
    assert code == 1 and "1 Slurm job(s) cancelled" in flow.log.read_text()
    assert not flow.path(".head.lease").exists()
    assert flow.run(MODEL) == 0, flow.told()
    assert [*map(said, cluster.jobs(flow))] == ["CANCELLED", "COMPLETED"]
    assert repeated(flow.path(RUN)) == 0
    require_as_if_nothing_was(flow, undisturbed)


def submit(flow, *options):
    """Submit a head that trains the model; its number and its log."""
    done = flow.fernn("submit", "--mem=2G", *options, "--", *flow.options, MODEL)
    assert done.returncode == 0, done.stderr
    (number,) = re.findall(r"^job (\d+) runs it", done.stdout)
    return number, flow.folder / f"results/head-{number}.log"


def test_a_submitted_head_outlives_its_time_limit_and_a_kill(
    flow, cluster, undisturbed
):
    """A minute is too short for it: its job saves, and Slurm starts both again."""
    number, log = submit(flow, "--time=1")
    again = flow.fernn("submit", "--", *flow.options, MODEL)
    assert again.returncode == 2 and f"fernn: job {number}" in again.stderr
    flow.wait_until(lambda: at_step(flow) > EPOCH + 5)
    with held(flow):
        flow.wait_until(lambda: "Slurm starts the head again" in log.read_text(), 120)
    ask("scontrol", "update", f"JobId={number}", "TimeLimit=30", "StartTime=now")
    flow.wait_until(lambda: log.read_text().count("continues: ") == 2)
    flow.wait_until(lambda: flow.pids("fernn", "train"))
    with held(flow):
        (head,) = flow.pids("-m", "labrun.head_job")
        os.kill(int(ask("pgrep", "--parent", str(head))), signal.SIGKILL)
        flow.wait_until(lambda: "the last run, " in log.read_text(), 60)
    followed = flow.fernn("submit", "--follow", number)
    assert followed.stdout == log.read_text()
    assert followed.stdout.endswith("the head ended with exit code 0\n")
    assert "killed by SIGKILL; it is started again" in followed.stdout
    assert repeated(flow.path(RUN)) == 0
    require_as_if_nothing_was(flow, undisturbed)


def test_a_submitted_head_is_cancelled_with_its_jobs(flow, cluster, undisturbed):
    number, log = submit(flow)
    flow.wait_until(lambda: at_step(flow) > EPOCH + 5)
    done = flow.fernn("submit", "--cancel")
    assert done.stdout == f"job {number} is cancelled\n"
    flow.wait_until(lambda: not cluster.living(), 60)
    assert at_step(flow) < STEPS and "starts the head again" not in log.read_text()
    none = flow.fernn("submit", "--follow")
    assert none.stderr == "fernn: no head of this folder is in Slurm\n"
    assert flow.run(MODEL) == 0, flow.told()
    assert repeated(flow.path(RUN)) == 0
    require_as_if_nothing_was(flow, undisturbed)
