"""Keys of `logger`, by option, of `paths` and of `report`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from omegaconf import MISSING

from lkca_exp.config.schema.key import key
from lkca_exp.config.schema.option import option


@dataclass
class LoggerConfig:
    """What every logger has. `build` is its sink, as `option` takes it."""

    build: ClassVar[str]
    name: str = MISSING
    gradient_norm: bool = key("log the gradient's L2 norm before clipping, the mean over an epoch's steps", False)


@option("logger", "wandb", build="lkca_exp.training.sinks.wandb:WandbSink")
class WandbConfig(LoggerConfig):
    project: str = key("W&B project", "lkca_exp")
    entity: str | None = key("W&B user or team; null: the account's own", None)
    mode: str = key(
        "auto goes online where credentials are found", "auto", choices=("auto", "online", "offline", "disabled")
    )


@option("logger", "tensorboard", build="lkca_exp.training.sinks.tensorboard:TensorboardSink")
class TensorboardConfig(LoggerConfig):
    pass


@option("logger", "none")
class NoLoggerConfig(LoggerConfig):
    pass


@dataclass
class PathsConfig:
    runs: str = key("folder of the run records", "runs")


@dataclass
class ReportConfig:
    baseline: str | None = key(
        "variant that the others are compared with, such as attention, or lkca kernel_size=7; null: the only one with "
        "attention, else the first of the sweep",
        None,
    )
