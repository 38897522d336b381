"""The digits: fetched already, in a folder, in the cache, or at a mirror."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Iterator
from typing import Any

from fernn.doctor._finding import FAIL, NOTE, OK, Finding
from fernn.doctor._place import Place
from fernn.doctor._rules import rules
from labrun.errors import UserError
from labrun.modules import load

PATIENCE = 5.0  # seconds for a mirror
FOLDER = "FERNN_DATA"


def check(place: Place) -> Iterator[Finding]:
    """Where the digits of the budget come from."""
    try:
        plan = place.plan
    except UserError:  # told by the check of the configuration
        return
    for name, spec in plan["sources"].items():
        atlas = place.results / plan["budget"] / "data" / f"{name}.nc"
        if atlas.exists():
            yield Finding(OK, "data", f"{name}: fetched, {atlas}")
        elif "files" in spec:
            yield _files(place, name, spec, str(atlas))
        elif "urls" in spec:
            yield _site(name, spec)
        else:
            yield Finding(OK, "data", f"{name}: comes with an installed package")


def _site(name: str, spec: dict[str, Any]) -> Finding:
    """Files that are not read here: too large, or not named."""
    if folder := os.environ.get(spec.get("folder", FOLDER)):
        return Finding(NOTE, "data", f"{name}: expected in {FOLDER}={folder}")
    for url in spec["urls"]:
        if _answers(url):
            return Finding(NOTE, "data", f"{name}: will come from {url}")
    remedy = f"set {FOLDER} to a folder with {name}'s files"
    return Finding(FAIL, "data", f"{name}: not here, and no mirror answers", remedy)


def _files(place: Place, name: str, spec: dict[str, Any], atlas: str) -> Finding:
    """Files that are read and checked as `fernn fetch` does, but without a network."""
    folder = os.environ.get(spec.get("folder", FOLDER))
    try:
        load("fernn.data.sources", spec["kind"]).fetch(
            **{k: v for k, v in spec.items() if k != "kind"} | {"urls": []}
        )
    except UserError as error:
        if folder:
            found = f"{name}: {FOLDER}={folder}: {error}"
            return Finding(FAIL, "data", found, f"mend the folder or unset {FOLDER}")
        return _mirrors(place, name, spec, atlas)
    where = f"{FOLDER}={folder}" if folder else "the cache"
    return Finding(
        OK, "data", f"{name}: {len(spec['files'])} files, all right: {where}"
    )


def _mirrors(place: Place, name: str, spec: dict[str, Any], atlas: str) -> Finding:
    """The first mirror that answers."""
    first = next(iter(spec["files"].values()))["name"].removesuffix(".gz")
    for url in spec.get("urls", []):
        address = f"{url.rstrip('/')}/{first}.gz"
        if _answers(address):
            remedy = ""
            if place.profile and "fetch" in rules(place):
                remedy = f"where nodes have no network, first: snakemake -c1 {atlas}"
            return Finding(NOTE, "data", f"{name}: will come from {url}", remedy)
    remedy = f"set {FOLDER} to a folder with {name}'s files"
    return Finding(FAIL, "data", f"{name}: not here, and no mirror answers", remedy)


def _answers(address: str) -> bool:
    request = urllib.request.Request(address, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE):
            return True
    except (OSError, ValueError):
        return False
