"""A cost that is not written is what `fernn estimate` counts; one that lies is told."""

import json
import re
import subprocess
import sys

import pytest

from copied import ROOT
from fernn.cli import main
from fernn.config.check import checked
from fernn.config.costs import remarks
from fernn.config.operations import MODELS, Step, count, slots
from fernn.config.plan import plan
from fernn.config.positions import merge, read
from fernn.estimate import flop
from fernn.estimate.work import Network, Work, training
from labrun.errors import UserError

SHIPPED = read(ROOT / "config.yaml")
EPOCHS = merge([SHIPPED])["budgets"]["demo"]["epochs"]
OWN = {"budgets": {"demo": {"sizes": {"translation": {"costs": {"fernn_v1": 9}}}}}}
PLACE = "budgets.demo.sizes.translation.costs.fernn_v1"
V3 = {"label": "FERNN-V3", "kind": "forecaster", "color": "#123456"}
V3 |= {"flow": {"kind": "translation", "max_speed": 3}}


def raw(budget="demo", **models):
    """The shipped configuration, with models changed or added to `translation`."""
    made = {**merge([SHIPPED]), "budget": budget}
    for name in ("translation", "translation_slow"):  # the costs of models count
        del made["budgets"]["demo"]["sizes"][name]["costs"]
    if models:  # with roll-outs for which models have their own cost
        made["protocols"]["exact"] |= {"rollout": "free", "rollouts": {}, "costs": {}}
    for name, changes in models.items():
        own = made["models"].setdefault(name, {})
        own |= changes
        named = made["experiments"]["translation"]["models"]
        if name not in named:
            named.append(name)
    return made


def resolved(*args, **models):
    made = plan(checked(raw(*args, **models), [SHIPPED]))
    return made["experiments"]["translation"]


def told(*args, **models):
    config = checked(raw(*args, **models), [SHIPPED])
    return [(level, each.path[1], each.message) for level, each in remarks(config)]


def of_one_step(entry):
    """Multiplications of one sequence, counted here and by torch's counter."""
    spec, size, run = entry["model"], entry["frame_size"], entry["training"]
    works = training(Network(json.dumps(spec, sort_keys=True), size), run, 4)
    works = [work for work in works if work.trains]
    steps = sum(work.batches for work in works)
    flops = sum(flop.count(work).flop for work in works) / (2 * steps * run["batch"])
    longer = run["long_horizon"] - run["horizon"] if run["extend_horizon"] else 0
    step = Step(size, run["context"], run["horizon"] + longer / 4)
    return count(spec, step), flops


def test_operations_are_those_that_torch_counts():
    """But for a linear layer, and a few per cent of harmonic rotations."""
    made = plan(checked(raw("mnist-small"), [SHIPPED]))["experiments"]
    seen = set()
    for experiment in made.values():
        for entry in experiment["models"].values():
            spec = entry["model"]
            flow = spec.get("flow", {}).get("kind")
            here, there = of_one_step(entry)
            within = 0.06 if flow == "rotation" else 1e-4
            assert here == pytest.approx(there, rel=within), spec
            seen.add((spec["kind"], flow, spec.get("mixing"), spec.get("rollout")))
    assert len(seen) >= 6


def test_the_operations_of_a_model_worked_by_hand():
    """2 frames seen, 2 predicted, 4 pixels, kernels of 9, 2 hidden channels, V of 9."""
    spec = {"kind": "forecaster", "hidden": 2, "decoder_layers": 0}
    spec |= {"flow": {"kind": "translation", "max_speed": 1}}
    lifting = 2 * 2 * (9 * 2)  # forward, and backward to the weights alone
    recurrent = 3 * (1 + 9) * (9 * 2 * 2)  # the first state is the same in all slots
    decoder = 3 * 2 * (9 * 2)
    assert count(spec, Step(2, 2, 2)) == 4 * (lifting + recurrent + decoder)
    assert count({**spec, "hidden": 4}, Step(2, 2, 2)) > 3 * count(spec, Step(2, 2, 2))


