"""TensorBoard's files in the run's folder."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from lkca_exp.config.schema import TensorboardConfig
from lkca_exp.runs.format import flatten
from lkca_exp.training.sinks.sink import Row, RunFacts

NO_HPARAMS = ("derived", "identity", "logger", "paths")


class TensorboardSink:
    """One event file a run; when a run is continued, the file is written anew from the rows. A finished run's has the
    results, and what the sweep varies as hyperparameters: TensorBoard's tab HPARAMS compares runs by them."""

    def __init__(self, logger: TensorboardConfig, run: RunFacts) -> None:
        from torch.utils.tensorboard import SummaryWriter

        folder = run.directory / "tensorboard"
        shutil.rmtree(folder, ignore_errors=True)
        self.writer = SummaryWriter(str(folder))
        self.hparams = hparams_of(run.config, run.varied_keys)
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
        from torch.utils.tensorboard.summary import hparams

        results = {f"summary/{name}": value for name, value in summary.items() if isinstance(value, int | float)}
        for name, value in results.items():
            self.writer.add_scalar(name, value)
        if succeeded and self.writer.file_writer:
            for part in hparams(self.hparams, results):  # SummaryWriter.add_hparams would open a file of its own
                self.writer.file_writer.add_summary(part)
        self.writer.close()


def hparams_of(config: Mapping[str, Any], varied: Sequence[str]) -> dict[str, bool | int | float | str]:
    """The keys of a configuration that a sweep varies, of a group (`model/mixer`) all keys; every key that describes
    training where none is known to vary. Those that are null are left out."""
    flat = {key: value for key, value in flatten(config).items() if key.partition(".")[0] not in NO_HPARAMS}
    groups = [key.replace("/", ".") for key in varied]
    chosen = {key: flat[key] for key in flat if any(f"{key}.".startswith(f"{group}.") for group in groups)}
    plain = {key: value for key, value in (chosen or flat).items() if value is not None}
    return {key: value if isinstance(value, bool | int | float) else str(value) for key, value in plain.items()}
