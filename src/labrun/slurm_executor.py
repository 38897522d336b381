"""Snakemake's executor for Slurm, made patient and prompt; tried with version 2.8.

The workflow puts it in the place of the plugin's own, whose options it keeps. What it
adds: it waits for a controller that is away and for room in a queue that is limited,
refuses jobs that their partition would never start, and ends within seconds when it is
stopped.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import signal
import threading
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, NoReturn

import psutil
import snakemake_executor_plugin_slurm as plugin
from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.jobs import JobExecutorInterface

from labrun.commands import run_command
from labrun.slurm import minutes

ANSWER = 60.0  # seconds for a ping; Slurm itself gives up after ten per controller
LOOK = 5.0  # seconds between two pings of a controller that is away
AGAIN = 30.0  # seconds at most from a question without an answer to the next
ROOM = 30.0  # seconds until a job that the queue had no room for is submitted again
# What sbatch says where an administrator limits the jobs in the queue: those of a user,
# account or QOS (MaxSubmitJobs), or all (MaxJobCount; it says so after two minutes, in
# which it tries again itself).
FULL = re.compile(
    r"sbatch: error: (?:Batch job submission failed: )?"
    r"(\w*SubmitJob\w*|Resource temporarily unavailable)"
)
SOON = 10.0  # seconds that a submission under way has once the run is to end
TICK = 0.5  # seconds until a sleeping run sees that it is to end


class Executor(plugin.Executor):
    """Keeps its own list of jobs in flight: submitted, and not reported as ended.

    The plugin forgets all jobs in flight when its questions fail, which five of them do
    within a second, and then waits for nothing, for ever.
    """

    workflow: Any  # Snakemake's own, which have more than the plugin's interface
    logger: Any

    def __init__(self, workflow: Any, logger: Any) -> None:
        # The plugin starts a thread that uses these.
        self._flight: dict[str | None, SubmittedJobInfo] = {}
        self._outage = Outage(logger.warning)
        self._ended = threading.Event()
        self._submission = Submission()
        self._crowded = False
        super().__init__(workflow, logger)

    def __post_init__(self, test_mode: bool = False) -> None:
        """Refuse jobs that would never start.

        Raises:
            SystemExit: with code 2, after a line that says why.
        """
        super().__post_init__(test_mode)
        try:
            allowed = limits()
        except Unknown as reason:
            unknown = f"whether partitions allow the jobs' runtimes: {reason}"
            self.logger.warning(f"Slurm does not say {unknown}")
            return
        if beyond := too_long(self._asked(), allowed):
            way = "shorter runtimes under set-resources, see slurm/README.md"
            self.logger.error(f"Slurm would never start all jobs: {beyond}; {way}")
            raise SystemExit(2)

    def _asked(self) -> Iterator[tuple[str, str, float]]:
        for job in self.workflow.dag.needrun_jobs():
            runtime = job.resources.get("runtime")
            if not job.is_local and isinstance(runtime, int | float):
                option = shlex.split(self.get_partition_arg(job))
                yield job.rule.name, option[-1] if option else "", runtime

    def run_jobs(self, jobs: list[JobExecutorInterface]) -> None:
        """Submit jobs, soon."""
        sigterm_like_ctrl_c(self.workflow.scheduler.exit_gracefully)
        super().run_jobs(jobs)

    def run_job(self, job: JobExecutorInterface) -> None:
        """Submit a job, once the controller answers and the queue has room for it.

        A failure would use up a retry.
        """
        while self._answers():
            self._submission.limit = ""
            super().run_job(job)
            if not self._submission.limit:
                return
            self._tell_crowded(self._submission.limit)
            if self._ended.wait(ROOM):
                return

    def _report_job_error_threadsafe(
        self, job_info: SubmittedJobInfo, msg: str, **kwargs: Any
    ) -> None:
        """The plugin's report of a failed submission; a full queue is no failure."""
        full = FULL.search(msg)
        if full:
            self._submission.limit = full[1]
        else:
            super()._report_job_error_threadsafe(job_info, msg, **kwargs)

    def _tell_crowded(self, limit: str) -> None:
        if not self._crowded:
            self._crowded = True
            self.logger.warning(
                f"Slurm takes no more jobs into its queue ({limit}): waiting until"
                " some end; --jobs N submits fewer at a time"
            )

    def _answers(self) -> bool:
        """Wait for the controller; False if the run is to end before."""
        if not is_away():
            return not self._ended.is_set()
        self._outage.begin()
        while is_away():
            if self._ended.wait(LOOK):
                return False
        self._outage.end()
        return True

    async def check_active_jobs(
        self, active_jobs: list[SubmittedJobInfo]
    ) -> AsyncGenerator[SubmittedJobInfo, None]:
        """Report the ends of jobs; yield all that have not ended, whoever answers."""
        known = set()
        if not (active_jobs and is_away()):
            async for job in super().check_active_jobs(active_jobs):
                self._outage.end()
                known.add(job.external_jobid)
                yield job
        unknown = [
            job
            for job in active_jobs
            if job.external_jobid in self._flight and job.external_jobid not in known
        ]
        for job in unknown:
            yield job
        if unknown:
            self._outage.begin()
            soon = min(AGAIN, self.next_seconds_between_status_checks)
            self.next_seconds_between_status_checks = soon
        elif active_jobs:
            self._outage.end()

    async def sleep(self) -> None:
        """Wait until the next look at the jobs, or until the run is to end."""
        end = time.monotonic() + self.next_seconds_between_status_checks
        while self.wait and (left := end - time.monotonic()) > 0:
            await asyncio.sleep(min(TICK, left))

    def report_job_submission(
        self, job_info: SubmittedJobInfo, register_job: bool = True
    ) -> None:
        """Slurm has the job."""
        self._flight[job_info.external_jobid] = job_info
        super().report_job_submission(job_info, register_job=register_job)

    def report_job_success(self, job_info: SubmittedJobInfo) -> None:
        """The job has ended well, as Slurm answers."""
        self._outage.end()
        self._flight.pop(job_info.external_jobid, None)
        super().report_job_success(job_info)

    def report_job_error(
        self, job_info: SubmittedJobInfo, msg: str | None = None, **kwargs: Any
    ) -> None:
        """The job has failed, or could not be submitted."""
        self._flight.pop(job_info.external_jobid, None)
        super().report_job_error(job_info, msg=msg, **kwargs)

    def cancel(self) -> None:
        """Submit no more, cancel the jobs, end."""
        self._ended.set()
        # sbatch may be waiting for room; before, its job may already be Slurm's.
        patience = threading.Timer(SOON, end_local_jobs)
        patience.start()
        self._job_submission_executor.shutdown(wait=True, cancel_futures=True)
        patience.cancel()
        end_local_jobs()  # no submission runs any more that it could hit
        super().cancel()

    def cancel_jobs(self, active_jobs: list[SubmittedJobInfo]) -> None:
        """Cancel all jobs in flight, also those that are just being looked at."""
        jobs = list(self._flight.values())
        if not jobs:
            return
        failed = "its controller is away" if is_away() else ""
        if not failed:
            try:
                super().cancel_jobs(jobs)
            except WorkflowError as error:
                failed = str(error).splitlines()[0]
        number = f"{len(jobs)} Slurm job(s)"
        if failed:
            words = f"{number} continue, Slurm does not cancel them: {failed}"
            self.logger.warning(f"{words}; the same command does, and continues")
        else:
            self.logger.warning(f"{number} cancelled; the same command continues")


