"""The GPUs that this process may use: the driver's list, within CUDA_VISIBLE_DEVICES.

A card may be divided by the driver (MIG); then its parts are what can be used.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from labrun.commands import run_command

CARD = re.compile(r"^GPU (\d+): .*\(UUID: (GPU-[^)]+)\)")
PART = re.compile(r"^\s+MIG .*\(UUID: (MIG-[^)]+)\)")
SIZE = re.compile(r"^\s+MIG \S*?(\d+)gb\S* .*\(UUID: (MIG-[^)]+)\)")
TOTAL = ("nvidia-smi", "--query-gpu=uuid,memory.total", "--format=csv,noheader,nounits")


@dataclass(frozen=True)
class Gpu:
    """A card, or a part of one.

    Args:
        name: as CUDA_VISIBLE_DEVICES takes it.
        identity: what the driver calls it, the same for every process of the machine.
    """

    name: str
    identity: str

    @property
    def is_part(self) -> bool:
        """Whether it is a part of a divided card; a process can use one of them."""
        return self.identity.startswith("MIG-")


def visible() -> list[Gpu]:
    """Those that CUDA would use, in its order; none without a driver.

    CUDA ignores what follows the first entry of CUDA_VISIBLE_DEVICES that it does not
    know, such as -1. Numbers are taken as those of the driver, which are CUDA's own on
    a machine with cards of one kind, or with CUDA_DEVICE_ORDER=PCI_BUS_ID.
    """
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    cards = _listed() if allowed != "" else []
    if allowed is None:
        identities = [part for parts in cards for part in parts]
        return [Gpu(identity, identity) for identity in identities]
    found: list[Gpu] = []
    for name in map(str.strip, allowed.split(",")):
        identity = _identity(name, cards)
        if not identity:
            break
        found.append(Gpu(name, identity))
    return found


def memory() -> dict[str, int]:
    """Bytes of each card or part whose memory the driver tells, by its identity."""
    found = {}
    for line in run_command(*TOTAL).text.splitlines():
        identity, _, mebibytes = line.partition(", ")
        if mebibytes.isdecimal():
            found[identity] = int(mebibytes) * 2**20
    for line in run_command("nvidia-smi", "-L").text.splitlines():
        if part := SIZE.match(line):
            found[part[2]] = int(part[1]) * 10**9
    return found


def _listed() -> list[list[str]]:
    """For each card, itself or its parts."""
    cards: list[list[str]] = []
    divided = False
    for line in run_command("nvidia-smi", "-L").text.splitlines():
        if card := CARD.match(line):
            cards.append([card[2]])
            divided = False
        elif cards and (part := PART.match(line)):
            cards[-1] = [*(cards[-1] if divided else []), part[1]]
            divided = True
    return cards


def _identity(name: str, cards: list[list[str]]) -> str:
    if name.isdecimal():
        return cards[int(name)][0] if int(name) < len(cards) else ""
    all_of_them = [identity for parts in cards for identity in parts]
    fitting = [each for each in all_of_them if name and each.startswith(name)]
    return fitting[0] if len(fitting) == 1 else ""
