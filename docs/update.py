"""Copy a budget's figures, tables and pages into docs, and fill pages.

    python docs/update.py mnist-small

README.md and pages of docs show parts of tables, each between
``<!-- table BUDGET/NAME: SELECTION -->`` and ``<!-- end -->``. A selection is of the
form ``model = A, B; columns = model, mse``: the values of a column whose rows are kept,
as many such as are needed, and the columns. Values that have commas stand between
``|``.
"""

import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES_FROM = "demo"  # the budget whose pages of results are copied whole
HIDDEN = re.compile(r"<!-- lineage: .*? -->\n?", re.DOTALL)
BLOCK = re.compile(
    r"(?P<head><!-- table (?P<path>[\w/-]+): (?P<selection>[^>]*) -->\n)"
    r".*?(?=<!-- end)",
    re.DOTALL,
)


def main(budget: str) -> None:
    """Copy, insert, and say what was copied."""
    source, target = ROOT / "results" / budget, ROOT / "docs" / "results" / budget
    target.mkdir(parents=True, exist_ok=True)
    files = sorted([*source.glob("figures/*.png"), *source.glob("tables/*.md")])
    if budget == PAGES_FROM:
        files.append(source / "look.html")
        shutil.copy(source / "reproduction.md", ROOT / "docs")
    for path in files:
        shutil.copy(path, target / path.name)
    for page in pages():
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"copied {len(files)} files to {target.relative_to(ROOT)}")


def pages() -> list[Path]:
    """Those that may show tables."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def filled(text: str) -> str:
    """A text whose tables are those of docs/results."""

    def table(match: re.Match) -> str:
        path = ROOT / "docs" / "results" / f"{match['path']}.md"
        content = HIDDEN.sub("", path.read_text(encoding="utf-8"))
        return match["head"] + part(content, match["selection"])

    return BLOCK.sub(table, text)


def part(content: str, selection: str) -> str:
    """Some rows and columns of the table in a Markdown page, without its notes."""
    lines = [line for line in content.splitlines() if line.startswith("| ")]
    head, rule, *rows = (line.strip("| ").split(" | ") for line in lines)
    wanted = {}
    for each in selection.split(";"):
        column, _, values = each.partition("=")
        between = "|" if "|" in values else ","
        one = [values.strip()]  # a value may have a comma
        wanted[column.strip()] = one + [each.strip() for each in values.split(between)]
    places = [head.index(column) for column in wanted.pop("columns") if column in head]
    kept = [
        row
        for row in rows
        if all(row[head.index(column)] in values for column, values in wanted.items())
    ]
    shown = [[row[place] for place in places] for row in (head, rule, *kept)]
    return "".join(f"| {' | '.join(row)} |\n" for row in shown)


if __name__ == "__main__":
    main(sys.argv[1])
