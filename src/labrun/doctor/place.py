"""Where a run will be and what it will ask for; what a check found there."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from os import stat_result
from pathlib import Path
from typing import Any

from labrun.errors import UserError

OK, NOTE, FAIL = "ok", "note", "FAIL"
WIDTH = 11  # of the longest name of a check, and a colon
SECRET = re.compile("TOKEN|PASSWORD|SECRET|API_KEY", re.IGNORECASE)
PROFILE = re.compile(r"(profile|config)(\.v(\d+)\+)?\.yaml")  # of these, the newest


@dataclass(frozen=True)
class Finding:
    """One line of the examination, without secrets.

    Args:
        state: OK; NOTE, worth knowing; FAIL, the run would not go well.
        what: was looked at.
        found: there.
        remedy: what to do about it.
    """

    state: str
    what: str
    found: str
    remedy: str = ""

    def __str__(self) -> str:
        line = f"{self.state:<4}  {self.what + ':':<{WIDTH}} {self.found}"
        return without_secrets(f"{line} -- {self.remedy}" if self.remedy else line)


def without_secrets(text: str) -> str:
    """A text without user and query of an address, and without secret variables."""
    for name, value in os.environ.items():
        if SECRET.search(name) and len(value) > 3:
            text = text.replace(value, "***")
    text = re.sub(r"(\w://)[^/\s]*@", r"\1", text)
    return re.sub(r"(\w://[^\s?]+)\?[^\s,;]+", r"\1", text)


@dataclass(frozen=True)
class Place:
    """What is examined.

    Args:
        results: the results folder, in the folder where Snakemake runs.
        profile: folder of the profile that submits to Slurm; None to run here.
        unlock: clear what a dead head left.
        resources: what a job of each rule asks for at its first attempt; see
            `first_attempt`. Where it is empty, the profile speaks for all rules.
        needed: bytes that the whole run takes.
        command: of the laboratory, for what to do about a finding.
    """

    results: Path = Path("results")
    profile: Path | None = None
    unlock: bool = False
    resources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    needed: Callable[[], float] = float
    command: str = "labrun"

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The profile's content; empty without one.

        Raises:
            UserError: it has no file, or one that is no YAML.
        """
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError

        if self.profile is None:
            return {}
        path = profile_file(self.profile)
        try:
            content = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
        except (YAMLError, UnicodeDecodeError) as error:
            line = " ".join(str(error).split())
            raise UserError(f"{path} is no YAML: {line[:100]}") from None
        if not isinstance(content, dict):
            raise UserError(f"{path} is no mapping of keys to values")
        return content

    @property
    def configuration(self) -> list[Path]:
        """The configuration that the profile names, in its folder or here.

        Raises:
            UserError: see `settings`.
        """
        named = self.settings.get("configfile") or []
        names = [named] if isinstance(named, str) else named
        in_folder = [((self.profile or Path()) / name, name) for name in names]
        return [path if path.exists() else Path(name) for path, name in in_folder]


def profile_file(folder: Path) -> Path:
    """The file in a profile's folder that Snakemake reads.

    Raises:
        UserError: there is none.
    """
    found = {}
    for path in folder.glob("*.yaml"):
        if match := PROFILE.fullmatch(path.name):
            found[int(match[3] or 0)] = path
    if not found:
        raise UserError(f"{folder} has no profile.v9+.yaml; --profile is its folder")
    return found[max(found)]


def nearest(path: Path) -> Path:
    """A folder, or the nearest one above it that exists."""
    path = path.absolute()
    while not path.is_dir():
        path = path.parent
    return path


def try_to_write(folder: Path) -> stat_result:
    """Make a file and remove it; what the file system says of it.

    Raises:
        OSError: it cannot be made.
    """
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as file:
        file.write(b"written")
        file.flush()
        return Path(file.name).stat()


def first_attempt(path: Path, plan: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What a job of each rule asks for, by group and rule; nothing without a file.

    The workflow's rules read it too. Three groups say where jobs run: ``cluster``;
    ``light``, where Snakemake runs unless the profile names a partition for the rule;
    ``local``, always where Snakemake runs.

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
