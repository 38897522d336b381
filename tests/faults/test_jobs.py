"""A job of the workflow is hit; the same command ends as if it had not been."""

import gzip
import json
import random
import signal

import pytest

from faults.commands import last_step, saved
from faults.damage import cut, flip
from faults.flow import EPOCH, LIMIT, STEPS
from faults.invariants import cubes, require_undisturbed

pytestmark = pytest.mark.minutes
RUN = "runs/tiny/fernn_v1/0"
STUDY = "studies/tiny/fernn_v1"
EPOCHS = "epochs: 8"


def hit_training(flow, number, epochs=2):
    """Start, and send a signal to the training run after a random step: the step."""
    head, folder = flow.start(), flow.path(RUN)
    step = random.randrange(epochs * EPOCH + 5, STEPS - EPOCH)
    flow.wait_until(lambda: last_step(folder) >= step)
    assert len(flow.kill("fernn", "train", number=number)) == 1
    assert head.wait(LIMIT) == 1
    assert not (folder / "model.pt").exists() and saved(folder)
    return last_step(folder)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_f1_f3_a_training_run(make, tuned, undisturbed, number):
    flow = make(tuned)
    step = hit_training(flow, number)
    lost = step - max(saved(flow.path(RUN)))
    assert lost < EPOCH + 10 if number == signal.SIGKILL else lost <= 0
    flow.finish()
    assert "seed-0: attempt 2" in flow.told()
    print(f"{signal.Signals(number).name}: {max(lost, 0)} steps lost at step {step}")
    require_undisturbed(flow, undisturbed)


@pytest.mark.parametrize("damage", [cut, flip, lambda path: cut(path, 0)])
def test_f8_f9_a_damaged_state(make, tuned, undisturbed, damage):
    flow = make(tuned)
    step = hit_training(flow, signal.SIGKILL)
    newest = max(saved(flow.path(RUN)))
    damage(flow.path(RUN) / f"state-{newest:09d}.pt")
    flow.finish()
    assert f"state-{newest:09d}.pt is damaged; going back to an older" in flow.told()
    print(f"{step - newest + EPOCH} steps lost at step {step}")
    require_undisturbed(flow, undisturbed)


@pytest.mark.parametrize("left", ["nothing", "half a line and a lock"])
def test_f20_f21_f22_a_worker_of_a_study(make, undisturbed, left):
    flow = make()
    head, trial = flow.start(), flow.path(STUDY) / "trials/trial-01"
    flow.wait_until(lambda: last_step(trial) > EPOCH)
    flow.kill("fernn", "tune")
    assert head.wait(LIMIT) == 1
    (journal,) = flow.path(STUDY).glob("*.journal")
    if left != "nothing":
        with journal.open("a") as file:
            file.write('{"op_code": 6, "worker_id": "')
        journal.with_name(f"{journal.name}.lock").touch()
    flow.finish()
    assert '"state":3' in journal.read_text().replace(" ", "")  # a trial that failed
    require_undisturbed(flow, undisturbed)


def test_f26_another_number_of_epochs_after_a_killed_run(make, tuned):
    """What was saved is of other settings; nothing of it is used."""
    flow, other = make(tuned), make(tuned)
    hit_training(flow, signal.SIGKILL)
    for changed in (flow, other):
        config = changed.folder / "tiny.yaml"
        config.write_text(config.read_text().replace(EPOCHS, "epochs: 6"))
        changed.finish()
    assert "is of other settings or data; starting anew" in flow.told()
    assert cubes(flow) == cubes(other)
    require_undisturbed(flow, flow)


def test_f18_f9_outputs_that_rot_are_told_and_made_again(make, undisturbed):
    """A shard and a model rot after the end, and what was made of them is lost."""
    flow = make(undisturbed)
    shard = flow.path("shards/tiny/fernn_v1.nc")
    cut(shard)
    flow.path("cubes/tiny/in_distribution.nc").unlink()
    assert flow.run() == 1
    assert f"{shard.relative_to(flow.folder)} is damaged" in flow.told()
    model = flow.path(RUN) / "model.pt"
    flip(model)
    flow.finish(times=3)
    require_undisturbed(flow, undisturbed)


def test_f24_damaged_digits_are_told_before_any_training(make, tmp_path):
    from test_fetch import RAW, flipped, put, spec_of

    flow = make()
    put(tmp_path / "digits", RAW)
    bad = tmp_path / "digits/train_images-idx.gz"
    whole = bad.read_bytes()
    bad.write_bytes(gzip.compress(flipped(gzip.decompress(whole))))
    flow.env["FERNN_DATA"] = str(tmp_path / "digits")
    config = flow.folder / "tiny.yaml"
    source = json.dumps({"tiny-idx": spec_of()})
    text = config.read_text().replace("source: handwritten", "source: tiny-idx")
    config.write_text(f"{text}sources: {source}\n")
    assert flow.run() == 1
    assert f"fernn: {bad}: expected SHA-256 " in flow.told()
    made = [path.name for path in flow.path(".").glob("*") if path.name != "logs"]
    assert not {"studies", "runs", "data"} & set(made), made
    bad.write_bytes(whole)
    assert flow.run("--until", "synthesize") == 0, flow.told()
