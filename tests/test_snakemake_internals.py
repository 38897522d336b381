"""What the workflow and its logger rely on of Snakemake's internals.

A failure here means that Snakemake has changed: read its source, mend
`workflow/rules/snakemake_internals.smk` or the logger, and move the bound of
its version.
"""

import inspect
import tomllib
from importlib.metadata import version

import pytest

from copied import ROOT

pytest.importorskip("snakemake")


def in_order(source: str, *parts: str) -> bool:
    """Whether a source has all parts, one after the other."""
    places = [source.find(part) for part in parts]
    return min(places) >= 0 and places == sorted(places)


def test_the_installed_version_is_bounded():
    """To the minor series that `envs/constraints.txt` pins, and so the tests run."""
    from packaging.requirements import Requirement

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    known = [Requirement(line) for each in lists for line in each]
    bounds = [each.specifier for each in known if each.name == "snakemake"]
    constraints = (ROOT / "envs/constraints.txt").read_text().splitlines()
    (pinned,) = [line[11:] for line in constraints if line.startswith("snakemake==")]
    major, minor, _ = map(int, pinned.split("."))
    assert bounds
    for bound in bounds:
        assert bound.contains(version("snakemake")) and bound.contains(pinned)
        assert not bound.contains(f"{major}.{minor + 1}.0")


def test_the_dag_is_prepared_between_the_executors_choice_and_the_locks():
    from snakemake.api import Workflow

    steps = (
        "self._executor_plugin = executor_plugin",
        "self.executor_settings = executor_settings",
        "self._prepare_dag(",
        "with self.persistence.lock():",
        "self._onstart(",
    )
    source = inspect.getsource(Workflow.execute)
    assert in_order(source, *steps)
    assert not in_order(source, *reversed(steps)) and not in_order("", *steps)
    assert isinstance(Workflow.executor_plugin, property)
    assert isinstance(Workflow.is_main_process, property)
    assert isinstance(Workflow.dryrun, property)


def test_the_scheduler_makes_the_executor_that_the_plugin_names():
    from snakemake.api import Workflow
    from snakemake.scheduling.job_scheduler import JobScheduler
    from snakemake_interface_executor_plugins.registry.plugin import Plugin

    assert "executor" in Plugin.__dataclass_fields__
    source = inspect.getsource(JobScheduler.__init__)
    assert source.count("self._executor = executor_plugin.executor(") == 2
    choice = "self._executor_plugin = executor_plugin"
    source = inspect.getsource(Workflow.execute)
    assert in_order(source, choice, "JobScheduler(", "executor_plugin,")


def test_configuration_files_go_through_one_reader():
    from snakemake.common import configfile

    names = [*inspect.signature(configfile._load_configfile).parameters]
    assert names == ["configpath_or_obj", "filetype"]
    source = inspect.getsource(configfile.load_configfile)
    assert "_load_configfile(configpath)" in source


def test_slurms_plugin_has_what_the_executor_overrides():
    plugin = pytest.importorskip("snakemake_executor_plugin_slurm")
    from labrun.slurm_executor import Executor

    own = {name for name, value in vars(Executor).items() if inspect.isfunction(value)}
    added = {"_answers", "_asked", "_tell_crowded"}
    assert {name for name in own if not hasattr(plugin.Executor, name)} == added
    assert "jobname_prefix" in plugin.ExecutorSettings.__dataclass_fields__


def test_a_module_can_tell_that_it_is_one_and_whether_it_has_a_prefix():
    from snakemake.modules import ModuleInfo, WorkflowModifier
    from snakemake.path_modifier import PathModifier

    source = inspect.getsource(WorkflowModifier.is_main_snakefile)
    assert "return self.base_snakefile is None" in source
    assert "modifies_prefixes" in inspect.getsource(PathModifier)
    source = inspect.getsource(ModuleInfo.use_rules)
    assert in_order(source, "path_modifier=self.path_modifier", "with modifier:")
