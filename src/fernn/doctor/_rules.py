"""What the rules ask of Slurm: their own resources under those of the profile."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from fernn.doctor._place import Place

FOLDER = Path("workflow/rules")
RULE = re.compile(r"^rule (\w+):\n((?:[ \t]+.*\n|\n)+)", re.MULTILINE)
RESOURCES = re.compile(r"^    resources:\n((?: {8}.*\n)+)", re.MULTILINE)
THREADS = re.compile(r"^    threads: (.+)$", re.MULTILINE)


def rules(place: Place) -> dict[str, dict[str, Any]]:
    """Resources by rule, of those that are submitted.

    Of an expression counts its first number, of one without any 1: the least that a
    job asks for. Where the workflow is elsewhere, the profile speaks for all.
    """
    found = {}
    for path in sorted(FOLDER.glob("*.smk")):
        for name, text in RULE.findall(path.read_text(encoding="utf-8")):
            if "localrule: True" not in text:
                found[name] = {**_defaults(place), **_own(text), **_set(place, name)}
    return found or {"every job": _defaults(place)}


def _own(text: str) -> dict[str, Any]:
    own: dict[str, Any] = {}
    if threads := THREADS.search(text):
        own["threads"] = _number(threads[1])
    if block := RESOURCES.search(text):
        for line in block[1].splitlines():
            key, _, value = line.strip().rstrip(",").partition("=")
            own[key] = _number(value)
    return own


def _number(text: str) -> Any:
    """What is written between quotes, or the first number."""
    if quoted := re.fullmatch(r"""["'](.*)["']""", text):
        return quoted[1]
    number = re.search(r"\d+", text)
    return int(number[0]) if number else 1


def _defaults(place: Place) -> dict[str, Any]:
    return _mapping(place.settings.get("default-resources"))


def _set(place: Place, rule: str) -> dict[str, Any]:
    every = place.settings.get("set-resources") or {}
    threads = (place.settings.get("set-threads") or {}).get(rule)
    own = _mapping(every.get(rule) if isinstance(every, dict) else None)
    return own if threads is None else {**own, "threads": threads}


def _mapping(node: Any) -> dict[str, Any]:
    """A mapping, or a list of ``key=value``."""
    if isinstance(node, list):
        return dict(str(item).split("=", 1) for item in node if "=" in str(item))
    return dict(node) if isinstance(node, dict) else {}
