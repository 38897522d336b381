"""The configuration, without which other checks cannot say what is needed."""

from __future__ import annotations

from collections.abc import Iterator

from fernn.doctor._finding import FAIL, NOTE, OK, Finding
from fernn.doctor._place import Place
from labrun.errors import UserError


def check(place: Place) -> Iterator[Finding]:
    """Whether it has mistakes, and what it asks for."""
    missing = [str(path) for path in place.files if not path.exists()]
    if missing:
        remedy = "run it where Snakemake runs, or name them with --configfile"
        yield Finding(NOTE, "config", f"no file {', '.join(missing)}", remedy)
        return
    try:
        plan = place.plan
    except UserError as error:
        first, *others = str(error).splitlines()
        more = f" (and {len(others)} more)" if others else ""
        yield Finding(FAIL, "config", first + more, "fernn config tells all")
        return
    runs = sum(
        len(each["models"]) * len(each["seeds"])
        for each in plan["experiments"].values()
    )
    sources = ", ".join(plan["sources"])
    found = f"budget {plan['budget']}, data {sources}, {runs} models to train"
    yield Finding(OK, "config", found)