@pytest.mark.parametrize(
    ("rollout", "steps", "fed"),
    [
        ("advect", 0, 0),
        ("free", 4, 0),
        ("shifted", 4, 4),
        ("repeat", 5, 5),
        ({"kind": "corrected", "every": 2}, 2, 2),
        ({"kind": "corrected", "every": 3, "by": "recurrence"}, 1, 0),
    ],
    ids=str,
)
def test_the_steps_and_lifted_frames_of_each_roll_out(rollout, steps, fed):
    """2 frames seen, 5 predicted; as torch counts them, and by hand."""
    spec = {"kind": "forecaster", "hidden": 2, "decoder_layers": 0, "rollout": rollout}
    spec |= {"flow": {"kind": "translation", "max_speed": 1}}
    lifting, decoder = (2 + fed) * 2 * (9 * 2), 5 * 3 * (9 * 2)
    recurrent = 3 * (1 + 9 * steps) * (9 * 2 * 2)
    found = count(spec, Step(4, 2, 5))
    assert found == 16 * (lifting + recurrent + decoder)
    work = Work(Network(json.dumps(spec), 4), 1, 2, 5, 1, trains=True)
    given = fed * (9 * 2) * 16  # the gradient of a fed prediction, not counted here
    assert 0 <= flop.count(work).flop / 2 - found <= given


@pytest.mark.parametrize(
    ("flow", "many"),
    [
        ({"kind": "translation", "max_speed": 3}, 49),
        ({"kind": "translation", "closed": True}, 100),
        ({"kind": "translation", "velocities": [[0, 0], [0, 1]]}, 2),
        ({"kind": "pan", "max_speed": 3}, 7),
        ({"kind": "pan", "closed": True}, 10),
        ({"kind": "rotation", "orientations": 8, "max_speed": 4}, 8),  # -180 is 180
        ({"kind": "rotation", "orientations": 8, "max_speed": 3}, 7),
        ({"kind": "rotation", "orientations": 6, "closed": True}, 6),
    ],
)
def test_slots_are_those_of_the_flow(flow, many):
    from fernn import flows

    assert slots(flow, 10) == many == len(flows.build(flow, 10).velocities)


def test_a_model_without_a_cost_costs_its_operations_in_the_unit_of_the_others():
    made = resolved(fernn_v3=V3)
    v3, v2 = (of_one_step(made["models"][m])[1] for m in ("fernn_v3", "fernn_v2"))
    cost = made["attrs"]["models"]["fernn_v3"]["cost"]
    assert cost == pytest.approx(v3 / v2, rel=0.01) and 1.9 < cost < 49 / 25
    assert made["attrs"]["models"]["fernn_v3"]["epochs"] == round(EPOCHS / cost)
    halved = resolved(fernn_v3=V3, fernn_v2={"cost": 0.5}, fernn_v1={"cost": 0.1})
    half = halved["attrs"]["models"]["fernn_v3"]["cost"]
    assert half == pytest.approx(cost / 2, rel=0.01)
    written = resolved(fernn_v3={**V3, "cost": 1})["attrs"]["models"]["fernn_v3"]
    assert (written["cost"], written["epochs"]) == (1.0, EPOCHS)


def test_a_cost_of_a_size_is_in_place_of_the_models():
    """A budget's costs are of all its experiments but those with costs of their own."""

    def about(experiment):
        made = plan(checked(sizes, [SHIPPED]))["experiments"][experiment]
        return {name: one["cost"] for name, one in made["attrs"]["models"].items()}

    sizes = raw()
    shipped, demo = about("translation"), sizes["budgets"]["demo"]
    demo["costs"] = {"grnn": 0.5}
    demo["sizes"]["translation_slow"] = {"costs": {"grnn": 0.125}}
    assert about("translation") == {**shipped, "grnn": 0.5} != shipped
    assert about("translation_slow") == {**shipped, "grnn": 0.125}
    demo["costs"] = {"grn": 0.5}
    with pytest.raises(UserError, match=r"costs.*'grn'.*'grnn'"):
        checked(sizes, [SHIPPED])


def test_without_any_cost_the_largest_model_costs_one():
    none = {name: {"cost": None} for name in ("grnn", "fernn_v1", "fernn_v2")}
    about = resolved(**none)["attrs"]["models"]
    costs = {name: about[name]["cost"] for name in (*none, "copy_last")}
    assert costs == {"grnn": 0.0778, "fernn_v1": 0.385, "fernn_v2": 1, "copy_last": 1}


def test_a_protocol_has_costs_of_its_roll_outs():
    """In place of those of the models, which other protocols keep."""
    made = plan(checked(raw("mnist-small"), [SHIPPED]))["experiments"]
    for name, cost, epochs in (
        ("translation", 0.4, 50),
        ("translation_published", 1, 20),
    ):
        about = made[name]["attrs"]["models"]["fernn_v2"]
        assert (about["cost"], about["epochs"]) == (cost, epochs)  # of 20


