"""Every mistake in the configuration is told, at once and where it stands."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fernn.cli import main
from fernn.config.check import checked
from fernn.config.positions import merge, read
from labrun.errors import UserError

ROOT = Path(__file__).parents[1]
SHIPPED = read(ROOT / "config.yaml")
SCHEMA = ROOT / "workflow/schemas/config.schema.json"
MISTAKES = """\
budgett: demo
models:
  grnn: { kernal: 5, flow: { max_speed: null, velocities: [] } }
  fernn_v1: { flow: { kind: translatoin } }
protocols:
  exact: { rollout: fre, clip: loose }
axes:
  velocity: { grid_speed: 9 }
  length: { horizn: 3 }
experiments:
  translation: { models: [grn, fernn_v1, copy_last] }
budgets:
  demo: { epocs: 3, frame_size: -3, source: handwriten }
  paper: { seeds: [0, 0] }
figures:
  training_sped: [translation/curves]
  rollouts: [translation/rolouts]
"""
TOLD = """\
1:1: budgett: unknown key; did you mean 'budget'?
3:11: models.grnn.kernal: forecaster has no option 'kernal'; did you mean 'kernel'?
3:47: models.grnn.flow.velocities: V is empty; give at least one velocity
4:23: models.fernn_v1.flow.kind: no 'translatoin' in flows; did you mean 'translation'?
6:12: protocols.exact.rollout: no rollout 'fre'; did you mean 'free'?
6:26: protocols.exact.clip: must be a number, got 'loose'
8:15: axes.velocity.grid_speed: 9 pixels/frame is too fast: on the 16 pixels of budget \
'zoo' speeds above 7 repeat others
9:13: axes.length.horizn: flowing_digits has no option 'horizn'; did you mean 'horizon'?
11:27: experiments.translation.models.0: no model 'grn'; did you mean 'grnn'?
11:32: experiments.translation.models.1: 'fernn_v1' flows by translatoin, the data by \
translation
11:42: experiments.translation.models.2: 'copy_last' (persistence) belongs under \
baselines
13:11: budgets.demo.epocs: unknown key; did you mean 'epochs'?
13:21: budgets.demo.frame_size: must be at least 1, got -3
13:37: budgets.demo.source: no source 'handwriten'; did you mean 'handwritten'?
14:12: budgets.paper.seeds: 0 more than once, got [0, 0]
16:3: figures.training_sped: no figure 'training_sped'; did you mean 'training_speed'?
17:14: figures.rollouts.0: no cube 'translation/rolouts'; did you mean \
'translation/rollouts'?
"""

SIZES = "budgets: {demo: {sizes: {actions: "


@pytest.fixture
def told(tmp_path):
    """The lines told of the shipped configuration with other files on top of it."""

    def told(*texts, **merged):
        sources = [SHIPPED]
        for index, text in enumerate(texts):
            file = tmp_path / f"{index}.yaml"
            file.write_text(text)
        try:
            sources += map(read, sorted(tmp_path.glob("*.yaml")))
            checked({**merge(sources), **merged}, sources)
        except UserError as error:
            return str(error).replace(f"{tmp_path}/0.yaml:", "").splitlines()
        return []

    return told


def test_all_mistakes_are_told_at_once_where_they_stand(told):
    first = [line for line in told(MISTAKES) if not line.startswith(f"{ROOT}")]
    assert sorted(first) == sorted(TOLD.splitlines())


@pytest.mark.parametrize(
    "other",
    [
        "seed: -1",
        "budgets: {demo: {epochs: -1}}",
        "budgets: {demo: {epochs: -1, sizes: 3}}",
        "budgets: {paper: {seeds: [0, 0]}}",
        "experiments: {rotation_slow: {title: 3}}",
        "experiments: {translation: {axes: [lenght]}}",
        "models: {grnn: {kernal: 5}}",
        "sources: 3",
        "budgets: {demo: {experiments: [rotation_slo, 3]}}",
    ],
)
def test_an_unknown_experiment_is_told_beside_another_mistake(told, other):
    unknown = "no experiment 'rotation_slo'; did you mean 'rotation_slow'?"
    lines = told("budgets: {demo: {experiments: [rotation_slo]}}", other)
    assert sum(line.endswith(unknown) for line in lines) == 1
    assert len(lines) > 1
    assert not any("no experiment 'rotation_slow'" in line for line in lines)


def test_names_in_an_experiment_that_cannot_be_read_are_told(told):
    given = "title: 3, models: [grn, grnn], protocol: exakt, axes: [lenght]"
    lines = told(f"experiments: {{translation: {{{given}}}}}")
    assert len(lines) == 4 and lines[0].startswith("1:29: ")
    for name in ("no model 'grn';", "no protocol 'exakt'", "no axis 'lenght'"):
        assert sum(name in line for line in lines) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("protocols: {exact: {rollout: fre}}", "no rollout 'fre'; did you mean 'free'"),
        ("models: {grnn: {pooling: mx}}", "no pooling 'mx'; did you mean 'max'"),
        ("models: {grnn: {kernel: 4}}", "must be odd and positive, got 4"),
        (
            "models: {grnn: {mixing: full, execution: fused}}",
            "execution: 'fused' does not mix slots (mixing 'full'); use plain",
        ),
        (
            "models: {grnn: {order: move_first, execution: fused}}",
            "execution: 'fused' convolves first (order 'move_first'); use plain",
        ),
        (
            "models: {grnn: {cell: {kind: learnt_shifts}}}",
            "cell.kind: no 'learnt_shifts' in cells; did you mean 'learned_shifts'",
        ),
        (
            "models: {grnn: {cell: {kind: learned_shifts, kernl: 3}}}",
            "cell.kernl: learned_shifts has no option 'kernl'; did you mean 'kernel'",
        ),
        (
            "models: {grnn: {cell: {kind: learned_shifts, kernel: 4}}}",
            "models.grnn.cell.kernel: must be odd and positive, got 4",
        ),
        (
            "models: {grnn: {kernel: 5, cell: {kind: learned_shifts}}}",
            "kernel: is of the default cell; give it in cell",
        ),
        (
            "experiments: {collisions: {dataset: {motion: {kind: colide}}}}",
            "dataset.motion.kind: no 'colide' in motions; did you mean 'collide'",
        ),
        (
            "experiments: {collisions: {dataset: {motion: {rech: 3}}}}",
            "dataset.motion.rech: collide has no option 'rech'; did you mean 'reach'",
        ),
        (
            "experiments: {collisions: {dataset: {motion: {room: 3}}}}",
            "collide has no option 'room'",
        ),
        ("axes: {hidden_state: {flows: [2]}}", "flows.0: must be a list, got 2"),
        ("axes: {hidden_state: {digits: 0}}", "digits: must be at least 1, got 0"),
        ("models: {grnn_pan: {last: 0}}", "last: must be at least 1, got 0"),
        ("models: {fernn_v1: {flow: {max_speed: -2}}}", "must not be negative, got -2"),
        ("budgets: {demo: {frame_size: 1000000000}}", "must be at most 4096, got 10"),
        ("budgets: {demo: {hidden: 1000000000}}", "must be at most 65536, got 10"),
        ("models: {grnn: {hidden: 1000000000}}", "must be at most 65536, got 10"),
        (f"budgets: {{demo: {{epochs: 1{'0' * 29}}}}}", "must be at most 10000000"),
        (f"seed: 1{'0' * 29}", "seed: must be at most 9223372036854775807, got 10"),
        (f"paper: {{{'a' * 300}: [rollouts]}}", "must have at most 100 characters"),
        ("models: {grnn: {label: 'cost $'}}", "label: an odd number of $"),
        (f"models: {{grnn: {{label: {'a' * 300}}}}}", "at most 200 characters"),
        ("models: {grnn: {mixing_radius: 0}}", "mixing_radius: must be positive"),
        ("models: {grnn: {hidden: -4}}", "hidden: must be at least 1, got -4"),
        ("models: {grnn: {flow: {closed: true}}}", "got max_speed and closed"),
        ("models: {fernn_v2: {flow: {max_speed: 8}}}", "speeds above 7 repeat others"),
        ("models: {new: {label: N, kind: forecaster}}", "models.new.flow: is missing"),
        (
            "models: {fernn_turn_v2: {execution: plain}}",
            "in the lab frame -20 degrees/frame must be a multiple of 360/12 degrees at"
            " the sizes of budget 'paper'; use execution 'comoving'",
        ),
        (
            "models: {fernn_turn_v2: {order: move_first}}",
            "order: in the lab frame -20 degrees/frame must be a multiple of 360/12",
        ),
        (
            "models: {grnn_turn: {execution: plain, flow: {max_speed: null,"
            " velocities: [0, 90, 20]}}}",
            "in the lab frame 20 degrees/frame must be a multiple of 360/8",
        ),
        ("models: {grnn: {color: red}}", "color: must match ^#"),
        ("budget: dmo", "no budget 'dmo'; did you mean 'demo'"),
        ("budget:", "budget: must be text, got None"),
        ("budgets: {demo: {epochs: true}}", "must be a whole number, got True"),
        ("budgets: {demo: {epochs: 3.0}}", "must be a whole number, got 3.0"),
        ("budgets: {demo: {epochs: '3'}}", "must be a whole number, got '3'"),
        ("budgets: {demo: {seeds: []}}", "seeds: must not be empty"),
        ("budgets: {demo: {sequences: 3}}", "an epoch of 3 is less than a batch, 4"),
        (
            "budgets: {demo: {batch: 8, devices: 3}}",
            "cannot share a batch of 8 equally; nearest: 2",
        ),
        (
            "budgets: {demo: {batch: 8, devices: 9}}",
            "9 cannot share a batch of 8 equally; nearest: 8",
        ),
        (
            "budgets: {demo: {tuning: {mode: batches}}}",
            "mode: no mode 'batches'; did you mean 'batch'?",
        ),
        ("budgets: {demo: {long_horizon: 4}}", "at least the horizon, 5, got 4"),
        ("budgets: {demo: {axes: {lenth: {}}}}", "did you mean 'length'"),
        (
            "budgets: {world: {sizes: {world_static: {axes: {lenth: {}}}}}}",
            "budgets.world.sizes.world_static.axes.lenth: no axis 'lenth'",
        ),
        ("axes: {length: {options: {a: 2}}}", "options.a: squared_error has no option"),
        ("axes: {length: {options: {spec: {}}}}", "has no option 'spec'"),
        (
            "budgets: {demo: {axes: {length: {options: {a: 2}}}}}",
            "budgets.demo.axes.length.options.a: squared_error has no option 'a'",
        ),
        ("budgets: {demo: {axes: {length: {sequences: true}}}}", "got True"),
        ("budgets: {demo: {sizes: {action: {}}}}", "no experiment 'action'; did you"),
        (f"{SIZES}{{source: kht}}}}}}}}", "no source 'kht'; did you mean 'kth'"),
        (f"{SIZES}{{sequences: 7}}}}}}}}", "epoch of 7 is less than a batch, 8"),
        (f"{SIZES}{{epocs: 9}}}}}}}}", "unknown key; did you mean 'epochs'"),
        (f"{SIZES}{{axes: {{camera: {{horizn: 2}}}}}}}}}}}}", "no option 'horizn'"),
        ("protocols: {kth: {tuning: {rangs: {}}}}", "unknown key; did you mean 'rang"),
        (
            "experiments: {kth: {dataset: {flow: [[]]}}}",
            "dataset.flow: must be text, got [[]]",
        ),
        ("experiments: {collisions: {dataset: {motion: {kind: [[]]}}}}", "no [[]] in"),
        (f"{SIZES}{{tuning: {{workers: 2}}}}}}}}}}", "is the budget's, one for all"),
        (
            "experiments: {kth: {models: [grnn], reference: grnn}}",
            "learns to forecast, the data",
        ),
        (
            "experiments: {kth: {reference: grn_kth}}",
            "no reference 'grn_kth'; did you mean 'grnn_kth'?",
        ),
        ("experiments: {kth: {published: kht}}", "no published 'kht'; did you mean"),
        ("published: {kth: {values: {con3d: {mean: 1}}}}", "no model 'con3d'; did you"),
        (
            "published: {openstl: {settings: {test: {digit: 2}}}}",
            "no setting 'test.digit'; did you mean",
        ),
        ("published: {kth: {shown: tabel}}", "no figure or table 'tabel'"),
        (
            "experiments: {kth: {axes: [camera, length]}}",
            "how models forecast or act, the data",
        ),
        ("protocols: {exact: {rollout: null}}", "has no rollout, and 'translation"),
        ("protocols: {kth: {learning_rates: {grn: 0.001}}}", "did you mean 'grnn'"),
        ("protocols: {exact: {rollouts: {grn: free}}}", "did you mean 'grnn'"),
        ("protocols: {exact: {rollouts: {grnn: fre}}}", "did you mean 'free'"),
        ("protocols: {exact: {costs: {conv3d: 1}}}", "its experiments 'conv3d'"),
        (
            "{axes: {new: {statistic: classification, draw: sampled}},"
            " experiments: {actions: {axes: [camera, footage, new]}}}",
            "actions.axes.2: budget 'demo' gives 'new' no sequences",
        ),
        ("axes: {hidden_state: {sequences: 2}}", "shows 1 sequence, got 2"),
        ("axes: {hidden_state: {flows: []}}", "1 flow that moves, got 0"),
        ("axes: {hidden_state: {flows: [[1]]}}", "must be [rows, columns]"),
        ("axes: {equivariance: {draw: sampled}}", "needs flowed, got sampled"),
        ("axes: {val: {statistic: curves}}", "is the name of a split"),
        (
            "figures: {training_speed: [translation/length]}",
            "shows curves, not squared_error (draw sampled",
        ),
        (
            "figures: {cost_of_velocities: [bench/velocity]}",
            "velocities, not the",
        ),
        ("paper: {table_1: [forecasting_eror]}", "did you mean 'forecasting_error'"),
        ("tuning: {first: [{learning_rate: 1}]}", "1.0 is outside its range 0.0003"),
        ("tuning: {first: [{}]}", "first.0: is trial 0 once more"),
        ("budgets: {demo: {options: {orientation: 8}}}", "did you mean 'orientations'"),
        (
            "{axes: {x: {statistic: curves}}, budgets: {demo: {axes: {x: {}}}}}",
            "axes.x: no experiment has this axis",
        ),
        (
            f"{SIZES}{{axes: {{velocity: {{}}}}}}}}}}}}",
            "no axis 'velocity'; known",
        ),
        (f"{SIZES}{{digits: 2}}}}}}}}", "digits: nothing in 'actions' takes it"),
        (f"{SIZES}{{decoder_layers: 2}}}}}}}}", "nothing in 'actions' takes it"),
        (f"{SIZES}{{horizon: 2}}}}}}}}", "horizon: nothing in 'actions' takes it"),
        (
            "protocols: {kth: {learning_rates: {fernn_v1: 0.001}}}",
            "no model of its experiments 'fernn_v1'; did you mean 'fernn_kth_v1'",
        ),
        ("protocols: {kth: {rollout: free}}", "rollout: no model of its experiments"),
        ("protocols: {kth: {extend_horizon: true}}", "no model of its experiments"),
        (
            "budgets: {demo: {tuning: {workers: 2}}}",
            "workers: train: model has one job",
        ),
        (
            "budgets: {demo: {tuning: {mode: batch}}}",
            "choose workers or train: seeds",
        ),
        ("seed: 2020-01-01", "is no number or text; write '2020-01-01'"),
    ],
)
def test_a_mistake_is_one_line(told, text, message):
    (line,) = told(text)
    assert line.startswith("1:") and message in line


def test_what_is_right_is_not_told(told):
    assert told("models: {grnn: {kernel: 5, pooling: mean}}") == []
    assert told("protocols: {exact: {learning_rate: '1e-3'}}") == []  # YAML 1.1's 1e-3
    assert told("models: {grnn: {flow: {max_speed: null, closed: true}}}") == []
    assert told(r"models: {grnn: {label: '$h_t$ costs 3 \$'}}") == []
    assert told(f"budgets: {{demo: {{seeds: {[*range(3000)]}}}}}") == []
    assert (
        told("budgets: {demo: {train: seeds, devices: 4, tuning: {mode: batch}}}") == []
    )
    quarters = "execution: plain, flow: {max_speed: null, velocities: [0, 90]}"
    assert told(f"models: {{grnn_turn: {{{quarters}}}}}") == []
    assert told("models: {grnn_turn: {execution: plain}}") == []  # it is at rest


def test_a_narrowed_budget_keeps_the_sizes_of_the_others(told):
    """Not those of experiments that nobody has."""
    assert told("budgets: {paper: {experiments: [translation_published]}}") == []
    assert told("budgets: {paper: {experiments: [translation], sizes: {x: {}}}}")


def test_the_winning_file_or_the_command_line_has_the_mistake(told, tmp_path):
    assert told("budget: paper", "budget: dmo")[0].startswith(f"{tmp_path}/1.yaml:1:1:")
    assert told("budget: dmo", "seed: 1")[0].startswith("1:1:")
    assert told("budget: paper", budget="dmo")[0].startswith("--config: budget: ")
    # What `<<` merges in stands where it was written.
    lines = told("sources: {b: &b {epochs: 0}}\nbudgets: {demo: {<<: *b}}")
    assert lines[0].startswith("1:18: budgets.demo.epochs: ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"budget: [demo\nseed: 0\n", ":2:5: did not find expected ',' or ']'"),
        (b"- budget\n", ":1:1: must be a mapping of keys to values"),
        (b"budget: d\xe9mo\n", ": is not UTF-8 at byte 9"),
        (None, ": No such file or directory"),
    ],
)
def test_a_file_that_is_no_yaml_is_one_line(tmp_path, capsys, content, message):
    file = tmp_path / "wrong.yaml"
    if content is not None:
        file.write_bytes(content)
    assert main(["config", str(file)]) == 2
    assert capsys.readouterr().err == f"fernn: {file}{message}\n"


UNUSED = "matplotlib.pyplot mlflow optuna seaborn sklearn snakemake torchmetrics"


@pytest.mark.parametrize(
    ("command", "heavy"),
    [
        (["config"], UNUSED),
        (["config", "--budget", "dmo"], UNUSED),
        (["config", "--syntax", SHIPPED.name], f"{UNUSED} matplotlib torch xarray"),
        (["--help"], f"{UNUSED} matplotlib torch xarray"),
    ],
)
def test_a_command_imports_no_library_that_it_does_not_use(command, heavy):
    code = (
        "import atexit, sys; from fernn.cli import main\n"
        "used = lambda: print({*sys.argv[1].split()} & set(sys.modules))\n"
        "atexit.register(used); main(sys.argv[2:])"
    )
    line = [sys.executable, "-c", code, heavy, *command]
    run = subprocess.run(line, capture_output=True, text=True, cwd=ROOT)
    assert run.stdout.endswith("set()\n"), run


def test_an_optimiser_of_torch_is_checked_in_one_line(tmp_path):
    """To make one imports triton, which reports at its end what nobody collects."""
    pytest.importorskip("triton")
    own = tmp_path / "own.yaml"
    own.write_text("protocols: { exact: { optimiser: { kind: AdamW } } }\n")
    command = [sys.executable, "-m", "fernn", "config", "config.yaml", str(own)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert run.stderr == "" and run.stdout.count("\n") == 1
    code = "import torch; print(torch.optim.AdamW([torch.nn.Parameter(torch.ones(1))]))"
    code += "; import sys; print('triton' in sys.modules)"
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert made.stdout.endswith("True\n")


def test_the_schema_is_up_to_date(capsys):
    jsonschema = pytest.importorskip("jsonschema")
    main(["config", "--schema"])
    made = capsys.readouterr().out
    repair = f"fernn config --schema > {SCHEMA.relative_to(ROOT)}"
    assert SCHEMA.read_text() == made, f"repair with: {repair}"
    jsonschema.validate(merge([SHIPPED]), json.loads(made))
