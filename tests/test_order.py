"""The order of the jobs, and what the targets of a run may be called.

Snakemake runs the workflow with commands that only make empty files.
"""

import re
import subprocess
import sys

import pytest

from copied import copy, environment

pytest.importorskip("snakemake")

LIMIT = 120  # seconds; it takes 15
ORDER = """\
budget: order
budgets:
  order:
    like: smoke
    experiments: [translation, translation_slow]
    seeds: [0]
    evaluate: experiment
    tuning: { trials: 1, epochs: 1, workers: 1 }
"""
SHELL = re.compile(r"^    shell:.*\n(?: {8}.*\n)+", re.MULTILINE)
SHOWN = ("hidden_state", "training_speed", "cost_of_velocities")


@pytest.fixture(scope="module")
def snakemake(tmp_path_factory):
    """Run Snakemake in a copy of the workflow whose commands do nothing."""
    folder = tmp_path_factory.mktemp("order")
    copy(folder)
    (folder / "order.yaml").write_text(ORDER)
    for path in (folder / "workflow/rules").glob("*.smk"):
        text = SHELL.sub('    shell:\n        "touch {output}"\n', path.read_text())
        path.write_text(text.replace("    watch()", "    pass"))

    def run(*arguments):
        module = [sys.executable, "-m", "snakemake", "--configfile", "order.yaml"]
        return subprocess.run(
            [*module, *arguments],
            cwd=folder,
            env=environment(folder / "src"),
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )

    return run


def test_an_experiment_is_drawn_before_the_next_one_and_speed_fills_an_idle_core(
    snakemake,
):
    files = [f"results/order/figures/{name}.png" for name in SHOWN]
    done = snakemake("--cores", "2", "--", *files)
    assert done.returncode == 0, done.stderr[-3000:]
    started = re.findall(r"^\S+ (.*) started$", done.stderr, re.MULTILINE)

    def places(pattern):
        found = [n for n, job in enumerate(started) if re.fullmatch(pattern, job)]
        assert found, pattern
        return found

    first, second = (
        rf"(tune|train) {name} .*" for name in ("translation", "\\w+_slow")
    )
    assert max(places(first)) < min(places(r"train translation_slow .*"))
    assert places("figure hidden_state")[0] < places("evaluate translation_slow .*")[0]
    assert places("figure hidden_state")[0] < max(places(second))
    assert places("figure training_speed")[0] > max(places(second))
    assert {*started[:2]} == {"fetch handwritten", "bench velocities"}
    told = re.findall(r"^\S+ picture: (\S+)$", done.stderr, re.MULTILINE)
    *of_models, of_speed = files
    assert told == [of_speed, *of_models]


@pytest.mark.parametrize(
    ("target", "hint"),
    [
        ("figure_33", "did you mean 'figure_3'?"),
        ("rollout", "did you mean 'results/order/figures/rollouts.png'?"),
        (
            "results/order/tables/generalisation.tex",
            "did you mean 'results/order/tables/generalization.tex'?",
        ),
        ("xyz", "known: all, figure_1, "),
    ],
)
def test_a_target_that_nothing_makes_is_told_with_the_nearest_one(
    snakemake, target, hint
):
    done = snakemake("-n", "--", "figure_3", target)
    assert done.returncode == 2
    told = f"fernn: no target {target!r} in budget 'order'; {hint}"
    assert told in done.stderr and "Traceback" not in done.stderr


def test_rules_and_files_are_targets(snakemake):
    made = ("paper", "table_1", "results/order/data/translation/val.nc")
    done = snakemake("-n", "--", *made)
    assert done.returncode == 0, done.stderr
