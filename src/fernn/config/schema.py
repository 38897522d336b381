"""The configuration's shape; `fernn config --schema` writes it as a JSON schema."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

from pydantic import ConfigDict, Field, PrivateAttr, create_model

from fernn.cells import Initial
from fernn.config.fields import (
    Amount,
    Channels,
    Color,
    Count,
    Kind,
    Kinds,
    Name,
    Names,
    Open,
    Options,
    Real,
    Scalar,
    Seed,
    Seeds,
    Side,
    SomeNames,
    Strict,
    Text,
    same,
)
from fernn.config.schema_published import Published
from fernn.data import Draw
from fernn.training.settings import Precision, SeedDraws, SelectBy


class Experiment(Strict):
    """A data set and the models compared on it: one experiment of the paper."""

    title: Text = Field(description="shown in figures, tables and the tracker")
    dataset: Options = Field(description="`kind` (a module of fernn.data) and options")
    models: SomeNames
    baselines: Names = Field([], description="models without weights")
    protocol: str = Field(description="how its models are trained")
    axes: SomeNames
    reference: str | None = Field(
        None, description="of its models, the one that the others are compared with"
    )
    published: str | None = Field(
        None, description="an entry of `published`: the numbers it reproduces"
    )
    _treated: dict[str, Treated] = PrivateAttr(default_factory=dict)

    @property
    def treated(self) -> dict[str, Treated]:
        """Its models that are made of others, once they are apart."""
        return self._treated

    def apart(self, trained: list[str], treated: dict[str, Treated]) -> Experiment:
        """The same with its trained models, and those that are made of them."""
        found = self.model_copy(update={"models": trained})
        found._treated = treated
        return found


LOSS = Field(None, description="of fernn.training.losses; default: the task's")
OPTIMISER = Field(None, description="of torch.optim, or fernn.training.optimisers")
STRATEGY = Field(None, description="of fernn.training.strategies; one, or a list")


class Model(Open):
    """A model's label and cost, and the options of its kind.

    `loss`, `optimiser` and `strategy` are in place of the protocol's. One without
    `kind` is a trained one, `of`, after a `treatment`; beside these it has a label and,
    if need be, a colour.
    """

    label: Text
    kind: str = Field("", description="a module of fernn.models")
    treatment: Kinds = Field(
        None, description="of fernn.treatments; one, or a list in their order"
    )
    color: Color | None = Field(None, description="in figures and the tracker, #rrggbb")
    against: Name | None = Field(
        None, description="the model that it differs from by one thing; table `zoo`"
    )
    cost: Amount | None = Field(
        None, description="of a training step, relative to others; default: as counted"
    )
    drawn: bool = Field(
        False, description="of a baseline: in figures that have room for few"
    )
    loss: Kind = LOSS
    optimiser: Kind = OPTIMISER
    strategy: Kinds = STRATEGY


class Treated(NamedTuple):
    """A model that is made of another.

    Attributes:
        of: the name of the trained one.
        model: its entry, with the label and the colour of the treated one.
        treatment: what is done to it, in this order.
    """

    of: str
    model: Model
    treatment: list[dict[str, Any]]


class AxisSizes(Open):
    """How large an axis is; further keys override the data set's."""

    sequences: Count = Field(1, description="for a grid, of each velocity")
    horizon: Count | None = Field(None, description="frames; default the trained one")
    options: Options = Field({}, description="of the statistic")


class Axis(AxisSizes):
    """One test set and one statistic."""

    statistic: str = Field(description="a module of fernn.evaluation")
    draw: Draw | None = Field(
        None, description="how its velocities are chosen; without, it has no test set"
    )
    stream: Name | None = Field(
        None, description="of the random numbers of its test set; default: its name"
    )


