"""Faults at random, every few seconds, until the same command has ended (F29)."""

import os
import random
import signal
import time
from contextlib import suppress

import pytest

from faults.damage import flip
from faults.flow import LIMIT, Flow
from faults.invariants import require_undisturbed

pytestmark = pytest.mark.minutes
SEEDS = int(os.environ.get("FERNN_FAULT_SEEDS", "20"))
FAULTS_OF_RUNS = 7  # then it may end
OTHER_FAULTS = 5


class Gremlin:
    """Injects faults into a flow, as a seed says.

    Args:
        flow: what is hit.
        seed: of the schedule; what a fault meets depends on the machine's speed.
    """

    def __init__(self, flow: Flow, seed: int):
        self.flow = flow
        self.random = random.Random(seed)
        self.left = {True: FAULTS_OF_RUNS, False: OTHER_FAULTS}
        self.done: list[str] = []

    def strike(self, head) -> None:
        """One fault; most are kept for when there is a run that saves and goes on."""
        runs = self.flow.pids("fernn", "train") or self.flow.pids("fernn", "tune")
        hit_run = bool(runs) and self.random.random() < 0.7
        kinds = RUNS if hit_run else OTHERS
        name = self.random.choice(sorted(kinds))
        with suppress(ProcessLookupError):  # it ended in that moment
            if self.left[hit_run] and kinds[name](self, head):
                self.left[hit_run] -= 1
                self.done.append(name)

    def kill(self, *words: str) -> bool:
        """SIGKILL one of these processes."""
        found = self.flow.pids(*words)
        if not found:
            return False
        os.kill(self.random.choice(found), signal.SIGKILL)
        return True

    def kill_other(self, head) -> bool:
        """A job that saves nothing on its way."""
        kinds = ["fetch", "synthesize", "select", "evaluate", "combine", "figure"]
        return any(self.kill("fernn", kind) for kind in [*kinds, "table", "trace"])

    def kill_run(self, head) -> bool:
        """SIGKILL what trains or tunes."""
        return self.kill("fernn", "train") or self.kill("fernn", "tune")

    def kill_head(self, head) -> bool:
        head.send_signal(signal.SIGKILL)
        head.wait()
        return True

    def second(self, head) -> bool:
        """The same command while the first lives; it is refused, unless that ends."""
        if not self.flow.path(".head.lease").exists():
            return False
        code = self.flow.run()
        assert code == 2 or head.poll() is not None, self.flow.told()
        return True

    def ask(self, head) -> bool:
        """SIGTERM to a run."""
        hit = self.flow.kill("fernn", "train", number=signal.SIGTERM)
        return bool(hit or self.flow.kill("fernn", "tune", number=signal.SIGTERM))

    def tear(self, head) -> bool:
        """A worker dies while it writes to the journal."""
        journals = [*self.flow.path("studies").rglob("*.journal")]
        if not journals or not self.kill("fernn", "tune"):
            return False
        if not self.flow.pids("fernn", "tune"):
            with journals[0].open("a") as file:
                file.write('{"op_code": 5, "worker')
        return True

    def rot(self, head) -> bool:
        """A bit of the newest state flips, and the run that needs it dies."""
        for kind, folder in (("train", "runs"), ("tune", "studies")):
            states = sorted(self.flow.path(folder).rglob("state-*.pt"))
            if states and self.kill("fernn", kind):
                if states[-1].exists():
                    flip(states[-1], self.random.randrange(100))
                return True
        return False

    def forget(self, head) -> bool:
        """The tracker's database is deleted."""
        database = self.flow.folder / "results/mlflow/mlflow.db"
        if not database.exists():
            return False
        database.unlink()
        return True

    def stop(self, head) -> bool:
        """A job hangs for some seconds."""
        found = self.flow.jobs()
        if not found:
            return False
        pid = self.random.choice(found)
        os.kill(pid, signal.SIGSTOP)
        time.sleep(self.random.uniform(1, 4))
        os.kill(pid, signal.SIGCONT)
        return True

    def interrupt(self, head) -> bool:
        """Ctrl-C."""
        os.killpg(head.pid, signal.SIGINT)
        return True


RUNS = {
    "SIGKILL run": Gremlin.kill_run,
    "SIGTERM run": Gremlin.ask,
    "SIGSTOP job": Gremlin.stop,
    "torn journal": Gremlin.tear,
    "flipped bit": Gremlin.rot,
}
OTHERS = {
    "SIGKILL job": Gremlin.kill_other,
    "SIGKILL head": Gremlin.kill_head,
    "SIGKILL syncer": lambda gremlin, head: gremlin.kill("fernn", "track"),
    "SIGINT": Gremlin.interrupt,
    "no database": Gremlin.forget,
    "second head": Gremlin.second,
}


@pytest.mark.parametrize("seed", range(SEEDS))
def test_f29_random_faults_until_done(make, undisturbed, seed):
    flow = make()
    gremlin, starts, end = Gremlin(flow, seed), 0, time.monotonic() + 2 * LIMIT
    code = None
    while code != 0:
        head, code = flow.start(), None
        starts += 1
        while code is None:
            assert time.monotonic() < end, flow.told()
            if any(gremlin.left.values()):
                time.sleep(gremlin.random.uniform(0.5, 6))
                if head.poll() is None:
                    gremlin.strike(head)
            time.sleep(0.05)
            code = head.poll()
    print(f"seed {seed}: {len(gremlin.done)} faults, {starts} starts: {gremlin.done}")
    require_undisturbed(flow, undisturbed)
