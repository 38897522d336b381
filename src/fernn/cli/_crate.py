"""A folder for an archive: artefacts, all they were made from, and an RO-Crate of both.

The metadata are those of RO-Crate 1.1 (https://w3id.org/ro/crate/1.1) in the manner of
its profile for runs of processes: each file that fernn made is the result of an action,
whose objects are the files it was made from and whose instrument is fernn at a commit.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fernn.cli._artefacts import Record
from labrun.errors import UserError

VERSION = "1.1"
LICENSE = "https://spdx.org/licenses/MIT"
PAPER = "https://arxiv.org/abs/2507.14793"
TYPES = {".nc": "application/netcdf", ".pt": "application/octet-stream"}
ABOUT = (
    "Results of fernn, the files that they were made from, and how: {names}. The"
    " actions tell the inputs and the commit of each file; sha256 is that of its bytes."
)


@dataclass(frozen=True)
class Made:
    """A file of a tree of lineages.

    Args:
        path: where it is.
        record: what it carries of its making.
        sha256: of its bytes.
    """

    path: Path
    record: Record
    sha256: str


def write(files: Mapping[str, Made], names: list[str], folder: Path) -> None:
    """Copy files into a folder and write its ``ro-crate-metadata.json``.

    Args:
        files: by path in the crate, which is what lineages call them.
        names: of the artefacts that were asked for.
        folder: to be made.

    Raises:
        UserError: the folder is there and not empty.
    """
    from rocrate.rocrate import ROCrate

    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"{folder} is not empty; name a folder to be made")
    crate = ROCrate(version=VERSION)
    crate.name = "Results of fernn"
    crate.description = ABOUT.format(names=", ".join(names))
    crate.license = LICENSE
    crate.datePublished = _latest(files)
    entities = {
        name: crate.add_file(made.path, dest_path=name, properties=_properties(made))
        for name, made in files.items()
    }
    for name, made in files.items():
        beside = made.path.with_name(f"{made.path.name}.json")
        if made.path.suffix == ".pt" and beside.is_file():  # what it says of itself
            crate.add_file(beside, dest_path=f"{name}.json")
        if made.record.commit:
            inputs = [entities[each] for each in made.record.inputs if each in entities]
            _add_action(crate, entities[name], inputs, made.record)
    crate.write(folder)


def _latest(files: Mapping[str, Made]) -> datetime:
    """When the last of the files was made: the same results give the same metadata."""
    seconds = max(made.path.stat().st_mtime for made in files.values())
    return datetime.fromtimestamp(int(seconds), UTC)


def _properties(made: Made) -> dict[str, Any]:
    guessed = mimetypes.guess_type(made.path.name)[0] or "text/plain"
    told = {
        "name": made.path.name,
        "encodingFormat": TYPES.get(made.path.suffix, guessed),
        "contentSize": str(made.path.stat().st_size),
        "sha256": made.sha256,
    }
    return told | ({"isBasedOn": made.record.source} if made.record.source else {})


def _add_action(crate: Any, result: Any, inputs: list[Any], record: Record) -> None:
    from rocrate.model.contextentity import ContextEntity

    software = {
        "@type": "SoftwareApplication",
        "name": "fernn",
        "softwareVersion": f"{record.version}, commit {record.commit}",
        "citation": {"@id": PAPER},
    }
    identity = f"#fernn-{record.commit}"
    instrument = crate.get(identity) or crate.add(
        ContextEntity(crate, identity, properties=software)
    )
    action = {"@type": "CreateAction", "name": f"fernn makes {result['name']}"}
    made = crate.add(ContextEntity(crate, f"#made-{result.id}", properties=action))
    made["instrument"], made["result"] = instrument, result
    if inputs:
        made["object"] = inputs
    crate.root_dataset.append_to("mentions", made)
