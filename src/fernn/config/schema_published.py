"""The shape of published numbers in the configuration; see `fernn.config.schema`."""

from __future__ import annotations

from pydantic import Field

from fernn.config.fields import Amount, Count, Name, Options, Real, Strict, Text
from fernn.evaluation.equivalence import Scale


class Value(Strict):
    """A published mean and standard deviation over seeds."""

    mean: Real | None = Field(description="null: published, but not known")
    std: Real | None = None
    settings: Options = Field({}, description="of this value, beside the entry's")


class Published(Strict):
    """Numbers of a publication, which a table shows beside those of an experiment."""

    shown: str = Field(description="the figure or table that has such numbers")
    source: list[str] = Field(description="footnotes: where they are from, how sure")
    deviations: Text | None = Field(
        None, description="of a page in docs/, what differs beside the settings"
    )
    scale: Scale = Field("ratio", description="how ours and theirs are compared")
    margin: Amount = Field(
        1.5, description="ratio or difference up to which they are equivalent"
    )
    seeds: Count | None = Field(
        None, description="of each value; without, its spread is not known"
    )
    against: str | None = Field(
        None,
        description="the value that claims compare the others with; default: that of"
        " the experiment's reference",
    )
    settings: Options = Field(
        {},
        description="what the values were made with, as the keys of the plan: `model`,"
        " `training`, `tuning`, `source`, `train`, `validation`, `test`",
    )
    values: dict[str, Value] = Field({}, description="of models of this file")
    others: dict[Text, dict[Name, Real]] = Field(
        {}, description="of models that are not in this file: columns of the table"
    )
