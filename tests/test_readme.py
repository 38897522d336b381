"""What README.md shows is what happens."""

import re
import subprocess
import sys
from pathlib import Path

import fernn

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_twelve_lines_prove_equivariance():
    code = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[0]
    assert len([line for line in code.splitlines() if line]) == 12
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 1e-10
    wrong = code.replace("still[:, source], nu, 9", "still[:, source], nu, 8")
    done = subprocess.run(
        [sys.executable, "-c", wrong], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) > 1e-3


def test_links_and_pictures_are_there():
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    assert len(links) > 8
    missing = [link for link in links if not (ROOT / link).exists()]
    assert not missing


def test_every_public_name_is_there():
    for name in fernn.__all__:
        assert getattr(fernn, name).__doc__, name
