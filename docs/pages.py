"""Write docs/systems.md and docs/zoo.md.

    python docs/pages.py [BUDGET ...]

A row of docs/systems.md comes from the file of a kind, the test that names it by the
marker `law`, and config.yaml. The parts of docs/zoo.md are those of docs/zoo.yaml, its
numbers those of docs/results/BUDGET/zoo.csv. Tables and figures of budgets that are
named are copied from their results first; experiments that a new table `zoo` lacks keep
their rows.
"""

import csv
import math
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
FOLDERS = {  # of src/fernn
    "models": "Models",
    "cells": "Cells beside that of the paper",
    "models/temporal": "Cells in the frame of each slot",
    "models/rollouts": "Roll-outs",
    "training/strategies": "Strategies",
    "treatments": "Treatments",
    "evaluation": "Analyses and statistics",
}
SYSTEMS = """\
# Systems

Each model, strategy, treatment and analysis: the paper that it is from, a test that
fails if it is something else, and the experiments of [config.yaml](../config.yaml) that
use it. `make docs` writes this page anew from the files that it names; `pytest -m law`
runs the tests.
"""
SOURCE = re.compile(r"^Source: (.*?)\.\n(?:\n|\"\"\")", re.MULTILINE | re.DOTALL)
LAW = re.compile(r"^@pytest\.mark\.law\(([^)]*)\)\ndef (\w+)\(", re.MULTILINE)
NONE = "–"
ZOO = """\
# Effects of strategies, treatments and analyses

Each row compares a model with the model that differs from it in one thing only, in
the same experiment, with the same seeds, data and budget. `effect` is a ratio of
errors, where below 1 the model has the smaller error, or, for accuracies and shares,
a difference, with the 95 % interval over seeds. Verdicts are those of the table
[`zoo`](../src/fernn/tables/zoo.py). *Not run* means not run with this table; earlier
results are on the page to which the title leads, such as that of ACE.

Three seeds leave much undecided. An earlier run of the budget `zoo` on another
processor, which rounds otherwise, gave 16 of 223 rows another verdict: each changed
from or to *undecided*. `python docs/pages.py` writes this page after these runs:

```
snakemake zoo --cores 2 --config budget=zoo   # half an hour
snakemake zoo --cores 2 --config budget=ace   # the first row
python docs/pages.py zoo ace
```
"""
NAMED = 4  # experiments of a system
NOT_RUN = "Not run.\n"
SHOWN = ("experiment", "axis", "model", "against", "quantity", "seeds")


def read(path: Path) -> Any:
    """A YAML file, whose aliases are resolved."""
    return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))


def modules(folder: str) -> list[str]:
    """The kinds of a folder; of analyses those that measure."""
    paths = sorted((ROOT / "src/fernn" / folder).glob("[!_]*.py"))
    return [
        path.stem
        for path in paths
        if folder != "evaluation"
        or "\ndef measure(" in path.read_text(encoding="utf-8")
    ]


def uses(config: Mapping[str, Any]) -> dict[tuple[str, str], list[str]]:
    """The experiments that use each kind, by folder and kind."""
    found: dict[tuple[str, str], list[str]] = {}
    for name, experiment in config["experiments"].items():
        protocol = config["protocols"][experiment["protocol"]]
        for key in dict.fromkeys(_kinds(config, experiment, protocol)):
            found.setdefault(key, []).append(name)
    return found


def _kinds(
    config: Mapping[str, Any], experiment: Mapping, protocol: Mapping
) -> Iterator[tuple[str, str]]:
    for name in [*experiment["models"], *experiment.get("baselines", [])]:
        entry = config["models"][name]
        if "kind" in entry:
            yield "models", entry["kind"]
        rollouts = protocol.get("rollouts", {})
        yield from _of(
            "models/rollouts",
            entry.get("rollout", rollouts.get(name, protocol.get("rollout"))),
        )
        for folder in ("models/temporal", "cells"):
            yield from _of(folder, entry.get("cell"))
        yield from _of("training/strategies", entry.get("strategy"))
        yield from _of("treatments", entry.get("treatment"))
    for axis in experiment["axes"]:
        yield "evaluation", config["axes"][axis]["statistic"]


def _of(folder: str, given: Any) -> Iterator[tuple[str, str]]:
    for each in given if isinstance(given, list) else [given]:
        if each is not None:
            yield folder, each["kind"] if isinstance(each, dict) else each


def source(folder: str, kind: str) -> str:
    """What the paragraph `Source:` in the docstring of a kind's file says."""
    text = (ROOT / f"src/fernn/{folder}/{kind}.py").read_text(encoding="utf-8")
    found = SOURCE.search(text)
    return " ".join(found[1].split()) if found else NONE


