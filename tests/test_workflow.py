"""The whole workflow runs, and a change reruns what depends on it and nothing else.

One small budget runs for real with Snakemake; dry runs then tell what would run again.
"""

import json
import re
import shutil
import subprocess
import sys

import pytest
import torch

from copied import copy, environment
from labrun.storage import read_dataset

pytest.importorskip("snakemake")

LIMIT = 240  # seconds; it takes 40 on two idle cores
TINY = """\
budget: tiny
experiments:
  tiny:
    title: Tiny
    dataset: { kind: flowing_digits, flow: translation, max_speed: 1 }
    models: [grnn, fernn_v1]
    baselines: [copy_last]
    protocol: exact
    axes: [in_distribution, velocity, curves]
budgets:
  tiny: &tiny
    source: handwritten
    experiments: [tiny]
    seeds: [0]
    frame_size: 8
    digits: 1
    context: 2
    horizon: 2
    long_horizon: 2
    hidden: 2
    decoder_layers: 0
    batch: 4
    sequences: 4
    epochs: 1
    match: epochs
    validation: 4
    tuning: { trials: 1, epochs: 1 }
    axes:
      in_distribution: { sequences: 4 }
      velocity: { sequences: 1, grid_speed: 1 }
  other: *tiny
figures:
  training_speed: [tiny/curves]
  velocity_generalization: [tiny/velocity]
  cost_of_velocities: []
tables:
  forecasting_error: [tiny/in_distribution]
"""
JOB = re.compile(r"^(?:local)?rule (\w+):\n((?:    .*\n)+)", re.MULTILINE)
COMBINE = {"combine in_distribution", "combine velocity", "combine curves"}
SHOW = {"figure training_speed", "figure velocity_generalization"}
SHOW |= {"table forecasting_error"}
MEASURED = {f"evaluate {model}" for model in ("grnn", "fernn_v1", "copy_last")}
BOOKS = (
    "all",
    "paper",
    "config",
    "trace",
    "track",
    "reproduction",
    "numbers",
    "look",
    "playground",
)  # jobs about all other jobs


class Project:
    """A copy of the workflow with one small budget."""

    def __init__(self, folder, made=None):
        self.folder = folder
        if made:
            shutil.copytree(made.folder, folder)
        else:
            copy(folder)
            (folder / "tiny.yaml").write_text(TINY)
        self.env = {
            **environment(folder / "src"),
            "XDG_CACHE_HOME": str(folder / "cache"),
        }

    def run(self, *arguments):
        """A finished process."""
        return subprocess.run(
            arguments,
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )

    def snakemake(self, *arguments, change=""):
        """Run Snakemake with a change of the configuration in a file of its own."""
        files = ["tiny.yaml"]
        if change:
            (self.folder / "change.yaml").write_text(change)
            files.append("change.yaml")
        module = [sys.executable, "-m", "snakemake"]
        return self.run(*module, "--configfile", *files, *arguments)

    def made(self, change, until):
        """Run the jobs of a rule, and what they need."""
        done = self.snakemake("--cores", "2", "--until", until, change=change)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    def weights(self, model, seed):
        """The bytes of a trained model's weights, by name."""
        path = self.folder / f"results/tiny/runs/tiny/{model}/{seed}/model.pt"
        weights = torch.load(path, weights_only=True)["weights"]
        return {name: value.numpy().tobytes() for name, value in weights.items()}

    def jobs(self, change="", key="wildcards", hidden=BOOKS, options=()):
        """What would run: a rule and the values of its wildcards, or of another key."""
        done = self.snakemake("--dry-run", *options, change=change)
        assert done.returncode == 0, done.stderr
        found = set()
        for rule, text in JOB.findall(done.stdout):
            if rule in hidden:
                continue
            value = re.search(rf"^    {key}: (.*)", text, re.MULTILINE)
            pairs = value[1].replace("experiment=tiny", "").split(",") if value else []
            found.add(" ".join([rule, *(p.split("=")[-1].strip() for p in pairs if p)]))
        return found


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    made = Project(tmp_path_factory.mktemp("project"))
    done = made.snakemake("--cores", "2")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert re.search(r"^\d+ jobs in ", done.stderr, re.MULTILINE), done.stderr[-500:]
    return made


