"""The configuration's shape; `fernn config --schema` writes it as a JSON schema."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, create_model

from fernn.config.fields import (
    Amount,
    Channels,
    Color,
    Count,
    Name,
    Names,
    Open,
    Options,
    Real,
    Seed,
    Seeds,
    Side,
    SomeNames,
    Strict,
    Text,
)


class Experiment(Strict):
    """A data set and the models compared on it: one experiment of the paper."""

    title: Text = Field(description="shown in figures, tables and the tracker")
    dataset: Options = Field(description="`kind` (a module of fernn.data) and options")
    models: SomeNames
    baselines: Names = Field([], description="models without weights")
    protocol: str = Field(description="how its models are trained")
    axes: SomeNames


class Model(Open):
    """A model's label and cost, and the options of its kind."""

    label: Text
    kind: str = Field(description="a module of fernn.models")
    color: Color | None = Field(None, description="in figures and the tracker, #rrggbb")
    cost: Amount = Field(1.0, description="of a training step, relative to the largest")


class AxisSizes(Open):
    """How large an axis is; further keys override the data set's."""

    sequences: Count = Field(1, description="for a grid, of each velocity")
    horizon: Count | None = Field(None, description="frames; default the trained one")


class Axis(AxisSizes):
    """One test set and one statistic."""

    statistic: str = Field(description="a module of fernn.evaluation")
    draw: Literal["sampled", "grid", "flowed"] | None = Field(
        None, description="how its velocities are chosen; without, it has no test set"
    )


class Range(Strict):
    """A search interval."""

    low: Real
    high: Real
    log: bool = False


class Search(Strict):
    """What is tuned. Trial 0 is the protocol as it stands."""

    ranges: dict[str, Range]
    first: list[dict[str, Real]] = Field([], description="trials 1, 2, …")


class Protocol(Strict):
    """What the paper, or we, decide about training apart from sizes."""

    rollout: str | None = Field(None, description="of forecasts")
    initial: str = Field("random", description="recurrent kernel of forecasters")
    learning_rate: Amount
    learning_rates: dict[str, Amount] = Field(
        {}, description="of single models, in place of learning_rate"
    )
    schedule: str
    clip: Amount
    extend_horizon: bool = False
    tuning: Search | None = Field(None, description="in place of the general one")


class Trials(Strict):
    """How much is tuned."""

    trials: Count
    epochs: Count
    workers: Count = Field(1, description="of a study; mode batch: trials in a round")
    mode: Literal["workers", "batch"] = Field(
        "workers",
        description="batch: rounds of jobs, the same in every run; no pruning",
    )


class Sizes(Strict):
    """How large an experiment is; what its models do not take goes by unseen."""

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
    precision: Literal["float32", "tf32", "bfloat16"] = Field(
        "float32", description="of training; tf32 and bfloat16 are for GPUs"
    )
    sequences: Count = Field(description="in an epoch")
    epochs: Count = Field(description="of a model of cost 1")
    match: Literal["epochs", "compute"] = Field(
        description="what models share; compute: epochs / cost"
    )
    validation: Count = Field(description="sequences")
    tuning: Trials
    axes: dict[str, AxisSizes] = Field({}, description="sizes of axes")
    published_size: bool = Field(False, description="comparable with the paper")
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


class Budget(Sizes):
    """Sizes. A budget changes no science."""

    experiments: SomeNames
    quick: bool = Field(False, description="measurements of speed are tiny")
    devices: Count = Field(1, description="of one machine, which share a batch")
    evaluate: Literal["model", "experiment"] = Field(
        "model",
        description="what one job measures; experiment: where a model takes seconds",
    )
    sizes: dict[Name, OwnSizes] = Field(  # pyright: ignore
        {}, description="of single experiments, in place of the budget's"
    )


class Config(Strict):
    """The whole file."""

    budget: str
    seed: Seed = Field(description="of the data")
    sources: dict[Name, Options] = Field(
        description="`kind` of fernn.data.sources, options"
    )
    experiments: dict[Name, Experiment]
    models: dict[Name, Model]
    protocols: dict[Name, Protocol]
    axes: dict[Name, Axis]
    tuning: Search
    budgets: dict[Name, Budget]
    figures: dict[str, Names] = Field(description="cubes, as experiment/axis")
    tables: dict[str, Names] = Field(description="cubes, as experiment/axis")
    paper: dict[Name, SomeNames] = Field(
        {}, description="its items: the figures and tables here that show each"
    )