class Submission(threading.local):
    """What became of the submission in this thread: the limit that refused it."""

    limit = ""


def is_away() -> bool:
    """Whether Slurm says that no controller is up; False if it cannot be asked."""
    answer = run_command("scontrol", "ping", patience=ANSWER).text
    return "is DOWN" in answer and "is UP" not in answer


class Outage:
    """A time without answers: a line at its begin and one at its end.

    Args:
        report: is given the lines, from any thread.
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._since: float | None = None
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Slurm did not answer."""
        with self._lock:
            if self._since is None:
                self._since = time.monotonic()
                self._report(
                    "Slurm does not answer: waiting for it; jobs that run continue"
                )

    def end(self) -> None:
        """Slurm answered."""
        with self._lock:
            if self._since is not None:
                away = time.monotonic() - self._since
                self._since = None
                self._report(f"Slurm answers again, after {away:.0f} s")


class Unknown(Exception):
    """Slurm does not say what the limits are; the text says why."""


def limits() -> dict[str, float]:
    """The minutes that each partition allows, infinity for no limit.

    Raises:
        Unknown: Slurm does not say them.
    """
    answer = run_command("sinfo", "--all", "--noheader", "--format=%P|%l")
    if answer.error:
        raise Unknown(answer.error)
    found = {}
    for line in answer.text.splitlines():
        name, _, limit = line.strip().partition("|")
        found[name.rstrip("*")] = minutes(limit)
    return found


def too_long(asked: Iterable[tuple[str, str, float]], allowed: dict[str, float]) -> str:
    """What the jobs ask beyond their partitions' limits; empty if all fit.

    Slurm takes a job that asks for more than its partition allows, and never starts it.
    A job with several partitions fits if one of them allows it. A partition that Slurm
    does not name is not judged: the submission will say so.

    Args:
        asked: rule, partition or several, minutes.
        allowed: the minutes that each partition allows.
    """
    beyond: dict[str, dict[str, float]] = defaultdict(dict)
    for rule, partition, runtime in asked:
        known = [allowed[name] for name in partition.split(",") if name in allowed]
        if known and runtime > max(known):
            before = beyond[partition].get(rule, 0.0)
            beyond[partition][rule] = max(before, runtime)
    return "; ".join(_beyond(name, rules, allowed) for name, rules in beyond.items())


def _beyond(partition: str, rules: dict[str, float], allowed: dict[str, float]) -> str:
    longest = max(allowed.get(name, 0.0) for name in partition.split(","))
    wishes = ", ".join(f"{rule} for {runtime:g}" for rule, runtime in rules.items())
    return f"partition {partition} allows {longest:g} minutes, its jobs ask: {wishes}"


def sigterm_like_ctrl_c(waiting: object) -> None:
    """Let SIGTERM stop the run as Ctrl-C does.

    Args:
        waiting: Snakemake's own handler, which waits for all jobs that are submitted,
            for ever if they cannot start. Another one is left in its place.
    """
    if signal.getsignal(signal.SIGTERM) == waiting:
        signal.signal(signal.SIGTERM, _stop)


def _stop(*_: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # one is enough, and is under way
    raise KeyboardInterrupt


def end_local_jobs() -> None:
    """Send SIGTERM to what runs on this machine for this run.

    Ctrl-C has reached it already; SIGTERM reaches Snakemake alone. What has a process
    group of its own, as the tracker does, ends by itself.
    """
    mine = os.getpgid(0)
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(child.pid) == mine:
                child.terminate()
