"""What a job of each rule asks of a machine: the workflow's `resources.yaml`.

The rules read the same file. Three groups say where jobs run: ``cluster``; ``light``,
where Snakemake runs unless the profile names a partition for the rule; ``local``,
always where Snakemake runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

Asked = dict[str, Any]


def first_attempt(path: Path, plan: Mapping[str, Any]) -> dict[str, dict[str, Asked]]:
    """Resources by group and rule; nothing if there is no file.

    Args:
        path: of `resources.yaml`.
        plan: gives the amounts that the file names instead of numbers; one that it
            lacks counts as 1.
    """
    from ruamel.yaml import YAML

    if not path.exists():
        return {}
    groups = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    return {
        group: {
            rule: {name: _amount(value, plan) for name, value in asked.items()}
            for rule, asked in rules.items()
        }
        for group, rules in groups.items()
    }


def _amount(value: Any, plan: Mapping[str, Any]) -> Any:
    """A number, the first of growing ones, or what the plan says."""
    if isinstance(value, dict):
        (value,) = value.values()
    return plan.get(value, 1) if isinstance(value, str) else value
