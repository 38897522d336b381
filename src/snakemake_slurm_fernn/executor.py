"""The plugin's executor with what it lacks; tried with version 2.8."""

from __future__ import annotations

import asyncio
import shlex
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import snakemake_executor_plugin_slurm as plugin
from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.jobs import JobExecutorInterface

from snakemake_slurm_fernn import controller, limits, stopping

LOOK = 5.0  # seconds between two pings of a controller that is away
AGAIN = 30.0  # seconds at most from a question without an answer to the next
TICK = 0.5  # seconds until a sleeping run sees that it is to end


class Executor(plugin.Executor):
    """Keeps its own book of jobs in flight: submitted, and not told as ended.

    The plugin forgets all jobs in flight when its questions fail, which five of them do
    within a second, and then waits for nothing, for ever.
    """

    workflow: Any  # Snakemake's own, which have more than the plugin's interface
    logger: Any

    def __init__(self, workflow: Any, logger: Any) -> None:
        # The plugin starts a thread that uses these.
        self._flight: dict[str | None, SubmittedJobInfo] = {}
        self._outage = controller.Outage(logger.warning)
        self._ended = threading.Event()
        super().__init__(workflow, logger)

    def __post_init__(self, test_mode: bool = False) -> None:
        """Refuse jobs that would never start.

        Raises:
            SystemExit: with code 2, after a line that tells why.
        """
        super().__post_init__(test_mode)
        try:
            allowed = limits.limits()
        except limits.Unknown as reason:
            told = f"whether partitions allow the jobs' runtimes: {reason}"
            self.logger.warning(f"Slurm does not tell {told}")
            return
        if beyond := limits.too_long(self._asked(), allowed):
            way = "shorter runtimes under set-resources, see slurm/README.md"
            self.logger.error(f"Slurm would never start all jobs: {beyond}; {way}")
            raise SystemExit(2)

    def _asked(self) -> Iterator[tuple[str, str, float]]:
        for job in self.workflow.dag.needrun_jobs():
            minutes = job.resources.get("runtime")
            if not job.is_local and isinstance(minutes, int | float):
                option = shlex.split(self.get_partition_arg(job))
                yield job.rule.name, option[-1] if option else "", minutes

    def run_jobs(self, jobs: list[JobExecutorInterface]) -> None:
        """Submit jobs, soon."""
        stopping.like_ctrl_c(self.workflow.scheduler.exit_gracefully)
        super().run_jobs(jobs)

    def run_job(self, job: JobExecutorInterface) -> None:
        """Submit a job, once the controller answers: a failure would use up a retry."""
        if self._answers():
            super().run_job(job)

    def _answers(self) -> bool:
        """Wait for the controller; False if the run is to end before."""
        if not controller.is_away():
            return not self._ended.is_set()
        self._outage.begin()
        while controller.is_away():
            if self._ended.wait(LOOK):
                return False
        self._outage.end()
        return True

    async def check_active_jobs(
        self, active_jobs: list[SubmittedJobInfo]
    ) -> AsyncGenerator[SubmittedJobInfo, None]:
        """Tell the ends of jobs; yield all that have not ended, whoever answers."""
        known = set()
        if not (active_jobs and controller.is_away()):
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
        self._job_submission_executor.shutdown(wait=True, cancel_futures=True)
        stopping.end_local_jobs()  # no submission runs any more that it could hit
        super().cancel()

    def cancel_jobs(self, active_jobs: list[SubmittedJobInfo]) -> None:
        """Cancel all jobs in flight, also those that are just being looked at."""
        jobs = list(self._flight.values())
        if not jobs:
            return
        failed = "its controller is away" if controller.is_away() else ""
        if not failed:
            try:
                super().cancel_jobs(jobs)
            except WorkflowError as error:
                failed = str(error).splitlines()[0]
        number = f"{len(jobs)} Slurm job(s)"
        if failed:
            told = f"{number} go on, Slurm does not cancel them: {failed}"
            self.logger.warning(f"{told}; the same command does, and goes on")
        else:
            self.logger.warning(f"{number} cancelled; the same command goes on")
