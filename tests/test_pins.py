"""What a change of the code must not change. The numbers of smoke: `python -m pins`."""

import json
import subprocess
import sys

import pytest

import pins
from copied import environment

BUDGETS = ("demo", "mnist-small", "mnist", "paper", "smoke")


def plan(budget):
    command = [sys.executable, "-m", "fernn", "config", "--print", "--budget", budget]
    where = {"cwd": pins.ROOT, "env": environment(pins.ROOT / "src")}
    made = subprocess.run(command, **where, capture_output=True, check=True)
    return json.loads(made.stdout)


@pytest.mark.parametrize("budget", BUDGETS)
def test_plans_stay(budget):
    """After a change of config.yaml that is meant: `python -m pins.plans` in tests."""
    made, pinned = pins.parts_of_plan(plan(budget)), pins.recorded("plans")[budget]
    changed = {key for key in made.keys() | pinned if made.get(key) != pinned.get(key)}
    assert not changed


def test_rules_give_commands_the_flags_they_gave():
    flags = pins.flags_of_rules()
    assert flags == pins.recorded("flags") and len(flags) > 10


def test_a_changed_number_a_changed_part_and_a_lost_array_are_seen():
    pinned = {"runs/a": ["x", [2], 1.0], "data/b": ["y", [1], 2.0]}
    assert pins.differences(pinned, pinned, same=True) == []
    other = {"runs/a": ["z", [2], 1.0001], "data/b": ["y", [1], 2.0]}
    assert pins.differences(other, pinned, same=False) == []
    assert pins.differences(other, pinned, same=True) == ["runs/a"]
    assert pins.differences({"runs/a": pinned["runs/a"]}, pinned, True) == ["data/b"]
    far = {**pinned, "runs/a": ["z", [2], 1.1]}
    assert pins.differences(far, pinned, same=False) == ["runs/a"]
    moved = {**pinned, "data/b": ["z", [1], 2.0]}  # recipes are integers
    assert pins.differences(moved, pinned, same=False) == ["data/b"]
    one, two = {"a": {"b": 1, "c": {}}}, {"a": {"b": 2, "c": {}}}
    first, second = pins.parts_of_plan(one), pins.parts_of_plan(two)
    assert first["a/c"] == second["a/c"] and first["a/b"] != second["a/b"]
