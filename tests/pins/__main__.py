"""Compare the results of budget smoke with the pins, or record them."""

from __future__ import annotations

import sys
from pathlib import Path

import pins


def main(arguments: list[str]) -> int:
    """Compare; 1 and the names of what differs if anything does."""
    results = Path(arguments[-1])
    made, files = pins.of_arrays(results), pins.layout(results)
    if arguments[0] == "--record":
        pins.record("arrays", {"processor": pins.processor(), "arrays": made})
        pins.record("layout", files)
        pins.record("flags", pins.flags_of_rules())
        return 0
    pinned = pins.recorded("arrays")
    same = pinned["processor"] == pins.processor()
    odd = pins.differences(made, pinned["arrays"], same)
    odd += sorted({*files} ^ {*pins.recorded("layout")})
    how = "bit by bit" if same else "by means: the processor is another"
    print(f"{len(made)} arrays and {len(files)} files are compared {how}")
    print(f"differ: {', '.join(odd) or 'none'}")
    return 1 if odd else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
