"""Whether two folders of results have the same models and cubes, and equal ones.

compare.py MADE REFERENCE: of the experiments that MADE has run.
"""

import filecmp
import sys
from pathlib import Path

import xarray as xr


def same_file(made: Path, reference: Path) -> bool:
    """Byte by byte."""
    return filecmp.cmp(made, reference, shallow=False)


def same_cube(made: Path, reference: Path) -> bool:
    """Coordinates, values and attributes but the lineage, which tells of files."""
    pair = [xr.load_dataset(path) for path in (made, reference)]
    for cube in pair:
        cube.attrs.pop("lineage")
    return pair[0].identical(pair[1])


def main(made: Path, reference: Path) -> int:
    """Compare, and say how many; 1 if any differs or there are none."""
    kinds = {"runs/*/*/*/model.pt": same_file, "cubes/*/*.nc": same_cube}
    differ, equal = [], 0
    run = {path.name for path in (made / "runs").iterdir()}
    for pattern, same in kinds.items():
        for path in sorted(reference.glob(pattern)):
            name = path.relative_to(reference)
            if name.parts[1] not in run:
                continue
            if (made / name).exists() and same(made / name, path):
                equal += 1
            else:
                differ.append(str(name))
    print(f"{equal} models and cubes are equal; differ: {', '.join(differ) or 'none'}")
    return 1 if differ or not equal else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
