"""What a sink is, and the facts of a run that it gets."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

log = logging.getLogger(__name__)

Row = dict[str, Any]


class Sink(Protocol):
    """Takes the rows of a run, and at the end its results.

    Each call of `log` passes all rows so far, oldest first, and the sink takes those it lacks: so a sink that is opened
    for a continued run has the whole history, and no epoch twice.
    """

    def log(self, rows: Sequence[Row]) -> None: ...

    def finish(self, summary: dict[str, Any], *, succeeded: bool) -> None: ...


@dataclass(frozen=True)
class RunFacts:
    """The facts of a run that a sink gets; `varied_keys` are those in which the jobs of its sweep differ."""

    id: str
    group: str
    study: str
    name: str
    directory: Path
    tags: list[str] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    varied_keys: tuple[str, ...] = ()


class NoSink:
    def log(self, rows: Sequence[Row]) -> None:
        pass

    def finish(self, summary: dict[str, Any], *, succeeded: bool) -> None:
        pass


class Safe:
    """Another sink, whose first failure is logged and ends its use."""

    def __init__(self, sink: Sink) -> None:
        self.sink: Sink = sink

    def log(self, rows: Sequence[Row]) -> None:
        self._try(lambda: self.sink.log(rows))

    def finish(self, summary: dict[str, Any], *, succeeded: bool) -> None:
        self._try(lambda: self.sink.finish(summary, succeeded=succeeded))

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:
            log.warning("logging stopped (%s); the local record is complete", first_line(error))
            self.sink = NoSink()


def first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
