"""One W&B run a run, on line or off.

Its id is the run's identity, so that a run that goes on is the same one in W&B. What W&B has of it is not logged again:
on line the server says how far that is; off line, it is what the earlier attempts' files hold that have been uploaded.
The files of those that have not are taken out of the way, for the file of the attempt that goes on holds the whole
history: whatever is synced then, every epoch arrives once.

Within a sweep by `wandb agent`, W&B gives the run its id and its project; the identity stands in its config.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lkca_exp.config.schema import WandbConfig
from lkca_exp.training.sinks.sink import Row, RunFacts, first_line

log = logging.getLogger(__name__)

SECONDS_TO_CONNECT = 20
SECONDS_TO_START = 90  # without a network; a busy machine starts W&B's own process slowly
SECONDS_TO_UPLOAD = 300  # at the end; what is left then stays on disk for `wandb sync`


class WandbSink:
    """Rows become the history of a W&B run, grouped by study, with the optimiser's step as the axis."""

    def __init__(self, logger: WandbConfig, run: RunFacts) -> None:
        mode = wandb_mode(logger)
        earlier = sorted((run.directory / "wandb").glob("*run-*")) if mode != "disabled" else []
        self.run = _init_or_go_offline(logger, run, mode)
        earlier = [folder for folder in earlier if next(folder.glob(f"run-{self.run.id}.wandb"), None)]
        uploaded = [folder for folder in earlier if _is_uploaded(folder)]
        self.next_step = self.run.step
        if self.run.offline:
            self.next_step = max((_steps(folder) for folder in uploaded), default=0)
        for folder in set(earlier) - set(uploaded):
            shutil.rmtree(folder, ignore_errors=True)

    def log(self, rows: Sequence[Row]) -> None:
        for row in rows:
            if row["step"] >= self.next_step:
                values = {name: value for name, value in row.items() if name != "step"}
                self.run.log(values, step=row["step"], commit=True)
                self.next_step = row["step"] + 1

    def finish(self, summary: dict[str, Any], *, succeeded: bool) -> None:
        self.run.summary.update(summary)
        self.run.finish(exit_code=0 if succeeded else 1)


def wandb_mode(logger: WandbConfig) -> str:
    """Where W&B runs go: as configured; by itself as WANDB_MODE says, else online if there are credentials. Once it
    could not be reached, the later runs of this process do not try again."""
    mode = logger.mode if logger.mode != "auto" else os.environ.get("WANDB_MODE") or ""
    if not mode:
        import wandb

        mode = "online" if wandb.login(prompt=False, verify=False) else "offline"
    return "offline" if mode == "online" and _said else mode


def _init_or_go_offline(logger: WandbConfig, run: RunFacts, mode: str) -> Any:
    import wandb

    if mode == "offline":
        _say_once("W&B: offline; `wandb sync RUN/wandb/offline-*` uploads a run")
        return _init(logger, run, mode)
    try:
        return _init(logger, run, mode)
    except Exception as error:
        _say_once(f"W&B cannot be reached, so it goes on offline ({first_line(error)})")
        wandb.teardown()  # or the run's id would count as taken
        return _init(logger, run, "offline")


def _init(logger: WandbConfig, run: RunFacts, mode: str) -> Any:
    import wandb

    by_agent = wandb.env.SWEEP_ID in os.environ
    return wandb.init(
        project=None if by_agent else logger.project,
        entity=None if by_agent else logger.entity,
        id=None if by_agent else run.id[:16],
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
            silent=True,
            console="off",
            init_timeout=SECONDS_TO_CONNECT if mode == "online" else SECONDS_TO_START,
            finish_timeout=SECONDS_TO_UPLOAD,
            x_save_requirements=False,  # a list of every package installed, made anew for each run; the record has ours
        ),
    )


def _is_uploaded(folder: Path) -> bool:
    """Whether the W&B files in a folder have been sent to the server, on the way or by `wandb sync`."""
    return folder.name.startswith("run-") or next(folder.glob("*.wandb.synced"), None) is not None


def _steps(folder: Path) -> int:
    """The first step that the W&B files in a folder do not hold; their last record may be torn."""
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--summary", "--json", str(folder)]
    inspected = subprocess.run(command, capture_output=True, check=True, text=True, timeout=SECONDS_TO_START)
    step = json.loads(inspected.stdout)["step"]
    return 0 if step is None else step + 1


def _say_once(words: str) -> None:
    """One quiet line a process."""
    if not _said:
        _said.append(words)
        log.info(words)


_said: list[str] = []
