"""Of each model one run holds the mean over seeds, and views that open by address."""

import math

import pytest

from labrun.spool import Spool
from labrun.tracking import saved_views, shared_views
from labrun.tracking.sync import Syncer
from labrun.tracking.view import View

# MLflow's dependencies, not ours.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
METRICS = {"evaluate": "test/length"}
T = 12.706204736174698  # Student's, one degree of freedom, 97.5 %


@pytest.fixture(autouse=True)
def own_database(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def told(results, seed, losses, status="FINISHED", stage="train"):
    with Spool(results / f"demo/{stage}/{seed}.events.jsonl", resume=False) as spool:
        spool.run(
            key=f"demo/digits/grnn/{stage}-{seed}",
            experiment="digits",
            parent="demo/digits/grnn",
            name=f"grnn.seed-{seed}",
            tags={"stage": stage, "model": "grnn", "label": "G-RNN"},
            params={"seed": seed, "clip": 1.0} if stage == "train" else {},
        )
        for step, loss in enumerate(losses):
            spool.metrics(step, {METRICS.get(stage, "val/mse"): loss})
        spool.status(status)


def summaries(syncer):
    with syncer.folder.lock():
        view = View(syncer.folder)
        found = view._client.search_runs(["1"], "tags.level = 'summary'")
        return view, found


def test_the_mean_over_seeds_is_a_run_of_its_own(tmp_path):
    told(tmp_path, 0, [1.0, 2.0])
    told(tmp_path, 1, [3.0])
    told(tmp_path, 2, [99.0], status="FAILED")
    told(tmp_path, "test", [0.5], stage="evaluate")
    told(tmp_path, "trial", [50.0], stage="tune")
    syncer = Syncer(tmp_path)
    report = syncer.run_pass(compare=True)
    assert all(row.agrees for row in report.rows) and not report.problems
    view, (run,) = summaries(syncer)
    points = {
        (name, step): value for name, step, value in view.history(run.info.run_id)
    }
    assert points == {
        ("val/mse", 0): 2.0,
        ("val/mse: standard deviation", 0): pytest.approx(math.sqrt(2)),
        ("val/mse: interval low", 0): pytest.approx(2 - T),  # t s / √n = T √2 / √2
        ("val/mse: interval high", 0): pytest.approx(2 + T),
        ("val/mse: seeds", 0): 2.0,
        ("val/mse", 1): 2.0,  # of the one seed that has it
        ("val/mse: seeds", 1): 1.0,
        ("test/length", 0): 0.5,
    }
    assert run.info.run_name == "grnn: mean of 2 seeds"
    assert run.data.params == {"clip": "1.0"}
    assert "1 of 3 runs ended early" in run.data.tags["mlflow.note.content"]


def test_a_summary_follows_its_seeds(tmp_path):
    told(tmp_path, 0, [1.0])
    syncer = Syncer(tmp_path)
    syncer.run_pass()
    told(tmp_path, 1, [3.0])
    assert all(row.agrees for row in syncer.run_pass(compare=True).rows)
    _, (run,) = summaries(syncer)
    assert run.data.metrics["val/mse"] == 2.0
    Syncer(tmp_path).run_pass()  # another process knows that it is up to date
    _, (again,) = summaries(syncer)
    assert again.info.run_id == run.info.run_id


def test_what_is_changed_behind_its_back_fails_the_check(tmp_path):
    """A point that was added to a summary, and a view that was emptied."""
    told(tmp_path, 0, [1.0])
    syncer = Syncer(tmp_path)
    syncer.run_pass()
    view, (run,) = summaries(syncer)
    view.log(run.info.run_id, [("val/mse", 7.0, 0, 9)])
    with syncer.folder.lock():
        assert saved_views.shown(view, "1") == {"val/mse", "val/mse: seeds"}
        tag = f"{shared_views.TAG}seeds"
        state = shared_views.decode(view.experiment_tags("1")[tag])
        assert state["groupBy"]["groupByKeys"] == [
            {"mode": "tag", "groupByData": "label"}
        ]
        axes = {c["metricKey"]: c["scaleType"] for c in state["compareRunCharts"]}
        assert axes == {"val/mse": "log", "val/mse: seeds": "linear"}
        view.tag_experiment("1", {tag: "{}"})
    first, wrong = [r for r in syncer.run_pass(compare=True).rows if not r.agrees]
    assert (first.surplus, wrong.key, wrong.missing) == (1, "shared views", 2)
    assert all(row.agrees for row in syncer.run_pass(anew=True, compare=True).rows)
