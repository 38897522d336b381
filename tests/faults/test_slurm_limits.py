"""An administrator limits the jobs in the queue, of a real Slurm with its database.

The shipped profile runs through it. Needs root and Debian's packages.
"""

import re
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from faults.flow import LIMIT, Flow
from faults.slurm import RETRIED, ask, hindrance, on_slurm, running
from labrun.slurm_executor import FULL

MODEL = "results/tiny/runs/tiny/fernn_v1/{}/model.pt"
SEEDS = range(3)
RULES = ("train", "evaluate")
WAITS = "Slurm takes no more jobs into its queue"
JOB = ["--mem=10", "--output=/dev/null", "--wrap", "sleep 900"]

pytestmark = [
    pytest.mark.minutes,
    pytest.mark.skipif(
        bool(hindrance(accounting=True)), reason=hindrance(accounting=True) or "none"
    ),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with running(tmp_path_factory.mktemp("slurm"), "accounting") as made:
        yield made


@pytest.fixture
def flow(cluster, tuned, tmp_path):
    """With three models to train at once, on an account."""
    made = Flow(tmp_path / "flow", tuned)
    config = made.folder / "tiny.yaml"
    config.write_text(config.read_text().replace("seeds: [0]", f"seeds: {[*SEEDS]}"))
    with on_slurm(made, cluster):
        profile = made.folder / "slurm/profile.v9+.yaml"
        line = "# slurm_account: my_project"
        assert line in profile.read_text()
        profile.write_text(profile.read_text().replace(line, "slurm_account: lab"))
        yield made


@contextmanager
def limited(whose, name, value):
    """Within the block the limit holds."""
    modify = ["sacctmgr", "--immediate", "modify", *whose.split(), "set"]
    assert "Modified" in ask(*modify, f"{name}={value}")
    try:
        yield
    finally:
        ask(*modify, f"{name}=-1")


def submit(*options):
    return subprocess.run(
        ["sbatch", "--parsable", *options, *JOB], capture_output=True, text=True
    )


USER = "user root where account=lab"
LIMITS = {
    "AssocMaxSubmitJobLimit": (USER, "MaxSubmitJobs"),
    "AssocGrpSubmitJobsLimit": ("account lab", "GrpSubmitJobs"),
    "QOSMaxSubmitJobPerUserLimit": ("qos normal", "MaxSubmitJobsPerUser"),
    "MaxSubmitJobsPerAccount": ("qos normal", "MaxSubmitJobsPerAccount"),
    "QOSGrpSubmitJobsLimit": ("qos normal", "GrpSubmitJobs"),
}


def test_the_refusals_of_every_limit_are_known(cluster):
    """Two jobs are taken and the third is refused, at once; so is an array of three."""
    for limit, (whose, name) in LIMITS.items():
        with limited(whose, name, 2):
            array = submit("--array=1-3")
            taken, refused = [submit() for _ in range(2)], submit()
        assert not any(done.returncode for done in taken), taken
        for done in (array, refused):
            found = FULL.search(done.stderr)
            assert done.returncode == 1 and found and found[1] == limit, done
        cluster.clear()
    other = submit("--account=nobody")
    assert other.returncode == 1 and not FULL.search(other.stderr)


def waits(flow):
    """The limits that the log says it waits for, and no failure."""
    told = flow.log.read_text()
    assert RETRIED not in told
    return re.findall(rf"{WAITS} \((.*)\): waiting", told)


RUNS = {
    "AssocMaxSubmitJobLimit": 2,
    "MaxSubmitJobsPerAccount": 2,
    "none": 1,  # MaxJobs bounds those that run, and refuses none
}


@pytest.mark.parametrize("limit", RUNS)
def test_a_limited_run_makes_each_job_once(flow, cluster, limit):
    """Refused jobs are submitted once there is room; the log says once why it waits."""
    counted = "--states=RUNNING" if limit == "none" else "--states=PENDING,RUNNING"
    most = 0
    with limited(*LIMITS.get(limit, (USER, "MaxJobs")), RUNS[limit]):
        head = flow.start()
        while head.poll() is None:
            now = ask("squeue", "--noheader", counted, "--format=%A").split()
            most = max(most, len(now))
            time.sleep(0.5)
    assert head.returncode == 0, flow.told()
    told = waits(flow)
    assert told == [limit] * (limit != "none") and most == RUNS[limit]
    trainings, evaluations = (cluster.jobs(flow, rule) for rule in RULES)
    # The evaluations of a model are one job, and the baseline's are.
    assert len(trainings) == len(SEEDS) and len(evaluations) == 2
    made = [*trainings, *evaluations]
    assert {job["JobState"] for job in made} == {"COMPLETED"}
    assert len({job["Comment"] for job in made}) == len(made)


@contextmanager
def full(cluster):
    """Within the block the controller keeps one job at most, and has it."""
    assert submit().returncode == 0
    conf = Path(cluster.env["SLURM_TEST_STATE"], "fernn-test-slurm/slurm.conf")
    text = conf.read_text()

    def restart(words):
        conf.write_text(words)
        assert cluster.do("restart", "controller").returncode == 0

    restart(f"{text}MaxJobCount=1\n")
    try:
        yield
    finally:
        restart(text)


def test_a_full_controller_is_waited_for(flow, cluster):
    """sbatch tries again for two minutes, and fails then."""
    with full(cluster):
        head = flow.start(MODEL.format(0))
        flow.wait_until(lambda: WAITS in flow.log.read_text())
    assert head.wait(LIMIT) == 0, flow.told()
    assert waits(flow) == ["Resource temporarily unavailable"]
    assert [job["JobState"] for job in cluster.jobs(flow)] == ["COMPLETED"]


def test_a_submission_that_waits_for_the_controller_can_be_stopped(flow, cluster):
    with full(cluster):
        head = flow.start(MODEL.format(0))
        flow.wait_until(lambda: flow.pids("sbatch"))
        before = time.monotonic()
        head.send_signal(signal.SIGTERM)
        code = head.wait(60)
        print(f"SIGTERM: exit {code} after {time.monotonic() - before:.0f} s")
    assert code == 1 and not cluster.jobs(flow)
