"""Strategies: how weights are found, where it is more than to minimise a loss.

A strategy is a module with ``build(model, settings, needs, *, options)``, which returns
a `Strategy`; its methods are hooks of the loop, and it overrides those that it changes.
An option that names another trained model of the experiment, such as a teacher, is
listed in the module's ``NEEDS``; that model is ``needs[option]``. Such an option may
also be ``{"random": MODEL}``, an untrained one, which a strategy builds itself: in the
place of its name stands its specification then, beside the ``size`` of a frame.

Whatever is random in a strategy is a function of the seed, the step and the sample,
such as `labrun.random_words.words` gives: nothing else is the same after a stop, in
pieces of a batch, and on several devices. Parameters that a strategy trains belong to
the model, where gradients are averaged over devices and saved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from fernn.training.settings import Settings, specs_of
from fernn.videos.recipes import Sequences
from labrun.errors import UserError
from labrun.modules import configured, load

Run = dict[str, Any]
PACKAGE = "fernn.training.strategies"
EXCLUSIVE = ("call", "frames_ahead", "source")  # hooks of which there is one answer


class Strategy:
    """Plain training; override what changes.

    Attributes:
        whole: the penalty is no mean over samples, so a batch is never cut in pieces.
        partial: which weights have no gradient in a phase, in words; several devices
            cannot average one that is not there. Empty if all have one.
        alone: why no other strategy can act beside it, in words. Empty if one can.
    """

    whole = False
    partial = ""
    alone = ""

    def parameters(self, model: nn.Module) -> Iterable[nn.Parameter]:
        """What the optimiser moves and the clip limits."""
        return model.parameters()

    def frames_ahead(self, step: int, settings: Settings) -> int:
        """The training horizon of a step."""
        return settings.frames_ahead(step)

    def source(self, step: int, split: Sequences, task: Any) -> tuple[Sequences, Any]:
        """What is learnt in a step: the sequences, and the task."""
        return split, task

    def call(self, network: Any, seen: tuple[Any, ...], target: Tensor) -> Tensor:
        """What the network says about a piece of a batch."""
        return network(*seen)

    def penalty(
        self, network: Any, seen: tuple[Any, ...], output: Tensor, target: Tensor
    ) -> Tensor | float:
        """What is added to the loss of a piece: a mean over its samples."""
        return 0.0

    def before_step(self, run: Run, optimiser: torch.optim.Optimizer) -> None:
        """Begin a phase, for example; `begin_phase` forgets the best weights so far.

        Args:
            run: ``step`` (done so far), ``records`` of the epochs, ``best`` weights.
            optimiser: of which the state may be changed.
        """

    def after_step(self, run: Run) -> None:
        """Update what is the strategy's own, from gradients that the step has left."""

    def after_epoch(self, run: Run) -> None:
        """Decide by the newest of ``run["records"]``, before the state is saved."""

    def as_used(self, model: nn.Module) -> AbstractContextManager[Any]:
        """The model as its users will have it; it is validated and kept like this."""
        return nullcontext()

    def held_out(
        self, split: Sequences, error: Callable[[Sequences], float]
    ) -> dict[str, float]:
        """Errors of an epoch beside the one that chooses weights; within `as_used`.

        Args:
            split: of validation.
            error: the validation error of the model's weights on any sequences.
        """
        return {}

    def kept(
        self, spec: dict[str, Any], weights: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The model's specification and weights as the checkpoint has them."""
        return spec, weights

    def report(self) -> dict[str, float]:
        """Numbers for the history and the tracker: the same names in every epoch."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """What a continued training needs of it: tensors, numbers and text."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""


def begin_phase(run: Run) -> None:
    """Weights of earlier epochs no longer compete for the best."""
    run["best"], run["phase_start"] = None, len(run["records"])


class Several(Strategy):
    """Strategies together, in their order.

    Penalties add up; only what all of them let the optimiser move is moved by it.

    Args:
        strategies: by kind.

    Raises:
        UserError: two of them decide what only one can, or one acts alone only.
    """

    def __init__(self, strategies: Mapping[str, Strategy]):
        self._all = dict(strategies)
        for each in self._all.values():
            if each.alone:
                raise UserError(f"strategies {' and '.join(self._all)}: {each.alone}")
        self.whole = any(each.whole for each in self._all.values())
        self.partial = next(filter(None, (e.partial for e in self._all.values())), "")
        for hook in EXCLUSIVE:
            own = [kind for kind, each in self._all.items() if _overrides(each, hook)]
            if len(own) > 1:
                raise UserError(f"strategies {' and '.join(own)} both decide {hook}")
            if own:
                setattr(self, hook, getattr(self._all[own[0]], hook))

    def parameters(self, model: nn.Module) -> Iterable[nn.Parameter]:
        """Those that every strategy leaves to the optimiser."""
        moved = [{*map(id, each.parameters(model))} for each in self._all.values()]
        common = set.intersection(*moved)
        return [each for each in model.parameters() if id(each) in common]

    def penalty(
        self, network: Any, seen: tuple[Any, ...], output: Tensor, target: Tensor
    ) -> Tensor | float:
        """The sum."""
        place = (network, seen, output, target)
        return sum(each.penalty(*place) for each in self._all.values())

    def before_step(self, run: Run, optimiser: torch.optim.Optimizer) -> None:
        """One after the other."""
        for each in self._all.values():
            each.before_step(run, optimiser)

    def after_step(self, run: Run) -> None:
        """One after the other."""
        for each in self._all.values():
            each.after_step(run)

    def after_epoch(self, run: Run) -> None:
        """One after the other."""
        for each in self._all.values():
            each.after_epoch(run)

    @contextmanager
    def as_used(self, model: nn.Module) -> Iterator[None]:
        """Each within the one before."""
        with ExitStack() as stack:
            for each in self._all.values():
                stack.enter_context(each.as_used(model))
            yield

    def held_out(
        self, split: Sequences, error: Callable[[Sequences], float]
    ) -> dict[str, float]:
        """Names begin with the kind."""
        return {
            f"{kind}.{name}": value
            for kind, each in self._all.items()
            for name, value in each.held_out(split, error).items()
        }

    def kept(
        self, spec: dict[str, Any], weights: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Each of what the one before has kept."""
        for each in self._all.values():
            spec, weights = each.kept(spec, weights)
        return spec, weights

    def report(self) -> dict[str, float]:
        """Names begin with the kind."""
        return {
            f"{kind}.{name}": value
            for kind, each in self._all.items()
            for name, value in each.report().items()
        }

    def state_dict(self) -> dict[str, Any]:
        """By kind."""
        return {kind: each.state_dict() for kind, each in self._all.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """By kind."""
        for kind, each in self._all.items():
            each.load_state_dict(state[kind])


def _overrides(strategy: Strategy, hook: str) -> bool:
    return getattr(type(strategy), hook) is not getattr(Strategy, hook)


def build(
    model: nn.Module, settings: Settings, needs: Mapping[str, nn.Module] | None = None
) -> Strategy:
    """The strategy that settings name.

    Args:
        model: to be trained; its parameters may move to a device later.
        settings: see `Settings`.
        needs: the trained models that strategies name, by the option that does.

    Raises:
        UserError: no such strategy or option, one twice, or a model is not given.
    """
    made: dict[str, Strategy] = {}
    needs = needs or {}
    for spec in specs_of(settings.strategy):
        kind = str(spec.get("kind"))
        if kind in made:
            raise UserError(f"strategy {kind!r} is given twice")
        begin = configured(PACKAGE, spec, "build")
        for option in getattr(load(PACKAGE, kind), "NEEDS", ()):
            if isinstance(spec.get(option), str) and option not in needs:
                raise UserError(f"strategy {kind} needs a trained model as {option!r}")
        made[kind] = begin(model, settings, needs)
    if len(made) == 1:
        return next(iter(made.values()))
    return Several(made) if made else Strategy()
