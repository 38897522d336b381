"""The plan, look-ups into it, and paths.

`fernn config` checks the configuration, reports all its mistakes and resolves it; a
mistake ends the run with exit code 2 before any job.
"""

import ast
import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from snakemake.common.configfile import load_configfile
from snakemake.utils import update_config

# Jobs find the `fernn` that belongs to this Snakemake; a conda environment wins.
os.environ |= {
    "PATH": os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()])
}


# This workflow's own folder, also where another one uses it as a module.
HOME = Path(str(workflow.current_basedir)).parents[1]
AS_MODULE = not workflow.modifier.is_main_snakefile()


def refuse(why):
    print(f"fernn: {why}", file=sys.stderr)
    raise SystemExit(2)


if not (HOME / "workflow/rules/common.smk").exists():
    refuse(f"the module's snakefile must be that of a local checkout, not {HOME}")
if workflow.modifier.path_modifier.modifies_prefixes:
    refuse(
        "a module has no `prefix`; its files are in results/ and it runs in one folder"
    )


def configured():
    """The configuration, and its files; a module's `config:` changes config.yaml."""
    if not AS_MODULE:
        return config, workflow.configfiles
    whole = load_configfile(HOME / "config.yaml")
    update_config(whole, config)
    return whole, [HOME / "config.yaml"]


MERGED, FILES = configured()
FILES = [os.path.relpath(path) for path in FILES]


def resolved(merged):
    """The plan. What no JSON holds, or holds without end, is refused from the files."""
    command = [sys.executable, "-m", "fernn", "config", "--print", "--merged", *FILES]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    check = subprocess.Popen(command, text=True, **pipes)
    with suppress(BrokenPipeError, ValueError):  # refused, or without end
        json.dump(merged, check.stdin, default=str, skipkeys=True)
    plan, _ = check.communicate()
    if check.returncode:
        raise SystemExit(check.returncode)
    return json.loads(plan)


PLAN = resolved(MERGED)
BUDGET = PLAN["budget"]
EXPERIMENTS = PLAN["experiments"]
WORKERS = range(PLAN["workers"])
os.environ |= {"LABRUN_JOBS_PER_GPU": str(PLAN["jobs_per_gpu"])}  # seen by all jobs


def any_of(names):
    return "|".join(sorted({str(name) for name in names})) or "none"


wildcard_constraints:
    source=any_of(PLAN["sources"]),
    experiment=any_of(EXPERIMENTS),
    split=any_of(split for e in EXPERIMENTS.values() for split in e["recipes"]),
    model=any_of(model for e in EXPERIMENTS.values() for model in e["models"]),
    part=any_of(part for e in EXPERIMENTS.values() for part in e["parts"]),
    axis=any_of(axis for e in EXPERIMENTS.values() for axis in e["axes"]),
    seed=any_of(
        [PLAN["tuning_seed"], *(s for e in EXPERIMENTS.values() for s in e["seeds"])]
    ),
    worker=any_of(WORKERS),
    figure=any_of(PLAN["figures"]),
    table=any_of(PLAN["tables"]),
    measurement=any_of(
        cube.removeprefix("bench/")
        for items in (PLAN["figures"], PLAN["tables"])
        for cubes in items.values()
        for cube in cubes
        if cube.startswith("bench/")
    ),


def entry(*keys):
    """A look-up of one entry of the plan as JSON; `{name}` in a key is a wildcard."""

    def look_up(wildcards):
        node = EXPERIMENTS
        for key in keys:
            node = node[key.format(**wildcards)]
        return json.dumps(node, sort_keys=True)

    return look_up


STAGES = ("synthesize", "tune", "select", "train", "evaluate", "combine")
SHOWING = len(STAGES) * (len(EXPERIMENTS) + 1)  # before any experiment's jobs


def depth_first(stage):
    """A priority: one experiment after the other, of each what is nearest its end.

    So the first one can be drawn while others train. What has none here comes last.
    """
    waiting = dict(zip(EXPERIMENTS, range(len(EXPERIMENTS), 0, -1)))

    def look_up(wildcards):
        return len(STAGES) * waiting[wildcards.experiment] + STAGES.index(stage)

    return look_up


