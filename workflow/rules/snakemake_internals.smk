"""What Snakemake has no hook for: two changes of its internals.

A third, which comes before this file is read, is in `labrun.terminal`.

`tests/test_snakemake_internals.py` reads in Snakemake's source what they rely on;
pyproject.toml bounds its version to those that were tested.

REQUIRED INPUTS: none
OUTPUTS: none
"""

from contextlib import contextmanager


def before_locks(hook):
    """Call a function once the executor is known and before files are locked.

    `onstart` comes too late: another process may hold the locks. As a decorator the
    hook leaves no frame of this file in the tracebacks of Snakemake's errors.
    """

    @contextmanager
    def hooked():
        hook()
        yield

    if workflow.is_main_process:
        workflow._prepare_dag = hooked()(workflow._prepare_dag)


def use_own_slurm_executor():
    """Run Slurm's jobs by labrun's executor, with the options of the plugin's own.

    An executor plugin of its own name would have options of another name.
    """
    from labrun.slurm_executor import Executor

    workflow.executor_plugin.executor = Executor
