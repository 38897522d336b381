"""All ways to install name one Python and the versions that were tested."""

import re
import shlex
import tomllib

from copied import ROOT

ENVS = ROOT / "envs"
FILES = [ENVS / "Dockerfile", ENVS / "fernn.def"]


def installs(path):
    """The arguments of each `pip install` in a file."""
    lines = [line for line in path.read_text().splitlines() if "pip install" in line]
    return [shlex.split(line.partition("pip install")[2]) for line in lines]


def test_images_and_conda_have_one_python():
    found = {
        re.search(r"(?i)^from:? python:([\d.]+)-slim$", f.read_text(), re.M)[1]
        for f in FILES
    }
    conda = re.search(r"python=([\d.]+)", (ENVS / "fernn.yaml").read_text())[1]
    assert found == {conda}


def test_images_install_the_checkout_by_the_constraints():
    (docker,), (apptainer,) = map(installs, FILES)
    assert docker == apptainer
    assert docker[docker.index("--constraint") + 1] == "/fernn/envs/constraints.txt"
    extras = re.fullmatch(r"/fernn\[(.*)\]", docker[-1])[1].split(",")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {*extras} <= project["optional-dependencies"].keys()


def test_what_an_image_copies_has_the_commit_and_no_results():
    left_out = (ROOT / ".dockerignore").read_text().splitlines()
    assert "results" in left_out and ".git" not in left_out


def test_every_library_of_the_commands_has_a_tested_version():
    """But Triton, of which torch asks for its own version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    names = {re.match(r"[\w.-]+", line)[0].lower() for each in lists for line in each}
    pinned = {
        line.partition("==")[0].lower()
        for line in (ENVS / "constraints.txt").read_text().splitlines()
    }
    assert names - pinned - {"fernn", "triton"} == set()
