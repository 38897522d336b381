"""The science is in the configuration once; a budget changes sizes only."""

from pathlib import Path

import pytest

from fernn.config.check import checked
from fernn.config.plan import plan
from fernn.config.positions import merge, read
from fernn.config.resolve import resolve_and_tell
from labrun.errors import UserError

SHIPPED = read(Path(__file__).parents[1] / "config.yaml")
# budgets whose experiments are their own
ALONE = ("ablation", "ace", "lyapunov", "world", "world-paper", "zoo", "zoo-paper")
BUDGETS = [name for name in SHIPPED.content["budgets"] if name not in ALONE]
ITEMS = {"figure": (1, 2, 3, 4, 5, 6, 9, 10, 11), "table": (1, 2, 4)}
SIZES = {
    "attrs": {"budget", "context", "cost", "digits", "epochs", "frame_size", "horizon"}
    | {"long_horizon", "differs", "sequences", "step"}
    | {"match", "trials", "validation_horizon"},
    "axes": {"batch", "context", "horizon"},
    "baselines": set(),
    "models": {
        "batch",
        "context",
        "decoder_layers",
        "epochs",
        "frame_size",
        "precision",
    }
    | {"hidden", "horizon", "long_horizon", "sequences", "trials"}
    | {"orientations", "step", "ranges", "first", "validation_horizon"},
    "recipes": {"digits", "frame_size", "frames", "grid_speed", "max_offset"}
    | {"sequences", "step"},
}


@pytest.fixture
def resolved():
    """The plan of the shipped configuration for a budget, after a change."""

    def resolve(budget, change=lambda raw: None):
        raw = {**merge([SHIPPED]), "budget": budget}
        change(raw)
        return plan(checked(raw, [SHIPPED]))

    return resolve


def science(node, sizes):
    """A part of a plan without its sizes."""
    if isinstance(node, dict):
        return {k: science(v, sizes) for k, v in node.items() if k not in sizes}
    return node


@pytest.mark.parametrize("budget", [*BUDGETS, "zoo"])
def test_the_shipped_configuration_is_right_for_every_budget(resolved, budget):
    made = resolved(budget)
    assert made["budget"] == budget and made["figures"] and made["tables"]


@pytest.mark.parametrize("budget", [name for name in BUDGETS if name != "demo"])
def test_a_budget_changes_sizes_only(resolved, budget):
    one, other = resolved("demo")["experiments"], resolved(budget)["experiments"]
    shared = one.keys() & other.keys()
    assert shared
    for name in shared:
        assert one[name].keys() == other[name].keys() == {"seeds", "parts", *SIZES}
        for part, sizes in SIZES.items():
            assert science(one[name][part], sizes) == science(other[name][part], sizes)
        searched = [made[name]["models"].values() for made in (one, other)]
        for mine, its in zip(*searched, strict=True):  # fewer ranges, but the same
            pairs = mine["tuning"]["ranges"], its["tuning"]["ranges"]
            assert all(pairs[0][k] == pairs[1][k] for k in pairs[0].keys() & pairs[1])


def test_what_is_no_size_is_noticed(resolved):
    def change(raw):
        raw["models"]["grnn"]["kernel"] = 5

    one, other = resolved("demo"), resolved("demo", change)
    models = [science(p["experiments"], SIZES["models"]) for p in (one, other)]
    assert models[0] != models[1]


def test_equal_compute_divides_epochs_by_cost(resolved):
    def change(raw):
        raw["budgets"]["demo"].update(epochs=10, tuning={"trials": 1, "epochs": 2})
        del raw["budgets"]["demo"]["sizes"]["translation"]["costs"]
        raw["models"]["grnn"]["cost"] = 0.25
        raw["protocols"]["exact"]["costs"] = {"fernn_v1": 40}

    def epochs(model):
        made = resolved("demo", change)["experiments"]["translation"]
        entry = made["models"][model]
        about = made["attrs"]["models"][model]
        assert about["epochs"] == entry["training"]["epochs"]
        return entry["training"]["epochs"], entry["trial"]["epochs"]

    assert epochs("fernn_v2") == (10, 2)
    assert epochs("grnn") == (40, 8)
    assert epochs("fernn_v1") == (1, 1)  # at least one