class Range(Strict):
    """Where an option is searched: ``low`` and ``high``, or ``choices``."""

    low: Real | None = None
    high: Real | None = None
    log: bool = False
    integer: bool = Field(False, description="whole numbers, both ends among them")
    choices: list[Scalar] | None = Field(None, description="in place of low and high")

    def within(self, value: Any) -> bool:
        """Whether a value is a number between the ends."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return self.low is None or self.high is None or self.low <= value <= self.high

    def holds(self, value: Any) -> bool:
        """Whether a trial may have a value."""
        if self.choices is not None:
            return any(same(value, choice) for choice in self.choices)
        return self.within(value) and not (self.integer and value % 1)

    def typed(self, value: Any) -> Any:
        """A value as trials have it: whole, with a point, or a choice."""
        if self.choices is not None:
            return value
        return int(value) if self.integer else float(value)

    def plain(self) -> dict[str, Any]:
        """What a study is told."""
        if self.choices is not None:
            return {"choices": self.choices}
        ends = {"low": self.typed(self.low), "high": self.typed(self.high)}
        return {**ends, "log": self.log, **({"integer": True} if self.integer else {})}


class Search(Strict):
    """What is tuned. Trial 0 is the protocol as it stands."""

    ranges: dict[str, Range] = Field(
        description="of options of protocols and models; without any, nothing is tuned"
    )
    first: list[dict[str, Scalar]] = Field(
        [], description="trials 1, 2, …; what one leaves out is as in trial 0"
    )


class Protocol(Strict):
    """What the paper, or we, decide about training apart from sizes."""

    rollout: Kind = Field(None, description="of forecasts, of fernn.models.rollouts")
    initial: Initial = Field("random", description="recurrent kernel of forecasters")
    learning_rate: Amount
    learning_rates: dict[str, Amount] = Field(
        {}, description="of single models, in place of learning_rate"
    )
    rollouts: dict[str, Kind] = Field(
        {}, description="of single models, in place of rollout"
    )
    costs: dict[str, Amount] = Field(
        {},
        description="of a training step of single models with these roll-outs, in place"
        " of the cost that a model has",
    )
    schedule: Kind = Field(description="of fernn.training.schedules")
    loss: Kind = LOSS
    optimiser: Kind = OPTIMISER
    strategy: Kinds = STRATEGY
    clip: Amount | None = Field(description="largest norm of a gradient; null: any")
    seed_draws: SeedDraws = Field(
        "all", description="what a seed draws: weights and data, or weights alone"
    )
    extend_horizon: bool = False
    validation_horizon: Literal["horizon", "long_horizon"] | None = Field(
        None,
        description="of the budget, on which all selection is done; default: the"
        " longest that is trained",
    )
    select_by: SelectBy = Field(
        "error",
        description="what of the validation decides which epoch and trial is best",
    )
    tuning: Search | None = Field(None, description="in place of the general one")


class Trials(Strict):
    """How much is tuned."""

    trials: Count
    epochs: Count
    ranges: Names | None = Field(
        None, description="of those of the protocol's search; default: all"
    )
    widths: list[Amount] = Field(
        [],
        description="tuned besides: multiples of the width that each model has, at as"
        " many epochs; each is tried first",
    )
    workers: Count = Field(1, description="of a study; mode batch: trials in a round")
    mode: Literal["workers", "batch"] = Field(
        "workers",
        description="batch: rounds of jobs, the same in every run; no pruning",
    )


class Sizes(Strict):
    """How large an experiment is; models do not take all of a budget's."""

    source: str
    seeds: Seeds
    frame_size: Side = Field(description="pixels; the frame is a torus")
    digits: Count
    context: Count = Field(description="observed frames")
    horizon: Count = Field(description="predicted frames")
    long_horizon: Count = Field(description="longest horizon of an extended training")
    hidden: Channels
    decoder_layers: Annotated[int, Field(ge=0, le=1000)]
    batch: Count
    precision: Precision = Field(
        "float32", description="of training; tf32 and bfloat16 are for GPUs"
    )
    sequences: Count = Field(description="in an epoch")
    epochs: Count = Field(description="of a model of cost 1")
    costs: dict[str, Amount] = Field(
        {}, description="of a step of models at this size, in place of their own `cost`"
    )
    match: Literal["epochs", "compute", "parameters"] = Field(
        description="what models share; compute: epochs / cost; parameters: epochs, and"
        " widths that bring them to the parameters of the reference"
    )
    validation: Count = Field(description="sequences")
    tuning: Trials
    axes: dict[str, AxisSizes] = Field(
        {}, description="sizes of axes; an experiment's own change those that they name"
    )
    options: dict[str, int] = Field(
        {}, description="sizes that only its data, models or flows know"
    )


# Those of `Sizes` that an experiment has of its own; the others are the budget's.
OwnSizes: Any = create_model(
    "OwnSizes",
    __base__=Strict,
    **{
        name: (Annotated[field.annotation, None, *field.metadata], None)  # pyright: ignore
        for name, field in Sizes.model_fields.items()
    },
)


def _complete_or_like(schema: dict[str, Any]) -> None:
    """Tell editors that a budget like another need not give all sizes."""
    ways = [{"required": ["like"]}, {"required": schema.pop("required")}]
    schema["anyOf"] = ways


class Budget(Sizes):
    """Sizes. A budget changes no science."""

    model_config = ConfigDict(json_schema_extra=_complete_or_like)

    like: Name | None = Field(None, description="a budget that has the other sizes")
    experiments: SomeNames
    bench: bool = Field(False, description="measure this machine for figures of speed")
    quick: bool = Field(False, description="measurements of speed are tiny")
    devices: Count = Field(1, description="of one machine, which share a batch")
    jobs_per_gpu: Count | Literal["memory"] = Field(
        1,
        description="that may meet on a GPU; memory: trainings that fit (docs/gpu.md)",
    )
    evaluate: Literal["model", "experiment"] = Field(
        "model",
        description="what one job measures; experiment: where a model takes seconds",
    )
    train: Literal["seed", "seeds", "model"] = Field(
        "seed",
        description="what one job trains; seeds: all of a model together on one"
        " device, where models are small (docs/speed.md); model: its trials too",
    )
    sizes: dict[Name, OwnSizes] = Field(  # pyright: ignore
        {}, description="of single experiments, in place of the budget's"
    )


CUBES = (
    "cubes, as experiment/axis; `all`: those that fit. An experiment that no list names"
    " is added to every list that is not empty and that it fits"
)


class Config(Strict):
    """The whole file."""

    budget: str
    seed: Seed = Field(description="of the data; a run adds its own, see seed_draws")
    sources: dict[Name, Options] = Field(description="kinds of fernn.data.sources")
    experiments: dict[Name, Experiment]
    models: dict[Name, Model]
    protocols: dict[Name, Protocol]
    axes: dict[Name, Axis]
    tuning: Search
    budgets: dict[Name, Budget]
    figures: dict[str, Names] = Field(description=f"of each, the {CUBES}")
    tables: dict[str, Names] = Field(description=f"of each, the {CUBES}")
    published: dict[Name, Published] = Field(
        {}, description="numbers of others, by a name that experiments give"
    )
    targets: dict[Name, SomeNames] = Field(
        {},
        description="of Snakemake, by name: the figures and tables that it makes; only"
        " in budgets that have the first",
    )
    paper: dict[Name, SomeNames] = Field(
        {}, description="its items: the figures and tables here that show each"
    )
    missing: dict[Name, Text] = Field(
        {}, description="its items that nothing here shows, and why"
    )
