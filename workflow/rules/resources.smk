"""What jobs ask of a machine, and where they run: `workflow/resources.yaml`.

REQUIRED INPUTS: none
OUTPUTS: none
"""

import yaml

RESOURCES = yaml.safe_load((HOME / "workflow/resources.yaml").read_text())
GROWTH = {"doubling": lambda n: 2 ** (n - 1), "linear": lambda n: n}


def is_local(rule):
    """Whether a rule runs where Snakemake runs, not as a job of a cluster.

    Light ones do unless the profile's `set-resources` names their partition.
    """
    own = workflow.resource_settings.overwrite_resources.get(rule, {})
    light = rule in RESOURCES["light"] and "slurm_partition" not in own
    return light or rule in RESOURCES["local"]


def asked(rule):
    """What its jobs ask for, as `resources.yaml` says."""
    (amounts,) = [rules[rule] for rules in RESOURCES.values() if rule in rules]
    return {name: amount(value) for name, value in amounts.items()}


def amount(value):
    """A number, the plan's, or one that grows with the attempts of a job."""
    if isinstance(value, str):
        return PLAN[value]
    if isinstance(value, dict):
        ((growth, first),) = value.items()
        return lambda wildcards, attempt: first * GROWTH[growth](attempt)
    return value


def all_cores(rule):
    """The cores of the run, for a job that nothing may disturb; 1 if Slurm gives them."""
    cores = workflow.resource_settings.cores
    return cores if cores and is_local(rule) else 1
