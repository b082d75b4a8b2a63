"""Where curves go beside the local record: W&B, TensorBoard, nowhere. Whatever happens there, training goes on."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from lkca_exp.config.schema import LoggerConfig, TensorboardConfig, WandbConfig

log = logging.getLogger(__name__)


class Sink(Protocol):
    """Takes an epoch's row, and at the end what came of the run."""

    def log(self, row: dict[str, Any]) -> None: ...

    def finish(self, summary: dict[str, Any], *, succeeded: bool) -> None: ...


@dataclass(frozen=True)
class RunFacts:
    """What a sink is told of the run."""

    id: str
    group: str
    study: str
    name: str
    directory: Path
    tags: list[str] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)


def open_sink(logger: LoggerConfig, run: RunFacts) -> Sink:
    """The sink that the configuration chooses; one that does nothing where it cannot be opened."""
    try:
        match logger:
            case WandbConfig():
                return Safe(WandbSink(logger, run))
            case TensorboardConfig():
                return Safe(TensorboardSink(run))
    except Exception as error:
        log.warning("%s: not logging there (%s); the local record is complete", logger.name, _first_line(error))
    return NoSink()


class NoSink:
    def log(self, row: dict[str, Any]) -> None:
        pass

    def finish(self, summary: dict[str, Any], *, succeeded: bool) -> None:
        pass


class Safe:
    """Another sink, whose first failure is its last: it is told once and the sink let be."""

    def __init__(self, sink: Sink) -> None:
        self.sink: Sink = sink

    def log(self, row: dict[str, Any]) -> None:
        self._try(lambda: self.sink.log(row))

    def finish(self, summary: dict[str, Any], *, succeeded: bool) -> None:
        self._try(lambda: self.sink.finish(summary, succeeded=succeeded))

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:
            log.warning("logging stopped (%s); the local record is complete", _first_line(error))
            self.sink = NoSink()


class WandbSink:
    """One W&B run a job, grouped by study; its id is the run's identity, so that a continued run is the same one."""

    SECONDS_TO_CONNECT = 20
    SECONDS_TO_START = 90  # without a network; a busy machine starts W&B's own process slowly
    SECONDS_TO_UPLOAD = 300  # at the end; what is left then stays on disk for `wandb sync`

    def __init__(self, logger: WandbConfig, run: RunFacts) -> None:
        mode = wandb_mode(logger)
        if mode == "offline":
            self.run = self._init(logger, run, mode)
            say_once("W&B: offline; `wandb sync RUN/wandb/offline-*` uploads a run")
            return
        try:
            self.run = self._init(logger, run, mode)
        except Exception as error:
            say_once(f"W&B cannot be reached, so it goes on offline ({_first_line(error)})")
            import wandb

            wandb.teardown()  # or the run's id would count as taken
            self.run = self._init(logger, run, "offline")

    def _init(self, logger: WandbConfig, run: RunFacts, mode: str) -> Any:
        import wandb

        seconds = self.SECONDS_TO_CONNECT if mode == "online" else self.SECONDS_TO_START
        return wandb.init(
            project=logger.project,
            entity=logger.entity,
            id=run.id[:16],
            name=run.name,
            group=run.study,
            job_type=run.group[:16],
            tags=run.tags,
            config=run.config,
            dir=run.directory,
            mode=mode,  # type: ignore[arg-type]
            resume="allow" if mode == "online" else None,
            reinit="create_new",
            settings=wandb.Settings(
                silent=True, console="off", init_timeout=seconds, finish_timeout=self.SECONDS_TO_UPLOAD
            ),
        )

    def log(self, row: dict[str, Any]) -> None:
        self.run.log(row, step=row["step"])

    def finish(self, summary: dict[str, Any], *, succeeded: bool) -> None:
        self.run.summary.update(summary)
        self.run.finish(exit_code=0 if succeeded else 1)


class TensorboardSink:
    """TensorBoard's files in the run's folder."""

    def __init__(self, run: RunFacts) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(run.directory / "tensorboard"))

    def log(self, row: dict[str, Any]) -> None:
        for name, value in row.items():
            if name != "step":
                self.writer.add_scalar(name, value, row["step"])

    def finish(self, summary: dict[str, Any], *, succeeded: bool) -> None:
        for name, value in summary.items():
            if isinstance(value, int | float):
                self.writer.add_scalar(f"summary/{name}", value)
        self.writer.close()


def wandb_mode(logger: WandbConfig) -> str:
    """Where W&B runs go: as configured; by itself as WANDB_MODE says, else online if there are credentials. Once it
    could not be reached, the later runs of this process do not try again."""
    mode = logger.mode if logger.mode != "auto" else os.environ.get("WANDB_MODE") or ""
    if not mode:
        import wandb

        mode = "online" if wandb.login(prompt=False, verify=False) else "offline"
    return "offline" if mode == "online" and _said else mode


def say_once(words: str) -> None:
    """One quiet line a process."""
    if not _said:
        _said.append(words)
        log.info(words)


_said: list[str] = []


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
