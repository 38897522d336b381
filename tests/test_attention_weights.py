"""A state space student begins as its teacher of attention, but for the decay."""

import pytest
import torch

from continued import FLOW, made, require_same_bits, run
from fernn import models
from labrun.errors import UserError

SPEC = {"kind": "comoving", "flow": FLOW, "hidden": 3, "layers": 2}
SPEC |= {"decoder_layers": 0}
TEACHER = {**SPEC, "cell": {"kind": "attention", "width": 2}}
STUDENT = {**SPEC, "cell": {"kind": "ssd", "width": 2}}
TAUGHT = {"kind": "attention_weights", "teacher": "it"}


def needs(spec=TEACHER):
    torch.manual_seed(5)
    return {"teacher": models.build(spec, 7)}


@pytest.fixture
def splits(sequences):
    return [sequences(split=name, pool=name) for name in ("train", "val")]


@pytest.mark.law("training/strategies/attention_weights")
def test_every_weight_of_the_teacher_is_taken_and_no_other_is_changed():
    drawn, taught = made(None, STUDENT)[0], made(TAUGHT, STUDENT, needs())[0]
    teacher = needs()["teacher"].state_dict()
    for name, weight in taught.state_dict().items():
        assert torch.equal(weight, teacher.get(name, drawn.state_dict()[name]))
    own = taught.state_dict().keys() - teacher.keys()
    assert {name.split(".")[3] for name in own} == {"step", "log_decay"}
    assert not torch.equal(
        taught.cell.layers[1].project.weight, drawn.cell.layers[1].project.weight
    )


def test_training_is_plain_from_there(splits):
    how = {"model": STUDENT, "needs": needs()}
    records, weights = run(TAUGHT, splits, **how)
    alone = run(None, splits, model=STUDENT)[0]
    assert records[-1]["validation_error"] != alone[-1]["validation_error"]
    assert weights.keys() == models.build(STUDENT, 7).state_dict().keys()


def test_a_stopped_training_goes_on_with_its_own_weights(splits, tmp_path):
    how = {"model": STUDENT, "needs": needs()}
    require_same_bits(TAUGHT, splits, tmp_path, (2, 7), **how)


@pytest.mark.parametrize(
    ("student", "teacher", "message"),
    [
        (STUDENT, STUDENT, "needs cells `attention`"),
        (TEACHER, TEACHER, "the student cells `ssd` in their places"),
        ({**STUDENT, "layers": 1}, TEACHER, "in their places"),
        ({**STUDENT, "decoder_layers": 1}, TEACHER, "no decoder.0.weight of shape"),
        (STUDENT | {"cell": {"kind": "ssd"}}, TEACHER, "no cell.layers.0.norm.weight"),
    ],
)
def test_others_are_refused(student, teacher, message):
    with pytest.raises(UserError, match=message):
        made(TAUGHT, student, needs(teacher))