def test_a_mode_of_tuning_changes_no_science_and_no_study(resolved):
    def change(raw):
        raw["budgets"]["mnist-small"]["tuning"]["mode"] = "batch"

    one, other = resolved("mnist-small"), resolved("mnist-small", change)
    assert (one.pop("tuning_mode"), other.pop("tuning_mode")) == ("workers", "batch")
    assert one == other and one["trials"] == 5


def test_the_published_protocol_is_trained_as_it_stands_and_others_are_tuned(resolved):
    made = resolved("paper")["experiments"]
    for experiment, model, trials in (
        ("translation_published", "fernn_v2", 0),
        ("translation", "fernn_v2", 16),
    ):
        entry = made[experiment]["models"][model]
        assert entry["tuning"]["trials"] == trials
        assert bool(entry["tuning"]["ranges"]) == bool(trials)
        assert entry["training"]["learning_rate"] == 0.001


def test_the_published_rotation_is_the_authors(resolved):
    """Their settings and network; the converse is the experiment of our own."""
    made = resolved("paper")["experiments"]
    speeds = {"rotation_published": 4, "rotation_slow_published": 1}
    for name, speed in speeds.items():
        assert made[name]["recipes"]["train"]["max_speed"] == speed
        for model, fastest in (("grnn", 0), ("fernn", 4)):
            suffix = "_v4" if fastest else ""
            entry = made[name]["models"][f"{model}_turn{suffix}_published"]
            training, network = entry["training"], entry["model"]
            assert training["learning_rate"] == 1e-4 and training["clip"] is None
            assert training["batch"] == 32 and training["epochs"] == 50
            assert training["schedule"] == "constant"
            assert not training["extend_horizon"] and not entry["tuning"]["trials"]
            assert network["flow"] == {
                "kind": "rotation",
                "orientations": 36,
                "step": 10,
                "max_speed": fastest,
                "basis": "rings",
                "interpolation": "bilinear",
                "initial_weights": "he",
            }
            assert network["order"] == "move_first" and network["rollout"] == "repeat"
            assert network["decoder"] == "ordinary" and network["decoder_layers"] == 4
    ours = made["rotation"]["models"]["fernn_turn_v4"]
    assert ours["training"]["clip"] == 1 and "order" not in ours["model"]


def test_how_much_a_job_trains_changes_nothing_else(resolved):
    def trained(by, devices=1):
        def change(raw):
            raw["budgets"]["demo"] |= {"train": by, "devices": devices}

        plan = resolved("demo", change)
        return plan.pop("together"), plan.pop("learned"), plan

    seeds, whole, apart = (trained(by) for by in ("seeds", "model", "seed"))
    assert seeds[:2] == ([0, 1, 2], []) and apart[:2] == ([], [])
    assert whole[:2] == ([0, 1, 2], [*whole[2]["experiments"]])
    assert seeds[2] == whole[2] == apart[2]
    for by in ("seeds", "model"):
        assert trained(by, devices=2)[:2] == ([], [])  # they share a seed's batch


def test_how_much_a_job_measures_changes_nothing_else(resolved):
    def change(raw):
        raw["budgets"]["demo"]["evaluate"] = "model"

    one, other = resolved("demo"), resolved("demo", change)
    name = "translation_slow"
    order = [
        "grnn",
        "fernn_v1",
        "fernn_v2",
        "copy_last",
        "copy_estimated",
        "copy_moved",
    ]
    together, apart = (p["experiments"][name]["parts"] for p in (one, other))
    assert together == {"all": order}
    assert list(apart.items()) == [(model, [model]) for model in order]
    assert one != other
    for experiment in one["experiments"]:
        for made in (one, other):
            del made["experiments"][experiment]["parts"]
    assert one == other


