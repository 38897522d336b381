"""Rolling training states: two kept, each checked by its SHA-256 before use.

Reading one never runs code that is in it.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labrun.lineage import fingerprint, sha256
from labrun.storage import write_bytes, write_text

if TYPE_CHECKING:
    import torch

KEPT = 2


class RollingStates:
    """Saved states of one run, beside its outputs but not among them.

    A workflow deletes the outputs of a failed job; these files stay, so that the next
    attempt goes on. The state at the end stays too: whoever asks for outputs that were
    lost gets them again at once, unless the source has changed.

    Args:
        folder: where the states lie.
        identity: all that the result is a function of; a state of another identity is
            never continued.
        source: the commit that makes the result.
    """

    def __init__(self, folder: Path, identity: dict[str, Any], source: str = ""):
        self.folder = folder
        self.fingerprint = fingerprint(identity)
        self.source = source

    def save(
        self, run: dict[str, Any], parts: dict[str, Any], finished: bool = False
    ) -> None:
        """Write the state after ``run["step"]`` and drop all but the newest two.

        Args:
            run: how far the training is.
            parts: state dicts.
            finished: that was the last step; only this state is kept.
        """
        path = self._path(run["step"])
        state = {
            "run": run,
            "parts": parts,
            "fingerprint": self.fingerprint,
            "finished_by": self.source if finished else None,
        }
        content, digest = pack(state)
        write_text(digest + "\n", _sidecar(path))
        write_bytes(content, path)
        for old in self._newest_first()[1 if finished else KEPT :]:
            _remove(old)

    def load(
        self, step: int | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """The newest ``run, parts`` that is whole and of this identity, or None.

        A file that is damaged or holds code is set aside as ``*.damaged`` and named
        on standard error.

        Args:
            step: that of this step alone; None for any.
        """
        for path in self._newest_first():
            if step is not None and path != self._path(step):
                continue
            state = unpack(path) if _whole(path) else None
            if state is None:
                print(f"{path} is damaged; going back to an older one", file=sys.stderr)
                path.replace(path.with_suffix(".damaged"))
                continue
            other = self._difference(state)
            if not other:
                return state["run"], state["parts"]
            print(f"{path} is of {other}; starting anew", file=sys.stderr)
            _remove(path)
        return None

    def _difference(self, state: dict[str, Any]) -> str:
        """Why a state is of no use; empty if it is."""
        if state["fingerprint"] != self.fingerprint:
            return "other settings or data"
        by = state["finished_by"]
        if by is not None and (by != self.source or by.endswith("+changes")):
            return "another source"
        return ""

    def steps(self) -> list[int]:
        """After which steps states were saved, newest first."""
        return [int(path.stem.rpartition("-")[2]) for path in self._newest_first()]

    def clear(self) -> None:
        """Remove all states: the run has ended."""
        for path in self._newest_first():
            _remove(path)

    def _path(self, step: int) -> Path:
        return self.folder / f"state-{step:09d}.pt"

    def _newest_first(self) -> list[Path]:
        return sorted(self.folder.glob("state-*.pt"), reverse=True)


def _sidecar(path: Path) -> Path:
    return path.with_suffix(".sha256")


def _whole(path: Path) -> bool:
    recorded = _sidecar(path)
    written = recorded.read_bytes() if recorded.exists() else b""
    return written.strip() == sha256(path).encode("ascii")


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    _sidecar(path).unlink(missing_ok=True)


def pack(content: Any) -> tuple[bytes, str]:
    """The bytes of a file, and the SHA-256 of what is meant to be written."""
    import torch  # commands that only know of it start without

    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue(), hashlib.sha256(file.getbuffer()).hexdigest()


def unpack(path: Path, device: torch.device | str = "cpu") -> Any:
    """What was packed; None if the file holds code, which is not run."""
    import torch

    try:
        return torch.load(path, map_location=device, weights_only=True)
    except pickle.UnpicklingError:
        return None
