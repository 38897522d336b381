"""Names and labels decide nothing: all of them are changed, and only words differ.

What does decide, the keys for roles and published values, has the converse tests.
"""

import copy
import functools
import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from matplotlib.figure import Figure

import mock_builders
import mock_cubes
from fernn.config.resolve import resolve
from fernn.tables import action_recognition, forecasting_error
from labrun import modules

ROOT = Path(__file__).parents[1]
GROUPS = ("experiments", "models", "protocols", "axes")
CUBES = {  # a drawn cube: the experiment and test set whose names and roles it has
    "in_distribution": ("translation", "in_distribution"),
    "few": ("sample_efficiency_1", "in_distribution"),
    "length": ("translation", "length"),
    "velocity": ("translation_slow", "velocity"),
    "turning": ("rotation_slow", "velocity"),
    "curves": ("translation", "curves"),
    "rollouts": ("translation", "rollouts"),
    "hidden_state": ("translation", "hidden_state"),
    "equivariance": ("translation", "equivariance"),
    "camera": ("kth", "camera"),
    "footage": ("actions", "footage"),
    "image_quality": ("moving_mnist", "image_quality"),
}
ITEMS = [
    (package, name)
    for package in ("fernn.figures", "fernn.tables")
    for name in modules.names(package)
    if set(modules.load(package, name).SHOWS) <= set(CUBES)
]


@functools.cache
def shipped() -> dict:
    return yaml.safe_load((ROOT / "config.yaml").read_text())


def mapping(config: dict) -> dict[str, dict[str, str]]:
    """A new name for each entry of each group, which no other text contains."""
    return {
        group: {name: f"Z{group[0]}{i}z" for i, name in enumerate(config[group])}
        for group in GROUPS
    }


def specs(model: dict) -> list:
    given = model["strategy"]
    return given if isinstance(given, list) else [given]


def needing(spec: str | dict, new: dict[str, str]) -> str | dict:
    """A strategy's specification with other names of the models that it needs."""
    if isinstance(spec, str):
        return spec
    module = modules.load("fernn.training.strategies", spec["kind"])
    made = dict(spec)
    for option in {*getattr(module, "NEEDS", ())} & made.keys():
        other = made[option]
        untrained = isinstance(other, dict)
        made[option] = {"random": new[other["random"]]} if untrained else new[other]
    return made


def renamed(config: dict, new: dict) -> dict:
    """The configuration with other names, labels and titles wherever they stand."""
    config = copy.deepcopy(config)

    def keys(section: dict, group: str) -> dict:
        return {new[group].get(key, key): value for key, value in section.items()}

    def names(listed: list[str], group: str) -> list[str]:
        return [new[group][name] for name in listed]

    for group in GROUPS:
        config[group] = keys(config[group], group)
    for name, experiment in config["experiments"].items():
        experiment["title"] = f"Title of {name}"
        for group in ("models", "baselines"):
            experiment[group] = names(experiment.get(group, []), "models")
        experiment["axes"] = names(experiment["axes"], "axes")
        experiment["protocol"] = new["protocols"][experiment["protocol"]]
        if experiment.get("reference"):
            experiment["reference"] = new["models"][experiment["reference"]]
    for name, model in config["models"].items():
        model["label"] = f"Label of {name}"
        if "kind" not in model:  # one that is made of another
            model["of"] = new["models"][model["of"]]
        if model.get("against"):
            model["against"] = new["models"][model["against"]]
        if model.get("strategy"):
            model["strategy"] = [needing(s, new["models"]) for s in specs(model)]
    for protocol in config["protocols"].values():
        for own in ("learning_rates", "rollouts", "costs"):
            protocol[own] = keys(protocol.get(own, {}), "models")
    for entry in config["published"].values():
        entry["values"] = keys(entry.get("values", {}), "models")
        if entry.get("against"):
            entry["against"] = new["models"][entry["against"]]
    for budget in config["budgets"].values():
        budget["experiments"] = names(budget["experiments"], "experiments")
        budget["sizes"] = keys(budget.get("sizes", {}), "experiments")
        for sizes in (budget, *budget["sizes"].values()):
            for own, group in (("axes", "axes"), ("costs", "models")):
                if own in sizes:
                    sizes[own] = keys(sizes[own], group)
    for group in ("figures", "tables"):
        for item, cubes in config[group].items():
            pairs = [cube.split("/") for cube in cubes]
            config[group][item] = [
                f"{new['experiments'].get(e, e)}/{new['axes'].get(axis, axis)}"
                for e, axis in pairs
            ]
    return config


@functools.cache
def plan(budget: str, other: bool = False) -> dict:
    config = shipped()
    return planned(renamed(config, mapping(config)) if other else config, budget)


def planned(config: dict, budget: str) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "config.yaml")
        path.write_text(json.dumps(config))
        return resolve([path], budget)


def restored(made: dict) -> dict:
    """A plan of the renamed configuration with the shipped names, labels and titles."""
    config, text = shipped(), json.dumps(made)
    for group, names in mapping(config).items():
        for old, new in names.items():
            if group == "models":
                label = json.dumps(config["models"][old]["label"])
                text = text.replace(f'"Label of {new}"', label)
            if group == "experiments":
                title = json.dumps(config["experiments"][old]["title"])
                text = text.replace(f'"Title of {new}"', title)
            text = text.replace(new, old)
    return json.loads(text)


@pytest.mark.parametrize("budget", ["demo", "mnist-small", "paper", "smoke"])
def test_the_plan_of_other_names_has_other_names_only(budget):
    other = plan(budget, other=True)
    assert "Label of Zm0z" in json.dumps(other) and "G-RNN" not in json.dumps(
        other["experiments"]
    )
    assert restored(other) == plan(budget)


