"""TensorBoard's files in the run's folder."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import Any

from lkca_exp.training.sinks.sink import Row, RunFacts


class TensorboardSink:
    """One event file a run; when a run is continued, the file is written anew from the rows."""

    def __init__(self, run: RunFacts) -> None:
        from torch.utils.tensorboard import SummaryWriter

        folder = run.directory / "tensorboard"
        shutil.rmtree(folder, ignore_errors=True)
        self.writer = SummaryWriter(str(folder))
        self.next_step = 0

    def log(self, rows: Sequence[Row]) -> None:
        for row in rows:
            if row["step"] < self.next_step:
                continue
            for name, value in row.items():
                if name != "step":
                    self.writer.add_scalar(name, value, row["step"])
            self.next_step = row["step"] + 1

    def finish(self, summary: dict[str, Any], *, succeeded: bool) -> None:
        for name, value in summary.items():
            if isinstance(value, int | float):
                self.writer.add_scalar(f"summary/{name}", value)
        self.writer.close()
