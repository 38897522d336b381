"""What a job loads before it works: the modules of a process of its own."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from fernn.training import optimisers
from fernn.training.fabric import make_fabric

COMPILER, SEVERAL = "torch._dynamo", "lightning_fabric"
STEP = """
import torch
from fernn.training import optimisers
from fernn.training.fabric import make_fabric
from fernn.training.loop import train
fabric = make_fabric(precision={precision!r})
model = torch.nn.Linear(2, 1)
given = optimisers.build({optimiser!r}, model.parameters(), 0.1)
network, stepper = fabric.setup(model, given)
fabric.backward(network(torch.ones(3, 2)).sum())
fabric.clip_gradients(network, stepper, max_norm=1.0, error_if_nonfinite=False)
stepper.step()
stepper.zero_grad()
given.load_state_dict(given.state_dict())
"""


def loaded(code: str, *libraries: str) -> set[str]:
    """Which of some libraries a process has loaded after it ran."""
    told = f"{code}\nimport sys\nprint('loaded:', *sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", told], capture_output=True, text=True, check=True
    )
    modules = done.stdout.rpartition("loaded:")[2].split()
    return {*libraries} & {*modules}


def test_a_step_on_one_device_loads_neither_fabric_nor_the_compiler():
    code = STEP.format(precision="float32", optimiser=None)
    assert not loaded(code, COMPILER, SEVERAL)


def test_a_step_in_mixed_precision_loads_both():
    code = STEP.format(precision="bfloat16", optimiser=None)
    assert loaded(code, COMPILER, SEVERAL) == {COMPILER, SEVERAL}


def test_a_command_loads_no_other_command():
    code = "from fernn.cli import main; main(['trace', 'nowhere'])"
    assert loaded(code, "fernn.cli.trace", "fernn.cli.train") == {"fernn.cli.trace"}


@pytest.mark.parametrize(
    ("text", "expected"), [('{"a": 1e3}', False), ("{a: 1}", True)]
)
def test_what_the_workflow_writes_needs_no_yaml(text, expected):
    code = f"from fernn.cli._arguments import mapping; mapping({text!r})"
    assert bool(loaded(code, "ruamel.yaml")) == expected


def steps(made, weight: nn.Parameter) -> dict:
    """The state after some steps down a bowl, half of them after it was loaded."""
    for step in range(4):
        if step == 2:
            made.load_state_dict(made.state_dict())
        made.zero_grad()
        (weight**4).sum().backward()
        made.step()
    return {"weight": weight.detach(), **made.state_dict()["state"].get(0, {})}


@pytest.mark.parametrize("kind", ["Adam", "AdamW", "RMSprop", "SGD"])
def test_steps_have_the_bits_of_those_of_torch(kind):
    start = torch.tensor([[0.3, -2.0]])
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    found = steps(optimisers.build(kind, [ours], 0.03), ours)
    expected = steps(getattr(torch.optim, kind)([theirs], lr=0.03), theirs)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(found[name], value), name
    assert not torch.equal(found["weight"], start)


def test_one_device_limits_the_norm_of_a_gradient():
    """Of the gradient (3, 4), whose norm is 5, to 1; it tells 5."""
    model = nn.Linear(2, 1, bias=False)
    fabric = make_fabric()
    network, stepper = fabric.setup(model, torch.optim.SGD(model.parameters(), lr=1.0))
    fabric.backward((network.weight * torch.tensor([3.0, 4.0])).sum())
    norm = fabric.clip_gradients(network, stepper, 1.0, error_if_nonfinite=False)
    assert norm.item() == 5
    expected = torch.tensor([[0.6, 0.8]])
    torch.testing.assert_close(model.weight.grad, expected, rtol=1e-5, atol=0)