def described(wildcards):
    """What a cube says about itself: its experiment, and how it was measured."""
    experiment = EXPERIMENTS[wildcards.experiment]
    axis = wildcards.axis
    how = {
        "statistic": experiment["axes"][axis]["statistic"],
        "draw": experiment["recipes"].get(axis, {}).get("draw"),
    }
    return json.dumps({**experiment["attrs"], **how}, sort_keys=True)


def tags(experiment, model):
    """Those of a model's runs in the tracker."""
    about = EXPERIMENTS[experiment]["attrs"]
    named = about["models"][model]
    colour = {"mlflow.runColor": named["color"]}
    return {"title": about["title"], "label": named["label"], **colour}


def shown(wildcards, input):
    """The tags of a model's runs.

    Snakemake runs nothing again for a parameter that is a function of `input`: a new
    label or colour must not train.
    """
    return json.dumps(tags(wildcards.experiment, wildcards.model))


def all_shown(wildcards, input):
    """The tags of the runs of a part's models, likewise."""
    name = wildcards.experiment
    return json.dumps({model: tags(name, model) for model in part(wildcards)})


def part(wildcards):
    """The models and baselines that one job measures."""
    return EXPERIMENTS[wildcards.experiment]["parts"][wildcards.part]


def seeds(wildcards):
    return EXPERIMENTS[wildcards.experiment]["seeds"]


def treated(wildcards):
    """The models of an experiment that are made of others, and of which, and how."""
    return EXPERIMENTS[wildcards.experiment].get("treated", {})


def with_weights(wildcards):
    """The models of a part that have weights, by name: those that were trained."""
    made = treated(wildcards)
    known = {**EXPERIMENTS[wildcards.experiment]["models"], **made}
    found = [model for model in part(wildcards) if model in known]
    return {model: made[model]["of"] if model in made else model for model in found}


def of_seeds(wildcards, model, name):
    """A model's files of a name, one of each seed."""
    folder = f"results/{BUDGET}/runs/{wildcards.experiment}/{model}"
    return [f"{folder}/{seed}/{name}" for seed in seeds(wildcards)]


def of_each_seed(name):
    """The files of a name that the seeds of a model have in their folders."""
    folder = f"results/{BUDGET}/runs/{{experiment}}/{{model}}"
    return [f"{folder}/{seed}/{name}" for seed in PLAN["together"] or ["none"]]


def checkpoints(wildcards, name="model.pt"):
    """Those of a part's models, each once; none of a baseline."""
    models = dict.fromkeys(with_weights(wildcards).values())
    return [path for model in models for path in of_seeds(wildcards, model, name)]


def histories(wildcards):
    return checkpoints(wildcards, "history.nc")


def trials(wildcards):
    """How many a study has."""
    spec = EXPERIMENTS[wildcards.experiment]["models"][wildcards.model]
    return spec["tuning"]["trials"]


def best(wildcards):
    """The choice of a model's study; none where nothing is tuned."""
    study = f"results/{BUDGET}/studies/{wildcards.experiment}/{wildcards.model}"
    return [f"{study}/best.json"] if trials(wildcards) else []


def first_trial(wildcards):
    """The settings of a trial, and the model's options that are tuned."""
    spec = EXPERIMENTS[wildcards.experiment]["models"][wildcards.model]
    tuned = {
        key: spec["model"][key]
        for key in spec["tuning"]["ranges"]
        if key in spec["model"]
    }
    return json.dumps({**tuned, **spec["trial"]}, sort_keys=True)


def needed(wildcards, seed=None):
    """The trained models that a model's strategy names: OPTION=model.pt of each.

    Those of the same seed; trials have one of the seed of tuning.
    """
    spec = EXPERIMENTS[wildcards.experiment]["models"][wildcards.model]
    seed = seed or wildcards.get("seed", PLAN["tuning_seed"])
    folder = f"results/{BUDGET}/runs/{wildcards.experiment}"
    return {
        option: f"{folder}/{model}/{seed}/model.pt"
        for option, model in spec.get("needs", {}).items()
    }


def needed_models(wildcards):
    return list(needed(wildcards).values())


def needs(wildcards):
    """The argument of the command that names them; none if there are none."""
    given = [f"{option}={path}" for option, path in needed(wildcards).items()]
    return ["--needs", *given] if given else []


