"""The literal `snakemake --profile slurm` plans the published experiments.

Dry runs from a copy of the repository, without Slurm; `make test-slurm` has one.
"""

import re
import shutil
import subprocess
import sys
from functools import cache

import pytest
from ruamel.yaml import YAML

from copied import ROOT, copy, environment
from fernn.config.resolve import resolve
from labrun.doctor.cluster import submitted
from labrun.doctor.place import Place, first_attempt

pytest.importorskip("snakemake_executor_plugin_slurm")


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """Dry-run the literal command, with more arguments: what it prints."""
    folder = tmp_path_factory.mktemp("copy")
    copy(folder, "slurm")
    (folder / "two.yaml").write_text("budgets: { paper: { devices: 2 } }")
    env = environment(folder / "src")

    @cache
    def run(*arguments):
        command = [sys.executable, "-m", "snakemake", "--profile", "slurm", "-n"]
        done = subprocess.run(
            [*command, *arguments],
            cwd=folder,
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def experiments(budget):
    return resolve([ROOT / "config.yaml"], budget)["experiments"].values()


@pytest.mark.parametrize(
    "arguments", [[], ["--config", "seed=1", "--directory", "elsewhere"]]
)
def test_the_literal_command_plans_the_paper(planned, arguments):
    told = planned(*arguments)
    assert {*re.findall(r"output: (results/\w+)/", told)} == {"results/paper"}
    assert "results/paper/data/mnist.nc" in told
    trainings = sum(len(e["models"]) * len(e["seeds"]) for e in experiments("paper"))
    assert re.search(rf"^train +{trainings}$", told, re.MULTILINE) and trainings > 50


def test_another_budget_is_one_argument(planned):
    told = planned("--config", "budget=smoke")
    assert {*re.findall(r"output: (results/\w+)/", told)} == {"results/smoke"}


def test_the_evaluations_of_a_model_are_one_job(planned):
    """Of one model of one experiment: if it fails, the others are not held up."""
    told = planned("--config", "budget=smoke")
    models = sum(len({**e["models"], **e["baselines"]}) for e in experiments("smoke"))
    assert told.count("rule evaluate:") == models
    pairs = sum(len(e["models"]) * len(e["axes"]) for e in experiments("smoke"))
    assert pairs > 2 * models  # so many starts it would be else


JOB = re.compile(r"^rule (\w+):\n(?: +.*\n)*? +resources: (.*)$", re.MULTILINE)
RULE = re.compile(r"^rule (\w+):\n((?:[ \t]+.*\n|\n)+)", re.MULTILINE)
NAMES = ("gpu", "nodes", "mem_mb", "runtime")


def numbers(resources):
    return {name: int(resources[name]) for name in NAMES if name in resources}


def test_the_rules_ask_for_what_the_doctor_tries(planned):
    told = planned("--configfile", "slurm/paper.yaml", "two.yaml")
    printed = {rule: text.split(", ") for rule, text in JOB.findall(told)}
    found = {
        rule: numbers(dict(pair.split("=", 1) for pair in pairs))
        for rule, pairs in printed.items()
    }
    groups = first_attempt(ROOT / "workflow/resources.yaml", {"devices": 2})
    place = Place(profile=ROOT / "slurm", resources=groups)
    jobs = submitted(place)
    assert {*jobs} == {"tune", "trial", "learn", "train", "train_seeds", "evaluate"}
    del jobs["trial"], jobs["learn"], jobs["train_seeds"]  # of the other modes
    assert {rule: found[rule] for rule in jobs} == {
        rule: numbers(asked) for rule, asked in jobs.items()
    }
    assert found["train"]["gpu"] == 2 and found["bench"]["mem_mb"] == 4000


def test_each_rule_runs_where_its_group_says():
    groups = first_attempt(ROOT / "workflow/resources.yaml", {})
    where = {rule: group for group, rules in groups.items() for rule in rules}
    text = "".join(p.read_text() for p in sorted((ROOT / "workflow").rglob("*.smk")))
    rules = {name: body for name, body in RULE.findall(text) if "resources:" in body}
    assert {*rules} == {*where}
    for rule, body in rules.items():
        assert f'**asked("{rule}"),' in body
        assert ("localrule:" in body) == (where[rule] != "cluster"), rule
        if where[rule] == "light":
            assert f'localrule: is_local("{rule}")' in body


ATTEMPTS = """\
from pathlib import Path
PLAN, BUDGET, HOME = {"devices": 3}, "b", Path(".")
include: "workflow/rules/resources.smk"
rule grows:
    output: "grown"
    retries: 2
    resources: **asked("evaluate")
    shell: "echo {resources.mem_mb} {resources.runtime} >> asked; false"
rule plans:
    output: "planned"
    resources: **asked("train")
    shell: "echo {resources.gpu} {resources.mem_mb} >> asked; touch {output}"
"""


def test_amounts_grow_with_the_attempts(tmp_path):
    shutil.copytree(ROOT / "workflow", tmp_path / "workflow")
    (tmp_path / "Snakefile").write_text(ATTEMPTS)
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "grown", "planned"]
    done = subprocess.run([*command, "--keep-going"], cwd=tmp_path, capture_output=True)
    assert done.returncode == 1
    lines = (tmp_path / "asked").read_text().splitlines()
    assert sorted(lines) == ["16000 480", "3 16000", "32000 720", "8000 240"]