def test_everything_is_made_and_can_be_traced(project):
    results = project.folder / "results/tiny"
    names = ("figures/training_speed", "figures/velocity_generalization")
    for name in names:
        for suffix in (".png", ".pdf"):
            assert (results / name).with_suffix(suffix).stat().st_size > 1000
    table = (results / "tables/forecasting_error.csv").read_text()
    assert "G-RNN" in table and "FERNN-V1" in table
    assert json.loads((results / "tracking.json").read_text())
    assert (project.folder / "results/mlflow/mlflow.db").exists()
    figure = "results/tiny/figures/training_speed.pdf"
    trace = project.run(sys.executable, "-m", "fernn", "trace", figure)
    assert trace.returncode == 0, trace.stderr
    for name in ("cubes/tiny/curves.nc", "grnn/0/model.pt", "best.json", "handwritten"):
        assert name in trace.stdout


def test_a_second_run_does_nothing(project):
    assert project.jobs(hidden=()) == set()
    done = project.snakemake("--cores", "2")
    assert done.returncode == 0 and "Nothing to be done" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "jobs"),
    [
        ("figures/training_speed", {"figure training_speed"}),
        ("drawing/style", SHOW - {"table forecasting_error"}),  # what they share
        ("tables/_write", {"table forecasting_error"}),
    ],
)
def test_a_source_makes_anew_what_draws_on_it(project, name, jobs):
    source = project.folder / f"src/fernn/{name}.py"
    text = source.read_text()
    source.write_text(f"{text}# changed\n")
    try:
        assert project.jobs() == jobs
    finally:
        source.write_text(text)


def test_a_models_entry_reruns_that_model(project):
    made = {"tune grnn 0", "select grnn", "train grnn 0", "evaluate grnn"}
    change = "models: { grnn: { kernel: 5 } }"
    assert project.jobs(change) == made | COMBINE | SHOW


def test_a_baselines_entry_measures_it_again(project):
    change = "models: { copy_last: { motion: oracle } }"
    assert project.jobs(change) == {"evaluate copy_last"} | COMBINE | SHOW


def test_a_models_label_trains_nothing(project):
    change = "models: { grnn: { label: G-RNN*, color: '#000000' } }"
    assert project.jobs(change) == COMBINE | SHOW


def test_a_wider_axis_is_drawn_and_measured_and_trains_nothing(project):
    change = "budgets: { tiny: { axes: { velocity: { grid_speed: 2 } } } }"
    assert project.jobs(change) == {"synthesize velocity"} | MEASURED | COMBINE | SHOW


def test_an_experiment_in_one_job_gives_the_same_cubes(project, tmp_path):
    """And trains nothing; nor does, but for its own model, what is changed then."""
    other, by = Project(tmp_path / "other", project), "evaluate: experiment"
    change = f"budgets: {{ tiny: {{ {by} }} }}"
    assert other.jobs(change) == {"evaluate all"} | COMBINE | SHOW
    done = other.snakemake("--cores", "2", change=change)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert other.jobs(change, hidden=()) == set()
    for axis in ("in_distribution", "velocity", "curves"):
        cubes = [
            read_dataset(each.folder / f"results/tiny/cubes/tiny/{axis}.nc")
            for each in (project, other)
        ]
        lineages = {cube.attrs.pop("lineage") for cube in cubes}
        assert len(lineages) == 2 and cubes[0].identical(cubes[1])
        assert cubes[0].model.values[:2].tolist() == ["grnn", "fernn_v1"]
    edit = f"{change}\nmodels: {{ grnn: {{ kernel: 5 }} }}"
    made = {"tune grnn 0", "select grnn", "train grnn 0", "evaluate all"}
    assert other.jobs(edit) == made | COMBINE | SHOW
    edit = f"{change}\nmodels: {{ copy_last: {{ motion: oracle }} }}"
    assert other.jobs(edit) == {"evaluate all"} | COMBINE | SHOW
    edit = f"{change}\nmodels: {{ grnn: {{ label: G-RNN* }} }}"
    assert other.jobs(edit) == COMBINE | SHOW
    wider = (
        f"budgets: {{ tiny: {{ {by}, axes: {{ velocity: {{ grid_speed: 2 }} }} }} }}"
    )
    made = {"synthesize velocity", "evaluate all"}
    assert other.jobs(wider) == made | COMBINE | SHOW