def test_baselines_are_measured_where_they_have_something_to_show(resolved):
    axes = resolved("demo")["experiments"]["translation"]["axes"]
    without = {name for name, axis in axes.items() if not axis["baselines"]}
    assert without == {"hidden_state", "equivariance"} < axes.keys()


def test_a_baseline_that_is_told_the_velocity_is_an_oracle_whatever_its_name(resolved):
    def oracles(change=lambda raw: None):
        made = resolved("demo", change)["experiments"]["translation"]["attrs"]
        return [name for name, about in made["models"].items() if about["oracle"]]

    assert oracles() == ["copy_moved"]

    def turn(raw):
        raw["models"]["copy_moved"]["motion"] = "still"
        raw["models"]["copy_last"]["motion"] = "oracle"

    assert oracles(turn) == ["copy_last"]


def test_equal_epochs_do_not(resolved):
    models = resolved("paper")["experiments"]["translation_slow"]["models"]
    assert {entry["training"]["epochs"] for entry in models.values()} == {16}


def test_a_models_own_entry_wins_over_budget_and_protocol(resolved):
    def change(raw):
        raw["models"]["grnn"].update(hidden=3, rollout="shifted")

    models = resolved("mnist-small", change)["experiments"]["translation"]["models"]
    assert "rollout" not in models["grnn"]["tuning"]["ranges"]
    assert "rollout" in models["fernn_v1"]["tuning"]["ranges"]
    assert models["grnn"]["model"]["hidden"] == 3
    assert models["grnn"]["model"]["rollout"] == "shifted"
    assert models["fernn_v1"]["model"]["hidden"] == 8
    assert models["fernn_v1"]["model"]["rollout"] == "advect"


def test_a_protocol_has_a_roll_out_for_single_models(resolved):
    """In place of that for all; a model's own entry wins over both."""

    def change(raw):
        raw["protocols"]["exact"] |= {
            "rollouts": {"grnn": "shifted", "fernn_v2": "free"}
        }
        raw["models"]["fernn_v2"]["rollout"] = "repeat"

    models = resolved("demo", change)["experiments"]["translation"]["models"]
    found = {name: entry["model"]["rollout"] for name, entry in models.items()}
    assert found == {"grnn": "shifted", "fernn_v1": "advect", "fernn_v2": "repeat"}


def test_a_budget_sizes_an_axis_and_its_horizon_is_the_trained_one(resolved):
    def change(raw):
        raw["budgets"]["demo"]["axes"]["length"] = {"sequences": 7, "horizon": 9}

    made = resolved("demo", change)["experiments"]["translation"]
    length, velocity = made["recipes"]["length"], made["recipes"]["velocity"]
    assert (length["sequences"], length["frames"]) == (7, 5 + 9)
    assert (velocity["sequences"], velocity["frames"]) == (16, 5 + 5)
    assert made["axes"]["length"]["spec"]["horizon"] == 9


def test_an_experiment_that_sizes_an_axis_leaves_the_others_as_they_are(resolved):
    def change(raw):
        own = raw["budgets"]["demo"]["sizes"]["translation"]
        own["axes"] = {"length": {"sequences": 3}}  # its horizon is the budget's

    before, after = (
        resolved("demo", how)["experiments"]["translation"]["recipes"]
        for how in (lambda raw: None, change)
    )
    assert after["length"] == {**before["length"], "sequences": 3} != before["length"]
    assert {n for n in before if before[n] != after[n]} == {"length"}


def test_test_sets_are_of_test_digits_and_training_sets_are_not(resolved):
    recipes = resolved("demo")["experiments"]["translation"]["recipes"]
    pools = {name: recipe["pool"] for name, recipe in recipes.items()}
    assert (pools.pop("train"), pools.pop("val")) == ("train", "val")
    assert set(pools.values()) == {"test"}
    assert "curves" not in pools