def needed_by_all(wildcards):
    """Those of all seeds."""
    each = [needed(wildcards, str(seed)) for seed in seeds(wildcards)]
    return [path for models in each for path in models.values()]


def needed_by_trials_and_seeds(wildcards):
    return [*needed_models(wildcards), *needed_by_all(wildcards)]


def needs_of_each(wildcards):
    """As `needs`, with `{seed}` for the seed."""
    given = needed(wildcards, "{seed}").items()
    return ["--needs", *(f"{option}={path}" for option, path in given)] if given else []


def atlas(wildcards):
    """What an experiment's recipes point into."""
    return f"results/{BUDGET}/data/{PLAN['atlases'][wildcards.experiment]}.nc"


def models(wildcards):
    """What a part measures, as arguments of the command.

    No function of `input`, so that a baseline's change measures it again.
    """
    baselines = EXPERIMENTS[wildcards.experiment]["baselines"]
    made, weights, arguments = treated(wildcards), with_weights(wildcards), []
    for model in part(wildcards):
        if model in baselines:
            arguments += ["--baseline", model, json.dumps(baselines[model])]
        else:
            paths = of_seeds(wildcards, weights[model], "model.pt")
            arguments += ["--model", model, *paths]
    how = {model: made[model]["treatment"] for model in weights if model in made}
    return [*arguments, *(["--treatments", json.dumps(how)] if how else [])]


def measured(wildcards):
    """The axes of a part: all of the experiment, or those with baselines."""
    axes = EXPERIMENTS[wildcards.experiment]["axes"]
    if with_weights(wildcards):
        return axes
    return {axis: about for axis, about in axes.items() if about["baselines"]}


def axes(wildcards):
    return json.dumps(measured(wildcards), sort_keys=True)


def test_sets(wildcards):
    """The recipes of the axes; training curves have the validation's."""
    splits = {about["recipe"] for about in measured(wildcards).values()}
    folder = f"results/{BUDGET}/data/{wildcards.experiment}"
    return [f"{folder}/{split}.nc" for split in sorted(splits)]


def shards(wildcards):
    """The parts with a model of the experiment, or a baseline where they count."""
    experiment = EXPERIMENTS[wildcards.experiment]
    compared = experiment["axes"][wildcards.axis]["baselines"]
    wanted = {*experiment["models"], *experiment.get("treated", {})}
    wanted |= {*experiment["baselines"]} if compared else set()
    folder = f"results/{BUDGET}/shards/{wildcards.experiment}"
    parts = experiment["parts"].items()
    return [f"{folder}/{part}.nc" for part, models in parts if wanted & {*models}]


def cubes(group):
    def look_up(wildcards):
        names = PLAN[group][wildcards[group[:-1]]]
        return [f"results/{BUDGET}/cubes/{name}.nc" for name in names]

    return look_up


def module(group):
    """The source of a figure or table: its change redraws that one, and no other."""
    return source(f"{group}/{{{group[:-1]}}}.py")


def shared(group):
    """What figures or tables have in common: its change makes all of them again."""
    package = HOME / "src/fernn"
    common = {"figures": "drawing/*.py", "tables": "tables/_[a-z]*.py"}[group]
    return sorted(source(path.relative_to(package)) for path in package.glob(common))


def source(path):
    """A file of the package, seen from here: the report names all inputs."""
    return os.path.relpath(HOME / "src/fernn" / path)


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


def shown_in(item):
    """The figures and tables of a target, or that show an item of the paper."""
    shown = (PLAN["targets"] | PLAN["paper"])[item]
    return [
        *expand(f"results/{BUDGET}/figures/{{name}}.png", name=shown["figures"]),
        *expand(f"results/{BUDGET}/tables/{{name}}.csv", name=shown["tables"]),
    ]


def shown_cubes():
    """The cubes of all figures and tables."""
    names = {
        cube
        for group in ("figures", "tables")
        for cube in sum(PLAN[group].values(), [])
    }
    return [f"results/{BUDGET}/cubes/{name}.nc" for name in sorted(names)]


def first_together(wildcards, input):
    """Whether the first trials of a study are trained as one model, as seeds are.

    They are the same trials, so a function of `input`, as in `shown`.
    """
    return ["--together"] if PLAN["together"] else []
