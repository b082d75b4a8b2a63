"""Where curves go beside the local record: W&B, TensorBoard, nowhere. No error there ends training."""

from __future__ import annotations

import logging

from lkca_exp.config.schema import LoggerConfig, TensorboardConfig, WandbConfig
from lkca_exp.training.sinks.sink import NoSink, RunFacts, Safe, Sink, first_line
from lkca_exp.training.sinks.tensorboard import TensorboardSink
from lkca_exp.training.sinks.wandb import WandbSink

log = logging.getLogger(__name__)


def open_sink(logger: LoggerConfig, run: RunFacts) -> Sink:
    """The sink that the configuration chooses; one that does nothing where it cannot be opened."""
    try:
        match logger:
            case WandbConfig():
                return Safe(WandbSink(logger, run))
            case TensorboardConfig():
                return Safe(TensorboardSink(run))
    except Exception as error:
        log.warning("%s: not logging there (%s); the local record is complete", logger.name, first_line(error))
    return NoSink()
