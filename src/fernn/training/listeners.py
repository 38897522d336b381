"""Tell a run's records to its spool and to the terminal."""

from __future__ import annotations

from collections.abc import Callable

from labrun.progress import Advance
from labrun.spool import Spool

STEPS_BETWEEN_POINTS = 10
COLUMNS = {"epoch", "updates", "train_loss", "validation_error", "learning_rate"}


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
        values = {
            "train/loss": record["train_loss"],
            f"val/{error}": record["validation_error"],
            "train/learning_rate": record["learning_rate"],
            "train/epoch": record["epoch"],
        }
        own = {f"train/{name}": record[name] for name in record.keys() - COLUMNS}
        spool.metrics(int(record["updates"]), {**values, **own})
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
