"""What `match: parameters` can have wrong where all else is right."""

from __future__ import annotations

from collections.abc import Iterator

from fernn.config.budgets import sized
from fernn.config.learners import options_of, search_of
from fernn.config.problems import Problem
from fernn.config.schema import Budget, Config
from fernn.config.widths import WITHIN, of_spec, options_of_kind, reference


def problems(config: Config) -> Iterator[Problem]:
    """Of the experiments of the budget whose models are to be equally large.

    Not of other budgets: weights are counted by building models, which takes seconds.
    """
    name, budget = config.budget, config.budgets[config.budget]
    for experiment in budget.experiments:
        own = budget.sizes.get(experiment)
        given = own is not None and "match" in own.model_fields_set
        place = ("sizes", experiment) if given else ()
        sizes = sized(config, budget, experiment)
        if sizes.match == "parameters":
            path = ("budgets", name, *place, "match")
            for message in _messages(config, sizes, experiment):
                yield Problem(path, f"{message} in {experiment!r}")


def _messages(config: Config, budget: Budget, experiment: str) -> Iterator[str]:
    entry = config.experiments[experiment]
    searched = search_of(config, budget, entry).ranges.keys()
    kinds = {config.models[name].kind for name in entry.models}
    chosen = {option for kind in kinds for option in options_of_kind(kind)}
    tuned = sorted(searched & chosen)
    if tuned or budget.tuning.widths:
        what = f"{tuned[0]}, which is" if tuned else "widths, which are"
        yield f"parameters: chooses {what} tuned"
        return
    found = {
        name: of_spec(options_of(config, budget, entry, name), budget.frame_size)
        for name in entry.models
    }
    target = found[reference(entry)]
    for name, count in found.items():
        if abs(count - target) > WITHIN * target:
            yield (
                f"parameters: {name!r} comes no nearer than {count} to the {target} of"
                f" {reference(entry)!r}, {count / target - 1:+.0%}"
            )