LEARNING = """\
from pathlib import Path
PLAN, BUDGET, HOME = {"devices": 1}, "b", Path(".")
include: "workflow/rules/resources.smk"
rule all:
    input: "t/m.7", "t/n.7", "e/t.m"
rule train:
    output: "{experiment}/{model}.{seed,[0-9]+}"
    retries: 1
    resources: **asked("train")
    shell: "echo {wildcards.model}.{wildcards.seed}"
        " {resources.mem_mb} {resources.runtime} >> asked;"
        " [ {wildcards.model} = n -o -e tried ] && touch {output} || ! touch tried"
rule evaluate:
    output: touch("e/{experiment}.{part,[a-z]+}")
    resources: **asked("evaluate")
    shell: "echo part {resources.mem_mb} {resources.runtime} >> asked"
"""
TSV = "s\tmax_rss\n{}\t{}\n"


def test_amounts_are_learned_from_jobs_of_other_seeds(tmp_path):
    """1.5 times 4,100 MB are 6,150, twice 3,000 s are 100 minutes.

    A model without a measured job asks for what it always did. What was learned
    doubles with the attempts, and makes nothing anew.
    """
    shutil.copytree(ROOT / "workflow", tmp_path / "workflow")
    (tmp_path / "Snakefile").write_text(LEARNING)
    folder = tmp_path / "results/b/benchmarks"
    for name, row in {"train/t.m.0": (3000, 900), "train/t.m.1": (60, 4100)}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.tsv").write_text(TSV.format(*row))
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet", "all"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "asked").read_text().splitlines()
    assert sorted(lines) == [
        "m.7 13000 200",
        "m.7 6500 100",
        "n.7 16000 720",
        "part 8000 240",
    ]
    (folder / "train/t.n.0.tsv").write_text(TSV.format(9999, 99999))
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert again.returncode == 0
    assert (tmp_path / "asked").read_text().splitlines() == lines


def test_a_model_may_be_trained_on_several_gpus(planned):
    told = planned("--configfile", "slurm/paper.yaml", "two.yaml")
    trained = re.search(r"rule train:\n(?: +.*\n)+", told)[0]
    assert "gpu=2" in trained and "nodes=1" in trained


def test_a_plain_run_is_not_told_where_to_run():
    """`profiles/default` overrides `--profile` key by key."""
    found = [
        set(YAML(typ="safe").load((ROOT / name / "profile.v9+.yaml").read_text()))
        for name in ("profiles/default", "slurm")
    ]
    where = {"executor", "jobs", "cores", "resources", "default-resources"}
    assert not where & found[0]
    assert not found[0] & found[1] and "config" not in found[1]
