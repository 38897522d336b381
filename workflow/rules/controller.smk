"""The controlling process of a budget, and what runs with it.

REQUIRED INPUTS: none
OUTPUTS: results/{budget}/.head.lease, which is removed at the end
"""

import atexit

from snakemake.logging import logger

LEASE = Path(f"results/{BUDGET}/.head.lease")


def control():
    """Make this process the one controller of the budget.

    `fernn head` refuses, with exit code 2, if another one lives; it clears what a dead
    one left, and prints what the names of Slurm jobs begin with. Dry runs, reports and
    the like run nothing and need none. Unknown targets end all of them. Of a module
    Snakemake calls no `onstart`, and the targets are those of another workflow.
    """
    if not AS_MODULE:
        refuse_unknown(workflow.dag_settings.targets)
    if workflow.executor_plugin is None or workflow.dryrun:
        return
    command = [sys.executable, "-m", "fernn", "head", "--budget", BUDGET]
    done = subprocess.run(
        [*command, "--pid", str(os.getpid())], text=True, stdout=subprocess.PIPE
    )
    if done.returncode:
        raise SystemExit(done.returncode)
    atexit.register(resign, LEASE.absolute(), LEASE.read_bytes())
    if hasattr(workflow.executor_settings, "jobname_prefix"):
        workflow.executor_settings.jobname_prefix = done.stdout.strip()
        use_own_slurm_executor()
    if AS_MODULE:
        watch()


def resign(path, lease):
    if path.exists() and path.read_bytes() == lease:
        path.unlink()


def watch():
    """Start the tracker; it ends with this process, and renews its lease."""
    log_file = Path(f"results/{BUDGET}/logs/watch.log")
    log_file.parent.mkdir(parents=True, exist_ok=True)
    command = ["fernn", "track", "--watch", "--until-pid", str(os.getpid())]
    with log_file.open("a") as stream:
        subprocess.Popen(
            [*command, "--head", str(LEASE)],
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )


def continues(dag):
    """Say that earlier runs have done some of the jobs; the display counts them."""
    jobs = list(dag.jobs)
    done = sum(not dag.needrun(job) for job in jobs)
    if done:
        logger.info(f"continues: {done} of {len(jobs)} jobs are done")


include: "snakemake_internals.smk"


before_locks(control)


onstart:
    continues(workflow.dag)
    watch()