def test_a_key_that_decides_is_seen():
    config = copy.deepcopy(shipped())
    config["axes"]["length"]["stream"] = "another"
    assert planned(config, "smoke") != plan("smoke")
    del config["axes"]["length"]["stream"]
    assert planned(config, "smoke") == plan("smoke")  # by default its name


def cube(kind: str, made: dict, new: dict | None = None, **changes):
    """A drawn cube with the names, labels and roles that a plan gives."""
    experiment, axis = CUBES[kind]
    builders = {**mock_builders.BUILDERS, "turning": mock_cubes.turning}
    drawn = builders[kind]()
    old = json.loads(drawn.attrs["models"])
    if new:
        experiment, axis = new["experiments"][experiment], new["axes"][axis]
    about = made["experiments"][experiment]["attrs"]
    ours = {role: [n for n, a in old.items() if a["role"] == role] for role in ROLES}
    names, models = {}, {}
    for name, own in about["models"].items():
        if ours[own["role"]]:
            mock = ours[own["role"]].pop(0)
            names[mock] = name
            measured = {key: old[mock][key] for key in MEASURED}
            models[name] = {**old[mock], **own, **measured}
    present = [name for name in drawn["model"].values if name in names]
    drawn = drawn.sel(model=present)
    drawn = drawn.assign_coords(model=[names[name] for name in present])
    kept = ("title", "protocol", "budget")
    attrs = {key: about[key] for key in kept}
    attrs |= {"experiment": experiment, "axis": axis, "models": json.dumps(models)}
    attrs["published"] = json.dumps(about["published"])
    return drawn.assign_attrs(attrs | changes)


ROLES = ("model", "baseline")
MEASURED = ("velocities", "parameters", "cost", "epochs")


def cubes_of(package: str, name: str, other: bool) -> list:
    shows = modules.load(package, name).SHOWS.items()
    kinds = ["turning" if n.get("unit") == "degrees" else role for role, n in shows]
    new = mapping(shipped()) if other else None
    return [cube(kind, plan("paper", other), new) for kind in kinds]


def shapes(figure: Figure) -> list:
    """All that is drawn but texts and where they lie."""
    found = []
    for axes in figure.axes:
        for line in axes.lines:
            found += [line.get_xydata(), line.get_color(), line.get_marker()]
        for each in axes.collections:
            found += [each.get_offsets(), each.get_array(), each.get_edgecolor()]
            found += [path.vertices for path in each.get_paths()]
        found += [image.get_array() for image in axes.images]
        found += [patch.get_path().vertices for patch in axes.patches]
        found += [axes.get_xlim(), axes.get_ylim()]
    return found


def numbers(table) -> list:
    """The columns of a table that hold no names."""
    words = {"experiment", "model", "verdict", "source"}
    return [table[name].tolist() for name in table.columns if name not in words]


@pytest.mark.parametrize(("package", "name"), ITEMS)
def test_an_item_of_other_names_has_the_same_numbers(package, name):
    module = modules.load(package, name)
    pair = [cubes_of(package, name, other) for other in (False, True)]
    if package == "fernn.figures":
        one, other = (shapes(module.draw(cubes)) for cubes in pair)
        assert len(one) > 5
    else:
        tables = [module.tabulate(cubes) for cubes in pair]
        one, other = map(numbers, tables)
        assert all("Label of Z" in label for label in tables[1]["model"][:3])
        kinds = [[v.partition(":")[0] for v in t.get("verdict", [])] for t in tables]
        assert kinds[0] == kinds[1]
    assert len(one) == len(other)
    for ours, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    if hasattr(module, "numbers"):
        found = [[n.mean for n in module.numbers(cubes)] for cubes in pair]
        assert found[0] == found[1] and found[0]


def with_roles(cube, **roles):
    """The cube with other roles of its models."""
    models = json.loads(cube.attrs["models"])
    for name, about in models.items():
        about |= {key: values.get(name, []) for key, values in roles.items()}
    return cube.assign_attrs(models=json.dumps(models))


def test_the_reference_is_what_the_others_are_compared_with():
    drawn = cube("camera", plan("paper"))
    first, second, _ = json.loads(drawn.attrs["models"])
    ours = with_roles(drawn, reference={second: True})
    table = action_recognition.tabulate([ours]).set_index("model")
    other = with_roles(drawn, reference={first: True})
    moved = action_recognition.tabulate([other]).set_index("model")
    assert np.isnan(table["p"]).tolist() == [False, True, False]
    assert np.isnan(moved["p"]).tolist() == [True, False, False]
    base, own = moved["difference"].iloc[1:]
    assert own - base == pytest.approx(table["difference"].iloc[2])
    none = action_recognition.tabulate([with_roles(ours, reference={})])
    assert none["p"].isna().all()


def test_published_values_and_settings_are_keys():
    """Of the experiment with its own protocol, and of one with the published one."""
    exact = cube("in_distribution", plan("paper"))
    words = forecasting_error.tabulate([exact])["verdict"].tolist()
    assert all(each.startswith("not comparable: ") for each in words[:3])
    assert words[3:] == ["not published"] * 2
    same = with_roles(exact, differs={})
    words = forecasting_error.tabulate([same])["verdict"].tolist()
    assert words[:3] == ["worse"] * 3
    value = {"mean": 0.048, "std": None}
    other = with_roles(exact, published={"fernn_v2": value})
    table = forecasting_error.tabulate([other])
    assert table["published_mean"].isna().tolist() == [True, True, False, True, True]
