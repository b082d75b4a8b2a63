"""What happens at the end of an epoch, and the bar that shows it coming."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from torch import Tensor
from tqdm import tqdm

from lkca_exp.runs.rows import Row
from lkca_exp.training.module import Classifier


class EpochEnd(pl.Callback):
    """After every epoch, in this order: hand over its row, remember the best weights so far, write a checkpoint.

    A process killed in between repeats this epoch, with the same numbers. `rows` are those of the epochs done before,
    to which it adds. `select` names the metric of the row whose largest value chooses the epoch (the latest of equals);
    None keeps the last weights. Rows and best weights travel inside the checkpoint, so that no two files can disagree.
    """

    def __init__(self, rows: list[Row], on_row: Callable[[], None], checkpoint: Path, select: str | None) -> None:
        self.rows, self.on_row, self.checkpoint, self.select = rows, on_row, checkpoint, select
        self.best_score = float("-inf")
        self.best_row: dict[str, Any] = {}
        self.best_weights: dict[str, Tensor] | None = None

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, Classifier)
        pl_module.end_training_part()  # not done yet where there is no validation
        row = pl_module.row
        self.rows.append(row)
        if trainer.is_global_zero:
            self.on_row()
        if self.select is None:
            self.best_row = dict(row)
        elif row[self.select] >= self.best_score:
            self.best_score, self.best_row = row[self.select], dict(row)
            self.best_weights = {k: v.detach().cpu().clone() for k, v in pl_module.evaluated.state_dict().items()}
        trainer.save_checkpoint(self.checkpoint)

    def load_best(self, module: Classifier) -> None:
        """Put the weights of the chosen epoch into `module`."""
        if self.best_weights is not None:
            module.evaluated.load_state_dict(self.best_weights)

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows, "score": self.best_score, "row": self.best_row, "weights": self.best_weights}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows[:] = state_dict["rows"]
        self.best_score, self.best_row = state_dict["score"], state_dict["row"]
        self.best_weights = state_dict["weights"]


class ProgressBar(pl.Callback):
    """One bar for the whole run, on a terminal only; it is drawn a few times a second, whatever a step takes."""

    SECONDS_BETWEEN = 0.2

    def __init__(self, title: str) -> None:
        self.title = title
        self.drawn = 0.0
        self.bar: tqdm | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        total = int(trainer.estimated_stepping_batches)
        self.bar = tqdm(
            total=total,
            initial=trainer.global_step,
            desc=self.title,
            unit="step",
            disable=None,  # where there is no terminal
            dynamic_ncols=True,
            leave=False,
            bar_format="{desc} {percentage:3.0f}% |{bar:12}| {remaining} left, {rate_fmt}{postfix}",
        )

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        now = time.monotonic()
        if self.bar is not None and now - self.drawn > self.SECONDS_BETWEEN:
            self.drawn = now
            self.bar.update(trainer.global_step - self.bar.n)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.bar is None or self.bar.disable:
            return
        assert isinstance(pl_module, Classifier)
        row = pl_module.row
        shown = [f"{key} {value:.3f}" for key, value in row.items() if key.endswith("top1") or key == "train/loss"]
        self.bar.set_postfix_str(f"epoch {row['epoch'] + 1}/{trainer.max_epochs}, {', '.join(shown)}", refresh=False)
        self.bar.update(trainer.global_step - self.bar.n)

    def on_train_end(self, *_: Any) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None

    def on_exception(self, *_: Any) -> None:
        self.on_train_end()
