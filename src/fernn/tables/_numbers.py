"""Numbers as tables show them: rounded, with their deviation, in Markdown and LaTeX."""

from __future__ import annotations

import math
from typing import Any

ESCAPES = {"&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_", "$": r"\$"}
ESCAPES |= {"×": r"$\times$", "±": r"$\pm$", "ν": r"$\nu$", "→": r"$\to$"}
ABSENT, DIVERGED = "–", "diverged"
PLAIN = 0.01, 1000  # numbers between them are written without a power of ten


def number(value: float) -> str:
    """A number as Markdown shows it."""
    return plain(value, math.nan)


def _split(value: float) -> tuple[float, int]:
    """Mantissa and power of ten; power 0 for numbers that read well as they are."""
    low, high = PLAIN
    if value == 0 or low <= abs(value) < high:
        return value, 0
    power = math.floor(math.log10(abs(value)))
    return value / 10**power, power


def _parts(value: float, std: float) -> tuple[str, int]:
    if value == 0 and not std > 0:
        return "0", 0
    mantissa, power = _split(value)
    digits = 1 if power else max(0, 2 - _order(mantissa))
    if not std > 0:  # one seed, or a baseline, which is the same for every seed
        return f"{mantissa:.{digits}f}", power
    spread = std / 10**power
    digits = max(digits, -_order(spread))
    return f"{mantissa:.{digits}f} ± {spread:.{digits}f}", power


def _order(value: float) -> int:
    return math.floor(math.log10(abs(value))) if value else 0


def _words(value: object) -> str | None:
    """Text for what is no finite real number, otherwise None."""
    if isinstance(value, float):
        return (
            ABSENT if math.isnan(value) else None if math.isfinite(value) else DIVERGED
        )
    return str(value)


def plain(value: Any, std: float) -> str:
    """A number as it stands in Markdown: rounded, with its deviation if it has one."""
    words = _words(value)
    if words is not None:
        return words.replace("|", r"\|")
    text, power = _parts(value, std)
    if not power:
        return text
    return f"({text})e{power}" if "±" in text else f"{text}e{power}"


def tex(value: Any, std: float) -> str:
    """The same in LaTeX."""
    words = _words(value)
    if words is not None:
        return "--" if words == ABSENT else escape(words)
    text, power = _parts(value, std)
    if power:
        inner = f"({text})" if "±" in text else text
        text = rf"{inner} \times 10^{{{power}}}"
    return f"${text}$".replace("±", r"\pm")


def escape(text: str) -> str:
    """A text in LaTeX, but for letters that its fonts lack."""
    return "".join(ESCAPES.get(character, character) for character in text)