def test_all_seeds_of_a_model_are_trained_in_one_job(project, tmp_path):
    """One that is there already is left as it is."""
    other = Project(tmp_path / "other", project)
    change = "budgets: { tiny: { train: seeds, seeds: [0, 1] } }"
    trained = {"train_seeds grnn", "train_seeds fernn_v1"}
    assert other.jobs(change) == trained | MEASURED | COMBINE | SHOW
    path = other.folder / "results/tiny/runs/tiny/grnn/0/model.pt"
    before = path.read_bytes()
    other.made(change, until="train_seeds")
    assert path.read_bytes() == before
    assert path.parents[1].joinpath("1/history.nc").exists()
    assert other.jobs(change) == MEASURED | COMBINE | SHOW


def test_one_job_makes_the_trials_of_a_model_and_trains_its_seeds(project, tmp_path):
    """To the bits of jobs for each; other settings of training repeat no trial."""
    seeds = "budgets: { tiny: { train: seeds, seeds: [0, 1] } }"
    whole = "budgets: { tiny: { train: model, seeds: [0, 1] } }"
    apart, other = Project(tmp_path / "a", project), Project(tmp_path / "b", project)
    shutil.rmtree(other.folder / "results/tiny/studies")
    learned = {"learn grnn", "learn fernn_v1"}
    assert other.jobs(whole) == learned | MEASURED | COMBINE | SHOW
    apart.made(seeds, until="train_seeds")
    other.made(whole, until="learn")
    assert apart.weights("grnn", 1) == other.weights("grnn", 1)
    assert apart.weights("grnn", 0) != other.weights("grnn", 1)
    trials = other.folder / "results/tiny/studies/tiny/grnn/trials"
    before = {path: path.read_bytes() for path in trials.rglob("*.jsonl")}
    longer = whole.replace("train:", "epochs: 2, train:")
    assert learned <= other.jobs(longer)
    other.made(longer, until="learn")
    assert apart.weights("grnn", 1) != other.weights("grnn", 1)
    assert before == {path: path.read_bytes() for path in trials.rglob("*.jsonl")}
    assert len(before) == 1


def test_a_new_seed_is_trained_and_tunes_nothing(project):
    trained = {"train grnn 1", "train fernn_v1 1"}
    change = "budgets: { tiny: { seeds: [0, 1] } }"
    assert project.jobs(change) == trained | MEASURED | COMBINE | SHOW


def test_more_epochs_tune_nothing(project):
    jobs = project.jobs("budgets: { tiny: { epochs: 2 } }")
    assert {"train grnn 0", "train fernn_v1 0"} <= jobs
    assert not any(job.startswith(("tune", "select", "synthesize")) for job in jobs)


def test_an_item_of_the_paper_is_a_target(project):
    def made_for(*targets):
        jobs = project.jobs(options=["--forceall", "--", *targets])
        return {job for job in jobs if job.startswith(("figure", "table"))}

    assert made_for("figure_3") == {"figure_3", "figure training_speed"}
    assert made_for("paper") == SHOW
    absent = project.snakemake("--dry-run", "--", "figure_10")
    assert absent.returncode != 0 and "figure_10" in absent.stderr + absent.stdout


def test_budgets_do_not_overwrite_each_other(project):
    outputs = " ".join(project.jobs("budget: other", key="output")).split()
    files = [name for name in outputs if "/" in name]
    assert len(files) > 26
    assert all(name.startswith("results/other/") for name in files)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ("seed: 0\nbudget: dmo", [], "fernn: change.yaml:2:1: budget: no budget 'dmo'"),
        ("", ["--config", "budget=dmo"], "fernn: --config: budget: no budget 'dmo'"),
        (
            "models:\n  grnn: { kernal: 5 }\nbudgets: { tiny: { epochs: 0 } }",
            [],
            "fernn: change.yaml:2:11: models.grnn.kernal: forecaster has no option",
        ),
    ],
)
def test_a_mistake_stops_the_run_before_any_job(project, change, options, message):
    done = project.snakemake("--cores", "2", *options, change=change)
    assert done.returncode == 2
    assert message in done.stderr and "Traceback" not in done.stderr
    assert "rule" not in done.stdout
