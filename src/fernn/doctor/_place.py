"""Where the run will be, and what it will ask for."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from functools import cached_property
from os import stat_result
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from labrun.errors import UserError

PROFILE = re.compile(r"(profile|config)(\.v(\d+)\+)?\.yaml")  # of these, the newest


@dataclass(frozen=True)
class Place:
    """What is examined.

    Args:
        results: the results folder, in the folder where Snakemake runs.
        profile: folder of the profile that submits to Slurm; None to run here.
        files: of the configuration, besides the profile's.
        named: whether some were named; the profile's are then not read.
        budget: in place of the configuration's.
        unlock: clear what a dead head left.
    """

    results: Path = Path("results")
    profile: Path | None = None
    files: tuple[Path, ...] = (Path("config.yaml"),)
    named: bool = False
    budget: str | None = None
    unlock: bool = False

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The profile's content; empty without one.

        Raises:
            UserError: it has no file, or one that is no YAML.
        """
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

    @cached_property
    def plan(self) -> dict[str, Any]:
        """What the workflow makes.

        Raises:
            UserError: the configuration has mistakes.
        """
        from fernn.config.resolve import resolve

        return resolve((*self.files, *self._profiles_files()), self.budget)

    def _profiles_files(self) -> list[Path]:
        """The configuration that a profile names, beside it or here.

        Snakemake takes files from the command line in their place.
        """
        named = [] if self.named else self.settings.get("configfile") or []
        names = [named] if isinstance(named, str) else named
        beside = [(self.profile or Path()) / name for name in names]
        pairs = zip(beside, names, strict=True)
        return [path if path.exists() else Path(name) for path, name in pairs]


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
    """A folder, or the nearest one above it that is there."""
    path = path.absolute()
    while not path.is_dir():
        path = path.parent
    return path


def try_to_write(folder: Path) -> stat_result:
    """Make a file and remove it; what the file system says of it.

    Raises:
        OSError: it cannot be made.
    """
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".fernn-doctor-") as file:
        file.write(b"written")
        file.flush()
        return Path(file.name).stat()
