"""The ink that a prediction loses.

Mean over seeds and samples.
"""

from __future__ import annotations

import pandas as pd

from fernn.evaluation import aggregate

SHOWS = {"bright": {"statistic": "ink"}}


def tabulate(cubes) -> pd.DataFrame:
    """A row for each model."""
    lost = 1 - cubes[0]["ink"].mean(["seed", "sample"])
    labels = [about["label"] for about in aggregate.models(cubes[0]).values()]
    return pd.DataFrame({"model": labels, "lost": lost.values})
