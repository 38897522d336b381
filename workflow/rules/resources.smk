"""What jobs ask of a machine, and where they run: `workflow/resources.yaml`.

What jobs of a cluster ask for is learned from the benchmarks of jobs like them.

REQUIRED INPUTS: none, or results/{budget}/benchmarks/
OUTPUTS: none
"""

import yaml

from labrun.learned import Learned

RESOURCES = yaml.safe_load((HOME / "workflow/resources.yaml").read_text())
LEARNED = Learned(Path(f"results/{BUDGET}/benchmarks"))
LEARNABLE = ("mem_mb", "runtime")
GROWTH = {
    "doubling": lambda n: 2 ** (n - 1),
    "linear": lambda n: n,
    "constant": lambda n: 1,
}


def is_local(rule):
    """Whether a rule runs where Snakemake runs, not as a job of a cluster.

    Light ones do unless the profile's `set-resources` names their partition.
    """
    own = workflow.resource_settings.overwrite_resources.get(rule, {})
    light = rule in RESOURCES["light"] and "slurm_partition" not in own
    return light or rule in RESOURCES["local"]


def asked(rule):
    """What its jobs ask for: as `resources.yaml` says, or as was measured."""
    (amounts,) = [rules[rule] for rules in RESOURCES.values() if rule in rules]
    learns = LEARNABLE if rule in RESOURCES["cluster"] else ()
    return {
        name: learned(rule, name, value) if name in learns else amount(value)
        for name, value in amounts.items()
    }


def amount(value):
    """A number, the plan's, or one that grows with the attempts of a job."""
    if isinstance(value, str):
        return PLAN[value]
    if isinstance(value, dict):
        return lambda wildcards, attempt: grown(value, attempt)
    return value


def grown(value, attempt):
    """What an attempt asks for, where it grows."""
    ((growth, first),) = value.items()
    return first * GROWTH[growth](attempt)


def learned(rule, name, value):
    """An amount as `amount` has it, unless jobs like this one were measured.

    What was measured may be too little, so it always grows with the attempts.
    """
    growth = next(iter(value)) if isinstance(value, dict) else "doubling"
    told = value if isinstance(value, dict) else {"constant": value}

    def look_up(wildcards, attempt):
        known = LEARNED(f"{rule}/{'.'.join(wildcards)}")
        return grown({growth: known[name]} if name in known else told, attempt)

    return look_up
