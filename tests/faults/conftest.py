"""The undisturbed run, made once, and flows to be disturbed."""

import pytest

from faults.commands import Commands, run
from faults.flow import Flow


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """A flow that nothing disturbed: one command, to its end."""
    pytest.importorskip("snakemake")
    made = Flow(tmp_path_factory.mktemp("undisturbed"))
    try:
        made.finish()
    finally:
        made.end()
    return made


@pytest.fixture(scope="session")
def tuned(tmp_path_factory):
    """A flow that was told to stop once the hyperparameters are chosen."""
    pytest.importorskip("snakemake")
    made = Flow(tmp_path_factory.mktemp("tuned"))
    try:
        assert made.run("--until", "select") == 0, made.told()
        made.wait_until(lambda: not made.pids())
    finally:
        made.end()
    return made


@pytest.fixture
def make(tmp_path):
    """Make a flow, fresh or as another one stands; at the end nothing of it lives."""
    made = []

    def new(of=None):
        made.append(Flow(tmp_path / f"flow-{len(made)}", of))
        return made[-1]

    yield new
    for flow in made:
        flow.end()


@pytest.fixture(scope="session")
def commands(tmp_path_factory):
    """Commands on tiny data."""
    return Commands(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def trained(commands, tmp_path_factory):
    """The folder of a training run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("trained")
    code, said = run(commands.train(folder / "model.pt"))
    assert code == 0, said
    return folder
