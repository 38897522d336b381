"""Checks before a long run that need the configuration: see `labrun.doctor`."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from labrun.doctor import Check
from labrun.doctor.place import FAIL, NOTE, OK, Finding, Place
from labrun.errors import UserError
from labrun.modules import load

PATIENCE = 5.0  # seconds for a mirror
FOLDER = "FERNN_DATA"


@dataclass(frozen=True)
class Configured:
    """A budget of a configuration.

    Args:
        files: of the configuration.
        budget: in place of the configuration's.
    """

    files: Sequence[Path]
    budget: str | None = None

    @cached_property
    def plan(self) -> dict[str, Any]:
        """What the workflow makes.

        Raises:
            UserError: the configuration has mistakes.
        """
        from fernn.config.resolve import resolve

        return resolve(self.files, self.budget)

    @property
    def checks(self) -> dict[str, Check]:
        """The checks that need it, by name."""
        return {"config": self.config, "data": self.data}

    def needed(self, results: Path) -> float:
        """Bytes that the whole budget takes below the folder of results.

        Raises:
            UserError: the configuration has mistakes.
        """
        from fernn.estimate.disk import disk

        plan = self.plan
        return sum(disk(plan, results / plan["budget"]).values())

    def config(self, place: Place) -> Iterator[Finding]:
        """Whether the configuration has mistakes, and what it asks for."""
        missing = [str(path) for path in self.files if not path.exists()]
        if missing:
            remedy = "run it where Snakemake runs, or name them with --configfile"
            yield Finding(NOTE, "config", f"no file {', '.join(missing)}", remedy)
            return
        try:
            plan = self.plan
        except UserError as error:
            first, *others = str(error).splitlines()
            more = f" (and {len(others)} more)" if others else ""
            yield Finding(FAIL, "config", first + more, "fernn config says all")
            return
        experiments = plan["experiments"].values()
        runs = sum(len(each["models"]) * len(each["seeds"]) for each in experiments)
        sources = ", ".join(plan["sources"])
        found = f"budget {plan['budget']}, data {sources}, {runs} models to train"
        yield Finding(OK, "config", found)

    def data(self, place: Place) -> Iterator[Finding]:
        """Where the data of the budget come from."""
        try:
            plan = self.plan
        except UserError:  # reported by the check of the configuration
            return
        for name, spec in plan["sources"].items():
            atlas = place.results / plan["budget"] / "data" / f"{name}.nc"
            if atlas.exists():
                yield Finding(OK, "data", f"{name}: fetched, {atlas}")
            elif "files" in spec:
                yield _files(name, spec)
            elif "urls" in spec:
                yield _site(name, spec)
            else:
                yield Finding(OK, "data", f"{name}: comes with an installed package")


def _site(name: str, spec: dict[str, Any]) -> Finding:
    """Files that are not read here: too large, or not named."""
    if folder := os.environ.get(spec.get("folder", FOLDER)):
        return Finding(NOTE, "data", f"{name}: expected in {FOLDER}={folder}")
    return _mirrors(name, {url: url for url in spec["urls"]})


def _files(name: str, spec: dict[str, Any]) -> Finding:
    """Files that are read and checked as `fernn fetch` does, but without a network."""
    folder = os.environ.get(spec.get("folder", FOLDER))
    options = {key: value for key, value in spec.items() if key != "kind"}
    try:
        load("fernn.data.sources", spec["kind"]).fetch(**options | {"urls": []})
    except UserError as error:
        if folder:
            found = f"{name}: {FOLDER}={folder}: {error}"
            return Finding(FAIL, "data", found, f"mend the folder or unset {FOLDER}")
        first = next(iter(spec["files"].values()))["name"].removesuffix(".gz")
        urls: Iterable[str] = spec.get("urls", [])
        return _mirrors(name, {url: f"{url.rstrip('/')}/{first}.gz" for url in urls})
    where = f"{FOLDER}={folder}" if folder else "the cache"
    found = f"{name}: {len(spec['files'])} files, all right: {where}"
    return Finding(OK, "data", found)


def _mirrors(name: str, addresses: dict[str, str]) -> Finding:
    """The first mirror that answers.

    Args:
        name: of the source.
        addresses: a file of each mirror, by the mirror's URL.
    """
    for url, address in addresses.items():
        if _answers(address):
            return Finding(NOTE, "data", f"{name}: will come from {url}")
    remedy = f"set {FOLDER} to a folder with {name}'s files"
    return Finding(FAIL, "data", f"{name}: not here, and no mirror answers", remedy)


def _answers(address: str) -> bool:
    request = urllib.request.Request(address, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE):
            return True
    except (OSError, ValueError):
        return False