def test_a_default_and_a_cost_far_from_operations_are_told():
    assert told() == [] == told("mnist-small") == told("mnist")
    level, model, message = told(fernn_v3=V3)[0]
    assert (level, model) == ("note", "fernn_v3")
    assert message == "is not given, and counted as 1.92 in translation"
    v4 = {**V3, "flow": {"kind": "translation", "max_speed": 4}}
    ((level, model, message),) = told(fernn_v4={**v4, "cost": 1})
    assert (level, model) == ("warning", "fernn_v4")
    assert message.startswith("1 is less than half what operations tell, 2.1 to 3.2")
    assert told(fernn_v4={**v4, "cost": 2}) == []
    ((*_, message),) = told(fernn_v4={**v4, "cost": 7})
    assert message.startswith("7 is more than twice")
    assert told("paper", fernn_v4={**v4, "cost": 1}) == []  # there epochs are equal


def test_a_model_whose_operations_are_not_known_needs_a_cost(monkeypatch):
    change = raw()
    assert checked(change, [SHIPPED])  # as operations tell
    monkeypatch.delitem(MODELS, "conv3d")
    for name in ("kth", "kth_columns"):  # others with that kind
        for model in change["experiments"][name]["models"]:
            change["models"][model].setdefault("cost", 1)
    change["models"]["conv3d_pan"]["cost"] = None
    with pytest.raises(UserError, match=r"models.conv3d_pan.cost: is missing; oper"):
        checked(change, [SHIPPED])
    alone = {"models": ["conv3d_pan"], "reference": "conv3d_pan"}
    benchmarks = ("benchmark_actions", "benchmark_kth")
    for name in ("actions", *benchmarks, "strategies_pretrain"):
        change["experiments"][name] |= alone
    assert checked(change, [SHIPPED])  # alone it is compared with none


def test_the_command_says_a_line_and_prints_the_plan_if_asked(tmp_path, capsys):
    own = tmp_path / "mine.yaml"
    own.write_text(json.dumps(OWN))
    assert main(["config"]) == 0
    line, silent = capsys.readouterr()
    counts = r"5 experiments, \d\d models, \d\d\d jobs"
    assert re.fullmatch(rf"config\.yaml: budget demo, {counts}\n", line) and not silent
    assert main(["config", "--configfile", str(own)]) == 0
    done = capsys.readouterr()
    assert done.out == line.replace(":", f", {own}:", 1)
    (told,) = done.err.splitlines()
    assert told.startswith(f"fernn: warning: {own}:1:59: {PLACE}: 9 is more")
    assert main(["config", str(own), "--print"]) == 0
    assert json.loads(capsys.readouterr().out)["budget"] == "demo"


def test_the_workflow_tells_it_at_its_start(tmp_path):
    pytest.importorskip("snakemake")
    (tmp_path / "mine.yaml").write_text(json.dumps(OWN))
    command = [sys.executable, "-m", "snakemake", "-n", "-s", str(ROOT / "Snakefile")]
    command += [
        "--directory",
        str(tmp_path),
        "--configfile",
        str(tmp_path / "mine.yaml"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and f"{PLACE}: 9 is more" in done.stderr


WITHOUT_FLOW = [
    ({"kind": "convlstm", "hidden": 5, "layers": 2, "decoder_layers": 1}, 1e-4),
    ({"kind": "convlstm", "hidden": 4, "patch": 2, "decoder_kernel": 1}, 1e-4),
    ({"kind": "convgru", "hidden": 5, "decoder_layers": 1}, 1e-4),
    ({"kind": "predrnn", "hidden": 5, "layers": 3, "patch": 2}, 1e-4),
    ({"kind": "phydnet", "hidden": 6, "kernel": 3, "decoder_layers": 1}, 1e-4),
    ({"kind": "phydnet", "hidden": 32, "image": "strided", "boundary": "zero"}, 0.02),
    ({"kind": "transformer", "hidden": 32, "layers": 2, "context": 3}, 0.1),
]


@pytest.mark.parametrize(("spec", "within"), WITHOUT_FLOW)
def test_operations_of_models_without_a_flow_are_those_that_torch_counts(spec, within):
    run = {"batch": 1, "context": 3, "horizon": 4, "long_horizon": 4, "sequences": 1}
    run |= {"epochs": 1, "extend_horizon": False}
    here, there = of_one_step({"model": spec, "frame_size": 16, "training": run})
    assert here == pytest.approx(there, rel=within)
