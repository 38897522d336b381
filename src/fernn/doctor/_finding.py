"""What a check found, as one line without secrets."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

OK, NOTE, FAIL = "ok", "note", "FAIL"
WIDTH = 11  # of the longest name of a check, and a colon
SECRET = re.compile("TOKEN|PASSWORD|SECRET|API_KEY", re.IGNORECASE)


@dataclass(frozen=True)
class Finding:
    """One line of the examination.

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