def laws() -> dict[str, str]:
    """Links to the tests that prove each kind, `folder/kind`."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").glob("test_*.py")):
        for places, test in LAW.findall(path.read_text(encoding="utf-8")):
            for place in re.findall(r'"([^"]+)"', places):
                link = f"[{test}](../tests/{path.name})"
                found.setdefault(place, []).append(link)
    return {place: ", ".join(links) for place, links in found.items()}


def systems() -> str:
    """The page that maps every system to its source, file, law and experiments."""
    proved, where = laws(), uses(config())
    parts = [SYSTEMS]
    for folder, title in FOLDERS.items():
        parts.append(f"## {title}\n\n| entry | source | law | experiments |")
        parts[-1] += "\n| --- | --- | --- | --- |"
        for kind in modules(folder):
            named = where.get((folder, kind), [])
            experiments = [f"`{name}`" for name in named[:NAMED]]
            if len(named) > NAMED:
                experiments.append("others")
            cells = (
                f"[`{kind}`](../src/fernn/{folder}/{kind}.py)",
                source(folder, kind),
                proved.get(f"{folder}/{kind}", NONE),
                ", ".join(experiments) or NONE,
            )
            parts[-1] += f"\n| {' | '.join(cells)} |"
        parts[-1] += "\n"
    return "\n".join(parts)


def config() -> Any:
    """config.yaml."""
    return read(ROOT / "config.yaml")


def zoo() -> str:
    """The page of what each system changed, or that it was not run."""
    rows = [
        row
        for path in sorted((ROOT / "docs/results").glob("*/zoo.csv"))
        for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines())
    ]
    parts = [ZOO]
    for part in read(ROOT / "docs/zoo.yaml"):
        own = [row for row in rows if belongs(row, part)]
        parts.append(f"## [{part['title']}]({part['page']})\n")
        if own and "said" in part:
            parts.append(part["said"])
        parts.append(comparisons(own))
    return "\n".join(parts)


def belongs(row: Mapping[str, str], part: Mapping[str, Any]) -> bool:
    """Whether a row of the table is about a part of the page."""
    changes = {*row["change"].split(", ")}
    return (
        row["statistic"] in part.get("statistics", [])
        or row["experiment"] in part.get("experiments", [])
        or bool(changes & {*part.get("changes", [])})
    )


def comparisons(rows: list[Mapping[str, str]]) -> str:
    """Rows as a table of Markdown."""
    if not rows:
        return NOT_RUN
    lines = [f"| {' | '.join((*SHOWN, 'effect', 'interval', 'verdict'))} |"]
    lines.append(f"|{' --- |' * (len(SHOWN) + 3)}")
    for row in rows:
        effect, low, high = (
            float(row[name] or "nan") for name in ("effect", "low", "high")
        )
        interval = "–" if math.isnan(low) else f"{low:.3g} to {high:.3g}"
        cells = [row[name] for name in SHOWN]
        cells += ["–" if math.isnan(effect) else f"{effect:.3g}", interval]
        lines.append(f"| {' | '.join((*cells, row['verdict']))} |")
    return "\n".join(lines) + "\n"


def renewed(old: str, new: str) -> str:
    """A table whose experiments are those of a newer one, and others as they were."""
    head, *lines = new.splitlines(keepends=True)
    run = {line.split(",", 1)[0] for line in lines}
    rows = old.splitlines(keepends=True)[1:]
    kept = [each for each in rows if each.split(",", 1)[0] not in run]
    return "".join([head, *kept, *lines])


def copy(made: Path, target: Path) -> None:
    """Copy what a run has made: figures, tables, and the CSV file of the benchmark."""
    target.mkdir(parents=True, exist_ok=True)
    shown = [*made.glob("figures/*.png"), *made.glob("tables/*.md")]
    for path in (*shown, *made.glob("tables/leaderboard.csv")):
        if path.stem != "zoo":
            shutil.copy(path, target)
    table, kept = made / "tables/zoo.csv", target / "zoo.csv"
    if table.exists():
        old = kept.read_text(encoding="utf-8") if kept.exists() else ""
        new = table.read_text(encoding="utf-8")
        kept.write_text(renewed(old, new), encoding="utf-8")


def main(*budgets: str) -> None:
    """Copy tables and figures of runs, and write both."""
    for budget in budgets:
        copy(ROOT / "results" / budget, ROOT / "docs/results" / budget)
    for name, page in (("systems", systems()), ("zoo", zoo())):
        (ROOT / "docs" / f"{name}.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
