"""Where curves go beside the local record: W&B, TensorBoard, nowhere. No error there ends training."""

from __future__ import annotations

import logging
from pkgutil import resolve_name

from lkca_exp.config.schema import LoggerConfig, NoLoggerConfig
from lkca_exp.training.sinks.sink import NoSink, RunFacts, Safe, Sink, first_line

log = logging.getLogger(__name__)


def open_sink(logger: LoggerConfig, run: RunFacts) -> Sink:
    """The sink that the configuration chooses; one that does nothing where it cannot be opened."""
    if isinstance(logger, NoLoggerConfig):
        return NoSink()
    try:
        return Safe(resolve_name(logger.build)(logger, run))
    except Exception as error:
        log.warning("%s: not logging there (%s); the local record is complete", logger.name, first_line(error))
        return NoSink()
