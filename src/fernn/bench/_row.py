"""One measured number and what was asked of it."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Row:
    """A line of the report.

    Attributes:
        what: was measured.
        value: in `unit`.
        unit: as printed; empty for a plain number.
        at_most: the target, if less is better.
        at_least: the target, if more is better.
    """

    what: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def target(self) -> str:
        """The target in words; empty without one."""
        if self.at_most is not None:
            return f"at most {self.at_most:g}"
        return "" if self.at_least is None else f"at least {self.at_least:g}"

    @property
    def verdict(self) -> str:
        """Whether the target is ``met`` or ``missed``; empty without one."""
        if not self.target:
            return ""
        high = self.at_most is not None and not self.value <= self.at_most
        low = self.at_least is not None and not self.value >= self.at_least
        return "missed" if high or low else "met"

    def untargeted(self) -> Row:
        """The same number, with nothing asked of it."""
        return replace(self, at_most=None, at_least=None)

    @property
    def number(self) -> str:
        """The value with three digits, thousands apart."""
        if abs(self.value) >= 100:
            return f"{self.value:,.0f}"
        return f"{self.value:.3g}"
