"""Keys of `logger`, by option, and of `paths`."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import MISSING

from lkca_exp.config.schema.key import key


@dataclass
class LoggerConfig:
    name: str = MISSING


@dataclass
class WandbConfig(LoggerConfig):
    name: str = "wandb"
    project: str = key("W&B project", "lkca_exp")
    entity: str | None = key("W&B user or team; null: the account's own", None)
    mode: str = key(
        "auto goes online where credentials are found", "auto", choices=("auto", "online", "offline", "disabled")
    )


@dataclass
class TensorboardConfig(LoggerConfig):
    name: str = "tensorboard"


@dataclass
class NoLoggerConfig(LoggerConfig):
    name: str = "none"


@dataclass
class PathsConfig:
    runs: str = key("folder of the run records", "runs")
