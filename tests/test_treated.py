"""A treated model is measured beside the one that it is made of, and not trained."""

import json
from pathlib import Path

import pytest

from fernn.config import protocols
from fernn.config.check import checked
from fernn.config.plan import plan
from fernn.config.positions import merge, read
from fernn.estimate.disk import disk
from fernn.estimate.jobs import jobs
from labrun.errors import UserError

SHIPPED = read(Path(__file__).parents[1] / "config.yaml")
CUT = "cut: {label: Cut, of: fernn_v2, treatment: {kind: prune, share: 0.5}}"
LISTED = "experiments: {translation_slow: {models: [grnn, fernn_v2, cut]}}"


@pytest.fixture
def planned(tmp_path):
    """The plan of the demo with another file on top, or the lines that refuse it."""

    def planned(models=CUT, rest=LISTED):
        file = tmp_path / "more.yaml"
        file.write_text(f"models:\n  {models}\n{rest}\n")
        sources = [SHIPPED, read(file)]
        try:
            return plan(checked(merge(sources), sources))
        except UserError as error:
            return str(error).replace(f"{file}:", "").splitlines()

    return planned


def test_it_is_no_model_to_train_and_one_to_measure(planned):
    whole, plain = planned(), plan(checked(merge([SHIPPED]), [SHIPPED]))
    made = whole["experiments"]["translation_slow"]
    how = [{"kind": "prune", "share": 0.5}]
    assert list(made["models"]) == ["grnn", "fernn_v2"]
    assert made["treated"] == {"cut": {"of": "fernn_v2", "treatment": how}}
    assert "cut" in made["parts"]["all"] and "cut" not in made["baselines"]
    about = made["attrs"]["models"]
    order = [name for name in about if name not in made["baselines"]]
    assert order == ["grnn", "fernn_v2", "cut"]
    own = {"label": "Cut", "color": None, "of": "fernn_v2", "treatment": how}
    own |= {"against": "fernn_v2", "change": ["prune"]}
    assert about["cut"] == about["fernn_v2"] | own
    assert about["cut"]["epochs"] > 0
    # Nothing else of the plan moves.
    rest = "translation"
    assert whole["experiments"][rest] == plain["experiments"][rest]
    assert "treated" not in json.dumps(plain)


def test_its_measurement_waits_for_the_training_of_the_other(planned):
    made = planned(
        rest=f"{LISTED}\nbudgets: {{demo: {{evaluate: model, train: seeds}}}}"
    )
    found = jobs(made)
    assert not [key for key in found if key[0] == "train_seeds" and "cut" in key]
    cut, base = (
        found["evaluate", "translation_slow", name] for name in ("cut", "fernn_v2")
    )
    assert ("train_seeds", "translation_slow", "fernn_v2") in cut.after
    assert cut.after == base.after and cut.works == base.works
    combined = found["combine", "translation_slow", "length"]
    assert ("evaluate", "translation_slow", "cut") in combined.after
    sizes = [
        disk(each, Path("nowhere"))
        for each in (planned(), planned(rest=LISTED.replace(", cut", "")))
    ]
    assert sizes[0]["shards and cubes"] > sizes[1]["shards and cubes"]
    assert sizes[0]["weights"] == sizes[1]["weights"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("of: fernn_v3, treatment: decay", "of: no model 'fernn_v3'; did you mean"),
        ("of: cut, treatment: decay", "of: 'cut' is treated itself; name a model that"),
        ("of: copy_last, treatment: prune", "of: 'copy_last' (persistence) has no"),
        ("of: simvp, treatment: decay", "kind: decay is for forecaster, not for simvp"),
        ("of: fernn_v2", "treatment: is missing"),
        ("treatment: prune", "of: is missing"),
        ("hidden: 3", "kind: is missing"),
        ("of: fernn_v2, treatment: prun", "no 'prun' in treatments; did you mean 'pru"),
        ("of: fernn_v2, treatment: {kind: prune, shar: 1}", "has no option 'shar'"),
        ("of: fernn_v2, treatment: {kind: prune, share: 2.0}", "from 0 to 1, got 2.0"),
        (
            "of: fernn_v2, treatment: [decay, {kind: prun}]",
            "treatment.1.kind: no 'prun",
        ),
        (
            "of: fernn_v2, hidden: 3, treatment: decay",
            "hidden: is of the model that is",
        ),
        (
            "of: fernn_v1, treatment: decay",
            "models.2: 'cut' is made of 'fernn_v1', which",
        ),
        ("kind: conv3d, treatment: decay", "treatment: is of a model without kind"),
    ],
)
def test_what_is_wrong_with_its_entry_is_a_line_with_its_place(planned, entry, message):
    lines = planned(f"cut: {{label: Cut, {entry}}}")
    assert any(message in line for line in lines), lines
    assert all(line[0].isdigit() for line in lines), lines


def test_it_is_no_baseline_and_no_guide(planned, monkeypatch):
    listed = "experiments: {translation_slow: {baselines: [cut]}}"
    assert "belongs under models" in planned(rest=listed)[0]
    monkeypatch.setattr(
        protocols, "needs", lambda spec: {"guide": "cut"} if spec else {}
    )
    guided = f"{CUT}\n  grnn: {{strategy: {{kind: extra_loss}}}}"
    lines = planned(guided, LISTED.replace("translation_slow", "translation"))
    wanted = "guide 'cut' is treated, not trained; name 'fernn_v2'"
    assert any(wanted in line for line in lines), lines


def test_a_statistic_treats_no_model_as_it_is_treated_already(planned):
    listed = "experiments: {treatments_swept: {models: [fernn_line, line_coarse]}}"
    lines = planned(rest=listed)
    wanted = "'swept_bits' treats models by analog, as 'line_coarse' is already"
    assert len(lines) == 2 and any(wanted in line for line in lines), lines
    assert planned(rest=listed.replace("coarse", "decayed"))["experiments"]
