"""The plan, look-ups into it, and paths: the only functions of the workflow.

`fernn config` checks the configuration, tells all its mistakes and resolves it; a
mistake ends the run with exit code 2 before any job.
"""

import ast
import atexit
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

# Jobs find the `fernn` that belongs to this Snakemake; a conda environment wins.
os.environ |= {
    "PATH": os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()])
}


def resolved(merged):
    files = [os.path.relpath(path) for path in workflow.configfiles]
    command = [sys.executable, "-m", "fernn", "config", "--merged", *files]
    done = subprocess.run(
        command, input=json.dumps(merged), text=True, stdout=subprocess.PIPE
    )
    if done.returncode:
        raise SystemExit(done.returncode)
    return json.loads(done.stdout)


PLAN = resolved(config)
BUDGET = PLAN["budget"]
EXPERIMENTS = PLAN["experiments"]
SEEDS = PLAN["seeds"]
WORKERS = range(PLAN["workers"])


def any_of(names):
    return "|".join(sorted({str(name) for name in names})) or "none"


wildcard_constraints:
    source=any_of(PLAN["sources"]),
    experiment=any_of(EXPERIMENTS),
    split=any_of(split for e in EXPERIMENTS.values() for split in e["recipes"]),
    model=any_of(
        m for e in EXPERIMENTS.values() for m in (*e["models"], *e["baselines"])
    ),
    axis=any_of(axis for e in EXPERIMENTS.values() for axis in e["axes"]),
    seed=any_of(SEEDS),
    worker=any_of(WORKERS),
    figure=any_of(PLAN["figures"]),
    table=any_of(PLAN["tables"]),


def entry(*keys):
    """A look-up of one entry of the plan as JSON; `{name}` in a key is a wildcard."""

    def look_up(wildcards):
        node = EXPERIMENTS
        for key in keys:
            node = node[key.format(**wildcards)]
        return json.dumps(node, sort_keys=True)

    return look_up


def trained(wildcards):
    return wildcards.model in EXPERIMENTS[wildcards.experiment]["models"]


def shown(wildcards, input):
    """The tags of a model's runs in the tracker.

    Snakemake runs nothing again for a parameter that is a function of `input`: a new
    label or colour must not train.
    """
    about = EXPERIMENTS[wildcards.experiment]["attrs"]
    model = about["models"][wildcards.model]
    tags = {"title": about["title"], "label": model["label"]}
    return json.dumps({**tags, "mlflow.runColor": model["color"]})


def checkpoints(wildcards, name="model.pt"):
    """One file of each seed of a model; none of a baseline."""
    folder = f"results/{BUDGET}/runs/{wildcards.experiment}/{wildcards.model}"
    return [f"{folder}/{seed}/{name}" for seed in SEEDS if trained(wildcards)]


def histories(wildcards):
    return checkpoints(wildcards, "history.nc")


def atlas(wildcards):
    """What an experiment's recipes point into."""
    return f"results/{BUDGET}/data/{PLAN['atlases'][wildcards.experiment]}.nc"


def test_set(wildcards):
    """The recipe of an axis; training curves have the validation's."""
    split = EXPERIMENTS[wildcards.experiment]["axes"][wildcards.axis]["recipe"]
    return f"results/{BUDGET}/data/{wildcards.experiment}/{split}.nc"


def baseline(wildcards):
    """The specification of a baseline, as arguments of the command.

    No function of `input`, so that its change measures the baseline again.
    """
    if trained(wildcards):
        return []
    spec = EXPERIMENTS[wildcards.experiment]["baselines"][wildcards.model]
    return ["--baseline", json.dumps(spec)]


def shards(wildcards):
    """Every model of an experiment on an axis, and the baselines where they count."""
    experiment = EXPERIMENTS[wildcards.experiment]
    compared = experiment["axes"][wildcards.axis]["baselines"]
    models = [*experiment["models"], *(experiment["baselines"] if compared else [])]
    folder = f"results/{BUDGET}/shards/{wildcards.experiment}/{wildcards.axis}"
    return [f"{folder}/{model}.nc" for model in models]


def cubes(group):
    def look_up(wildcards):
        names = PLAN[group][wildcards[group[:-1]]]
        return [f"results/{BUDGET}/cubes/{name}.nc" for name in names]

    return look_up


def module(group):
    """The source of a figure or table: its change redraws that one, and no other."""
    return f"{workflow.basedir}/src/fernn/{group}/{{{group[:-1]}}}.py"


def caption(wildcards, input):
    """A figure's or table's docstring."""
    tree = ast.parse(Path(input.module).read_text(encoding="utf-8"))
    return ast.get_docstring(tree)


def all_cubes():
    return [
        f"results/{BUDGET}/cubes/{experiment}/{axis}.nc"
        for experiment, spec in EXPERIMENTS.items()
        for axis in spec["axes"]
    ]


def figures():
    return expand(f"results/{BUDGET}/figures/{{figure}}.png", figure=PLAN["figures"])


def tables(form="csv"):
    return expand(f"results/{BUDGET}/tables/{{table}}.{form}", table=PLAN["tables"])


HEAD = Path(f"results/{BUDGET}/.head.lease")


def watch():
    """Start the tracker beside the workflow; it ends with it, and shows that it lives."""
    log_file = Path(f"results/{BUDGET}/logs/watch.log")
    log_file.parent.mkdir(parents=True, exist_ok=True)
    command = ["fernn", "track", "--watch", "--until-pid", str(os.getpid())]
    with log_file.open("a") as stream:
        subprocess.Popen(
            [*command, "--head", str(HEAD)],
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )


def resign(path, lease):
    if path.exists() and path.read_bytes() == lease:
        path.unlink()


@contextmanager
def as_head():
    """Make this process the one head of the budget, before Snakemake locks its files.

    `fernn head` refuses, with exit code 2, if another one lives; it clears what a dead
    one left, and tells what the names of Slurm jobs begin with. Dry runs, reports and
    the like run nothing and need no head.
    """
    if workflow.executor_plugin is not None and not workflow.dryrun:
        command = [sys.executable, "-m", "fernn", "head", "--budget", BUDGET]
        done = subprocess.run(
            [*command, "--pid", str(os.getpid())], text=True, stdout=subprocess.PIPE
        )
        if done.returncode:
            raise SystemExit(done.returncode)
        atexit.register(resign, HEAD.absolute(), HEAD.read_bytes())
        if hasattr(workflow.executor_settings, "jobname_prefix"):
            workflow.executor_settings.jobname_prefix = done.stdout.strip()
    yield


# Snakemake has no hook between what it parses and what it locks. As a decorator this
# one leaves no frame of this file in the tracebacks of its errors.
if workflow.is_main_process:
    workflow._prepare_dag = as_head()(workflow._prepare_dag)
