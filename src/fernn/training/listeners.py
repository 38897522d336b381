"""Tell a run's records to its spool and to the terminal."""

from __future__ import annotations

from collections.abc import Callable

from fernn.training.settings import Settings
from labrun.progress import Advance
from labrun.spool import Spool

STEPS_BETWEEN_POINTS = 10
NAMES = {  # of a record's columns in the spool; a strategy's own are of the training
    "train_loss": "train/loss",
    "validation_accuracy": "val/accuracy",
    "learning_rate": "train/learning_rate",
    "epoch": "train/epoch",
}


def best_of(settings: Settings, error: str, least: float) -> dict[str, float]:
    """What the best epoch has, as the tracker names it.

    Args:
        settings: that chose it.
        error: the name of the validation error.
        least: of `Settings.decisive`.
    """
    if settings.select_by == "accuracy":
        return {"val/best_accuracy": 1 - least}
    return {f"val/best_{error}": least}


def listeners(
    spool: Spool, advance: Advance, error: str = "mse"
) -> tuple[Callable, Callable]:
    """Tell the spool and the terminal of each epoch, the spool of every tenth step.

    Args:
        spool: of the run.
        advance: the terminal's bar.
        error: the name of the validation error.
    """

    def on_epoch(record: dict[str, float]) -> None:
        names = {**NAMES, "validation_error": f"val/{error}"}
        values = {
            names.get(name, f"train/{name}"): value
            for name, value in record.items()
            if name != "updates"
        }
        spool.metrics(int(record["updates"]), values)
        detail = (
            f"train {record['train_loss']:.4g} val {record['validation_error']:.4g}"
        )
        advance(int(record["updates"]), detail)

    pieces: set[int] = set()

    def on_step(record: dict[str, float]) -> None:
        step = int(record["updates"])
        if record["micro_batch"] not in pieces:
            pieces.add(int(record["micro_batch"]))
            spool.tags({"micro_batch": min(pieces)})
        if step % STEPS_BETWEEN_POINTS == 0:
            spool.metrics(step, {"train/batch_loss": record["train/batch_loss"]})
        advance(step)

    return on_epoch, on_step