def test_figures_show_the_cubes_the_budget_has(resolved):
    published = "translation_published/in_distribution"
    assert published not in resolved("demo")["tables"]["forecasting_error"]
    assert published in resolved("paper")["tables"]["forecasting_error"]

    def change(raw):
        raw["figures"] = {"training_speed": ["translation_published/curves"]}
        raw["paper"], raw["targets"] = {"figure_3": ["training_speed"]}, {}

    shown = {budget: resolved(budget, change)["paper"] for budget in ("demo", "paper")}
    assert resolved("demo", change)["figures"] == {}
    assert shown["demo"] == {"figure_3": {"figures": [], "tables": []}}
    assert shown["paper"]["figure_3"]["figures"] == ["training_speed"]


OWN = {
    "title": "Own",
    "dataset": {"kind": "flowing_digits", "flow": "translation", "max_speed": 1},
    "models": ["grnn", "fernn_v1"],
    "protocol": "exact",
    "axes": ["as_trained", "far", "everywhere", "learning"],
}
RENAMED = {
    "as_trained": "in_distribution",
    "far": "length",
    "everywhere": "velocity",
    "learning": "curves",
}


def own(raw, **changes):
    """Add an experiment that no list names, on test sets of names of its own."""
    raw["experiments"]["own"] = {**OWN, **changes}
    for name, known in RENAMED.items():
        raw["axes"][name] = {**raw["axes"][known], "sequences": 1}
    raw["budgets"]["demo"]["experiments"] = ["translation", "own"]


def shown(made):
    """The cubes of an own experiment, by the figures and tables that show them."""
    items = {**made["figures"], **made["tables"]}
    found = {
        name: [cube.removeprefix("own/") for cube in cubes if cube.startswith("own/")]
        for name, cubes in items.items()
    }
    return {name: axes for name, axes in found.items() if axes}


def test_an_experiment_that_no_list_names_is_shown_wherever_it_fits(resolved):
    expected = {
        "training_speed": ["learning"],
        "length_generalization": ["far"],
        "velocity_generalization": ["everywhere"],
        "forecasting_error": ["as_trained"],
        "generalization": ["as_trained", "far", "everywhere"],
        "seeds": ["as_trained", "far", "everywhere"],
    }
    assert shown(resolved("demo", own)) == expected
    figures = resolved("demo", own)["figures"]
    assert figures["training_speed"] == ["translation/curves", "own/learning"]

    def alone(raw):  # and without any experiment that is listed
        own(raw)
        raw["budgets"]["demo"]["experiments"] = ["own"]

    assert shown(resolved("demo", alone)) == expected

    def turning(raw):
        own(raw, dataset=raw["experiments"]["rotation_slow"]["dataset"])
        raw["experiments"]["own"]["models"] = ["grnn_turn"]
        turned = {"options": {"orientations": 8, "step": 45, "max_offset": 2}}
        raw["budgets"]["demo"]["sizes"]["own"] = turned | {"frame_size": 15}

    rest = {k: v for k, v in expected.items() if k != "velocity_generalization"}
    turned = rest | {"angular_generalization": ["everywhere"]}
    assert shown(resolved("demo", turning)) == turned

    def changing(raw):
        own(raw, dataset=raw["experiments"]["collisions"]["dataset"])
        raw["experiments"]["own"]["dataset"]["motion"] = {"kind": "glide", "share": 0.1}
        raw["experiments"]["own"]["axes"] = ["as_trained"]

    assert shown(resolved("demo", changing)).keys() == {
        "forecasting_error",
        "generalization",
        "seeds",
        "velocity_mixing",
    }


