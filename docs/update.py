"""Copy a budget's figures, tables and reproduction page into docs and README.md.

    python docs/update.py mnist-small

A table stands in README.md between ``<!-- table BUDGET/NAME -->`` and ``<!-- end -->``.
"""

import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
HIDDEN = re.compile(r"<!-- lineage: .*? -->\n?", re.DOTALL)


def main(budget: str) -> None:
    """Copy, insert, and say what was copied."""
    source, target = ROOT / "results" / budget, ROOT / "docs" / "results" / budget
    target.mkdir(parents=True, exist_ok=True)
    files = sorted([*source.glob("figures/*.png"), *source.glob("tables/*.md")])
    for path in files:
        shutil.copy(path, target / path.name)
    shutil.copy(source / "reproduction.md", ROOT / "docs")
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    for path in source.glob("tables/*.md"):
        table = HIDDEN.sub("", path.read_text(encoding="utf-8")).strip()
        block = rf"(<!-- table {budget}/{path.stem} -->\n).*?(<!-- end -->)"
        text = re.sub(block, lambda m, t=table: f"{m[1]}{t}\n{m[2]}", text, flags=re.S)
    readme.write_text(text, encoding="utf-8")
    print(f"copied {len(files)} files to {target.relative_to(ROOT)}")


if __name__ == "__main__":
    main(sys.argv[1])
