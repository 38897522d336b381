"""The doctor finds what would stop a run, and says what to do; all else passes."""

import re
from contextlib import suppress
from pathlib import Path

import pytest

from fernn.cli import main
from fernn.doctor import Configured
from labrun.doctor import cluster, examine, machine
from labrun.doctor.place import Finding, Place, first_attempt

ROOT = Path(__file__).parents[1]
SINFO = """\
gpu*|up|1-00:00:00|gpu:a100:2|2|idle
gpu*|up|1-00:00:00|gpu:h200:4|1|mixed
cpu|up|infinite|(null)|9|allocated
old|down|infinite|(null)|1|idle
sick|up|infinite|(null)|1|drained*
"""
TRAIN = {"gpu": 1, "gpu_model": "h200", "runtime": 720, "threads": 2}


@pytest.fixture
def place(tmp_path):
    (tmp_path / "results").mkdir()
    return Place(results=tmp_path / "results")


def only(findings):
    (finding,) = findings
    return finding


def test_a_sound_place_has_a_line_for_each_check(place, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    checks = Configured([ROOT / "config.yaml"], "smoke").checks
    found = [each for each in examine(place, checks) if each.what != "gpu"]
    whats = {each.what for each in found}
    assert {"caches", "clock", "config", "data", "disk", "head", "leases"} <= whats
    assert {"quota", "sharing", "slurm", "temporary", "tracker"} <= whats
    assert not [str(each) for each in found if each.state == "FAIL"]
    assert all(re.match(r"(ok  |note)  \w+: ", str(each)) for each in found)
    assert list(place.results.iterdir()) == []


def test_the_command_exits_with_1_if_something_fails(place, capsys, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nothing")
    monkeypatch.chdir(place.results.parent)
    with pytest.raises(SystemExit) as stop:
        main(["doctor", "--profile", "none"])
    assert stop.value.code == 1
    assert "FAIL  caches:     XDG_CACHE_HOME cannot be" in capsys.readouterr().out
    assert main(["doctor", "--profile", "nowhere"]) == 2
    assert only(machine.caches(place)).state == "FAIL"
    monkeypatch.setenv("XDG_CACHE_HOME", str(place.results / "made/later"))
    assert only(machine.caches(place)).state == "ok"


@pytest.mark.parametrize(
    ("arguments", "budget"),
    [
        ([], "demo"),  # config.yaml alone
        (["--configfile", "mine.yaml"], "smoke"),  # on top of it
        (["--configfile", "config.yaml", "mine.yaml"], "smoke"),
        (["--profile", "cluster"], "mnist-small"),  # the profile's file on top of it
        (
            ["--profile", "cluster", "--configfile", "mine.yaml"],
            "smoke",
        ),  # in its place
    ],
)
def test_the_configuration_is_read_as_by_snakemake(
    arguments, budget, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text((ROOT / "config.yaml").read_text())
    Path("mine.yaml").write_text("budget: smoke")
    Path("cluster").mkdir()
    Path("cluster/profile.yaml").write_text("configfile: its.yaml")
    Path("cluster/its.yaml").write_text("budget: mnist-small")
    with suppress(SystemExit):  # of what fails here, such as Slurm
        main(["doctor", *arguments])
    assert f"ok    config:     budget {budget}," in capsys.readouterr().out


def test_no_check_needs_a_tool(place, monkeypatch, tmp_path):
    (tmp_path / "profile.yaml").write_text("executor: slurm")
    monkeypatch.setenv("PATH", "/nowhere")
    asked = Place(results=place.results, profile=tmp_path)
    found = [each for each in examine(asked, {}) if each.what == "slurm"]
    assert only(found).found == "no command sbatch, squeue on this machine"


def test_secrets_are_not_printed(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "abcdef")
    text = "https://me:pa@ss@host:5/x?key=1 then postgresql://u:p@h/db and abcdef"
    line = str(Finding("note", "tracker", text))
    assert line.endswith("https://host:5/x then postgresql://h/db and ***")


@pytest.mark.parametrize(
    ("name", "resources", "words"),
    [
        ("gpu", TRAIN, ""),
        ("", {"runtime": "1d"}, ""),
        ("gpu", {**TRAIN, "gpu_model": "b200"}, "no GPU of type b200"),
        ("gpu", {**TRAIN, "runtime": "25h"}, "train asks for 1500 minutes of at most"),
        ("cpu", TRAIN, "no node has a GPU"),
        ("gpus", TRAIN, "none of this name; did you mean 'gpu'?"),
        ("old", {}, "old: is down"),
        ("sick", {}, "its nodes are drained*"),
    ],
)
def test_partitions(name, resources, words, monkeypatch):
    monkeypatch.setattr(cluster, "_refused", lambda name, asked: [])
    found = cluster.judge_partition(
        name, {"train": resources}, cluster.parse_nodes(SINFO)
    )
    assert (found.state == "FAIL") == bool(words) and words in found.found


def test_what_sbatch_would_be_asked():
    told = " ".join(cluster.options({**TRAIN, "mem_mb": 900, "slurm_account": "a"}))
    assert told == ("--gpus=h200:1 --account=a --mem=900 --cpus-per-task=2 --time=720")


def test_a_rule_asks_for_its_own_resources_under_those_of_the_profile():
    resources = first_attempt(ROOT / "workflow/resources.yaml", {"devices": 2})
    place = Place(profile=Path("profile"), resources=resources)
    defaults = {"slurm_partition": "cpu", "runtime": 1, "mem_mb": 2}
    overrides = {"train": {"slurm_partition": "gpu", "gpu_model": "h200"}}
    overrides["combine"] = {"slurm_partition": "cpu"}  # else it is no job of its own
    vars(place)["settings"] = {
        "default-resources": [f"{key}={value}" for key, value in defaults.items()],
        "set-resources": overrides,
    }
    rules = cluster.submitted(place)
    jobs = {"tune", "trial", "learn", "train", "train_seeds", "evaluate", "combine"}
    assert {*rules} == jobs
    train = {"gpu": 2, "gpu_model": "h200", "slurm_partition": "gpu", "nodes": 1}
    assert rules["train"] == {**train, "threads": 1, "mem_mb": 16000, "runtime": 720}
    assert rules["combine"]["slurm_partition"] == "cpu"
    assert rules["combine"]["mem_mb"] == 4000  # over the default of the profile
    none = Place(profile=Path("profile"))
    vars(none)["settings"] = {"default-resources": defaults}
    assert cluster.submitted(none) == {"every job": defaults}


@pytest.mark.parametrize(
    ("settings", "known", "state"),
    [
        ({"slurm-status-command": "squeue"}, {"MinJobAge": "300 sec"}, "ok"),
        ({"slurm-status-command": "squeue"}, {"MinJobAge": "60 sec"}, "FAIL"),
        ({}, {"AccountingStorageType": "accounting_storage/slurmdbd"}, "ok"),
        ({}, {"AccountingStorageType": "accounting_storage/none"}, "FAIL"),
    ],
)
def test_how_the_states_of_jobs_are_asked_for(settings, known, state, tmp_path):
    place = Place(profile=tmp_path)
    vars(place)["settings"] = settings
    assert cluster.judge_states(place, known).state == state


@pytest.mark.parametrize(
    ("built", "devices", "driver", "submits", "state"),
    [
        ("12.8", [["H200", 2**30, 2**31]], True, False, "ok"),
        ("12.8", [], False, True, "note"),
        (None, [], False, False, "note"),
        (None, [], False, True, "FAIL"),
        (None, [], True, False, "FAIL"),
        ("12.8", [], True, False, "FAIL"),
    ],
)
def test_a_gpu_must_be_computed_on(built, devices, driver, submits, state):
    torch = {"version": "2.9", "built": built, "devices": devices}
    assert machine.judge_gpu(torch, driver, submits, "fernn").state == state


def test_a_quota_is_read_from_either_tool():
    table = """\
Disk quotas for user me (uid 7):
     Filesystem  blocks   quota   limit   grace   files   quota   limit   grace
/dev/home 950* 900 1000 6days 5 0 0 0
 /scratch      10       0   100       -      95       0     100       -
"""
    shares = {line.split(":")[0]: share for line, share in machine.parse_quota(table)}
    assert [round(share, 2) for _, share in machine.parse_quota(table)] == [
        1.06,
        0.1,
        0.95,
    ]
    assert list(shares) == ["/dev/home", "/scratch"]


def test_a_full_disk_fails(place):
    assert machine.space("disk", "r", place.results, 1.0, 1).state == "ok"
    huge = machine.space("disk", "r", place.results, 1e18, 1)
    assert huge.state == "FAIL" and "1000000000.0 GB needed" in huge.found
    assert machine.space("disk", "r", Path("/proc/self"), 1.0, 1).state == "FAIL"
