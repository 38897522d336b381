"""Print what an artefact was made from, and check every file against its SHA-256.

The exit code is 1, with one line per file, if a file has changed or is missing. Inputs
are compared with the hashes that the artefact records, the artefact itself with the
SHA256SUMS in its folder or above.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fernn.cli import _crate
from fernn.cli._artefacts import Record, read
from fernn.cli._crate import Made
from labrun.errors import UserError
from labrun.lineage import sha256
from labrun.storage import write_text

if TYPE_CHECKING:
    from rich.tree import Tree

SUMS = "SHA256SUMS"
SHORT = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        type=Path,
        help="figure, table, cube, checkpoint or data",
    )
    parser.add_argument(
        "--sums",
        type=Path,
        metavar="SHA256SUMS",
        help="write the hashes of these files, and of their other formats",
    )
    parser.add_argument(
        "--crate",
        type=Path,
        metavar="FOLDER",
        help="copy these files, and all they were made from, into an RO-Crate",
    )


def run(args: argparse.Namespace) -> None:
    """Print a tree a file on stdout and what does not match on stderr."""
    records = {path: _carried(path) for path in args.files}
    first = args.files[0]
    walk = Walk(_workflow_folder(first, records[first].inputs))
    for path in args.files:
        _show(walk.node(str(path), path, "" if args.sums else _recorded(path)))
    for problem in walk.problems:
        print(problem, file=sys.stderr)
    if walk.problems:
        raise SystemExit(1)
    if args.sums:
        _write_sums(args.files, args.sums)
    if args.crate:
        names = [walk.called(path) for path in args.files]
        _crate.write(walk.made, names, args.crate)


def _carried(path: Path) -> Record:
    """What a file records of its making.

    Raises:
        UserError: it is missing or records nothing.
    """
    if not path.is_file():
        raise UserError(f"no such file: {path}")
    record = read(path)
    if not record.inputs and not record.commit and not record.source:
        raise UserError(f"{path} carries no lineage")
    return record


@dataclass
class Node:
    """One file of the tree and what it was made from."""

    text: str
    children: list[Node] = field(default_factory=list)


class Walk:
    """A walk from an artefact to its sources, each file hashed and printed once.

    Args:
        folder: what the recorded paths are relative to.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.problems: list[str] = []
        self.hashes: dict[Path, str] = {}
        self.made: dict[str, Made] = {}

    def node(self, name: str, path: Path, recorded: str = "") -> Node:
        """The tree below a file whose SHA-256 should be `recorded`, if known."""
        if not path.is_file():
            self._report(f"{name}: recorded {recorded}, missing")
            return Node(f"{name}  MISSING")
        path = path.resolve()
        above = path in self.hashes
        found = self.hashes[path] = self.hashes.get(path) or sha256(path)
        text = f"{name}  {found[:SHORT]}"
        if not self._matches(name, recorded, found):
            text += f"  CHANGED, was {recorded[:SHORT]}"
        if above:
            return Node(f"{text}  (see above)")
        record = self._read(path)
        self._matches(name, record.sha256, found)
        self.made[self.called(path)] = Made(path, record, found)
        children = [
            self.node(child, self.folder / child, hashed)
            for child, hashed in record.inputs.items()
        ]
        return Node(text + _made(record), children)

    def called(self, path: Path) -> str:
        """What lineages call a file: its path in the folder; outside it, its name."""
        path, folder = path.resolve(), self.folder.resolve()
        inside = path.is_relative_to(folder)
        return path.relative_to(folder).as_posix() if inside else path.name

    def _matches(self, name: str, recorded: str, found: str) -> bool:
        if recorded in ("", found):
            return True
        self._report(f"{name}: recorded {recorded}, found {found}")
        return False

    def _read(self, path: Path) -> Record:
        try:
            return read(path)
        except UserError as error:
            self._report(str(error))
            return Record()

    def _report(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)


def _made(record: Record) -> str:
    if record.source:
        return f"  source {record.source}"
    if not record.commit:
        return ""
    commit, plus, changes = record.commit.partition("+")
    return f"  commit {commit[:SHORT]}{plus}{changes}  version {record.version}"


def _workflow_folder(path: Path, inputs: dict[str, str]) -> Path:
    """Where most inputs are found: a folder above the file, nearest first, or here.

    The file's own folders go first, so that the results of another checkout are not
    compared with files of the same names here.
    """
    folders = [*path.resolve().parents, Path.cwd()]
    return max(folders, key=lambda folder: sum((folder / n).exists() for n in inputs))


def _show(tree: Node) -> None:
    if not sys.stdout.isatty():
        _print_indented(tree, 0)
        return
    from rich.console import Console
    from rich.text import Text
    from rich.tree import Tree

    root = Tree(Text(tree.text))
    _add(tree, root)
    Console().print(root)


def _print_indented(node: Node, depth: int) -> None:
    print("  " * depth + node.text)
    for child in node.children:
        _print_indented(child, depth + 1)


def _add(node: Node, branch: Tree) -> None:
    from rich.text import Text

    for child in node.children:
        _add(child, branch.add(Text(child.text)))


def _write_sums(files: Iterable[Path], path: Path) -> None:
    """Write hashes as ``sha256sum --check`` reads them.

    A line is of each file and each other format of it: those of the same stem.

    Args:
        files: below the folder of `path`.
        path: the file of hashes.
    """
    folder = path.resolve().parent
    found = {
        other.resolve()
        for file in files
        for other in file.parent.glob(f"{file.stem}.*")
        if other.suffix != ".jsonl"
    }
    lines = [f"{sha256(each)}  {each.relative_to(folder)}" for each in sorted(found)]
    write_text("\n".join(lines) + "\n", path)


def _recorded(path: Path) -> str:
    """The hash of a file that the nearest file of hashes above it has; else empty."""
    path = path.resolve()
    for folder in path.parents:
        sums = folder / SUMS
        if sums.is_file():
            lines = [
                line.partition("  ") for line in sums.read_text("utf-8").split("\n")
            ]
            hashes = {name: hashed for hashed, _, name in lines}
            return hashes.get(path.relative_to(folder).as_posix(), "")
    return ""