@pytest.mark.parametrize("budget", BUDGETS)
def test_what_no_figure_and_no_table_shows_is_told(budget):
    def told(change):
        raw = {**merge([SHIPPED]), "budget": budget}
        change(raw)
        _, lines = resolve_and_tell([], merged=raw)
        return [line for line in lines if "no figure or table" in line]

    assert told(lambda raw: None) == []

    def hidden(raw):  # pictures of rotations' states cannot be drawn
        own(raw, dataset=raw["experiments"]["rotation_slow"]["dataset"])
        raw["experiments"]["own"] |= {"models": ["grnn_turn"], "axes": ["hidden_state"]}
        raw["axes"]["noise"] = {**raw["axes"]["in_distribution"], "sequences": 1}
        raw["experiments"]["translation"]["axes"] += ["noise"]
        sizes = raw["budgets"]["demo"]["sizes"]
        raw["budgets"][budget]["sizes"]["own"] = sizes["rotation_slow"]
        raw["budgets"][budget]["experiments"] = ["translation", "own"]

    cubes = "translation/noise, own/hidden_state"
    assert told(hidden) == [f"note: no figure or table shows {cubes}"]


def test_lists_decide_of_what_they_name(resolved):
    def listed(raw):
        own(raw)
        raw["figures"]["training_speed"] = ["own/learning"]

    assert shown(resolved("demo", listed)) == {"training_speed": ["learning"]}

    def every(raw):
        listed(raw)
        raw["figures"]["length_generalization"] = ["own/far", "all"]

    made = resolved("demo", every)
    far = ["own/far", "translation/length", "translation/long_rollout"]
    assert made["figures"]["length_generalization"] == far

    def never(raw):
        own(raw)
        raw["figures"]["training_speed"] = []

    assert "training_speed" not in resolved("demo", never)["figures"]


def test_a_test_set_may_be_renamed(resolved):
    before = resolved("smoke")["figures"]

    def renamed(raw):
        raw["axes"]["longer"] = raw["axes"].pop("length")
        for experiment in raw["experiments"].values():
            if "length" in experiment["axes"]:
                names = ["longer" if a == "length" else a for a in experiment["axes"]]
                experiment["axes"] = names
        for budget in raw["budgets"].values():
            for sizes in (budget, *budget.get("sizes", {}).values()):
                if "length" in sizes.get("axes", {}):
                    sizes["axes"] = sizes["axes"] | {"longer": sizes["axes"]["length"]}
                    del sizes["axes"]["length"]
        for group in ("figures", "tables"):
            for name, cubes in raw[group].items():
                raw[group][name] = [c.replace("/length", "/longer") for c in cubes]

    after = resolved("smoke", renamed)["figures"]
    assert after == {
        name: [cube.replace("/length", "/longer") for cube in cubes]
        for name, cubes in before.items()
    }
    assert "translation/longer" in after["length_generalization"]


def test_a_target_is_there_where_the_first_that_it_names_is(resolved):
    def listed(*shown):
        return lambda raw: raw.update(targets={"mine": [*shown]})

    other = "velocity_generalization"
    made = resolved("zoo", listed("leaderboard", other))["targets"]
    assert made == {"mine": {"figures": [other], "tables": ["leaderboard"]}}
    assert resolved("demo", listed("leaderboard", other))["targets"] == {}
    assert resolved("demo", listed(other, "leaderboard"))["targets"]["mine"]
    for names, message in (
        (["leaderbord"], "targets.mine.0: no figure or table 'leaderbord'"),
        ([], "targets.mine: "),
    ):
        with pytest.raises(UserError, match=message):
            resolved("demo", listed(*names))
    with pytest.raises(UserError, match=r"targets.figure_3: is an item of `paper`"):
        resolved("demo", lambda raw: raw.update(targets={"figure_3": [other]}))


def test_every_item_of_the_paper_is_there(resolved):
    items = [f"figure_{number}" for number in ITEMS["figure"]]
    items += [f"table_{number}" for number in ITEMS["table"]]
    for budget in BUDGETS:
        paper = resolved(budget)["paper"]
        assert set(items) <= paper.keys()
        bare = {name for name, s in paper.items() if not (s["figures"] or s["tables"])}
        lacking = {"demo": {"sample_efficiency"}}
        lacking["smoke"] = lacking["demo"] | {"table_4"}
        lacking["mnist"] = lacking["smoke"] | {"table_2"}  # no actions, no bench
        lacking["mnist"] |= {f"figure_{number}" for number in (6, 10, 11)}
        assert bare == lacking.get(budget, set())
