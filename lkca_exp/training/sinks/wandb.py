"""One W&B run for each run, online or offline.

Its id is the run's identity, so that a continued run is the same one in W&B. What W&B has of it is not logged again:
online the server says how far that is; offline it is what those files of earlier attempts hold that have been uploaded.
The others are deleted, for the continued attempt's file holds the whole history: whatever is synced then, every epoch
arrives once. An attempt online that ended with rows unsent has to be synced as well; the log says so.

Training does not wait for a server in trouble. The server has two seconds to answer before a run goes online; if it
does not, a whole sweep stays offline. At the end of a run it has five seconds to take the rest.

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

from lkca_exp.config.schema import LoggerConfig, WandbConfig
from lkca_exp.runs.handover import Handover
from lkca_exp.runs.wandb_client import SECONDS_TO_START, client, problem_of_server, run_settings, wanted_mode
from lkca_exp.training.sinks.sink import Row, RunFacts, first_line

log = logging.getLogger(__name__)

LONGEST_TAG = 64
"""Characters that W&B allows."""

OFFLINE = "offline; `wandb sync RUN/wandb/offline-*` uploads a run"
UNREACHABLE = "unreachable"
SECONDS_TO_UPLOAD = 5  # at the end; what is left then stays on disk for `wandb sync`


class WandbSink:
    """Rows become the history of a W&B run, grouped by study, with the optimiser's step as the axis."""

    def __init__(self, logger: WandbConfig, run: RunFacts) -> None:
        mode = wandb_mode(logger)
        folder = run.directory / "wandb"
        earlier = sorted(folder.glob("*run-*")) if mode != "disabled" else []
        self.run = _init_or_go_offline(logger, run, mode)
        earlier = [attempt for attempt in earlier if next(attempt.glob(f"run-{self.run.id}.wandb"), None)]
        uploaded = [attempt for attempt in earlier if _is_uploaded(attempt)]
        self.next_step = self.run.step
        if self.run.offline:
            self.next_step = max((_steps(attempt) for attempt in uploaded), default=0)
            if any(_was_online(attempt) for attempt in uploaded):
                first, then = f"`wandb sync --no-skip-online {folder}/run-*`", f"`wandb sync {folder}/offline-*`"
                log.info("W&B: offline after an attempt online, which may have left rows unsent: %s, %s", first, then)
        for attempt in set(earlier) - set(uploaded):
            shutil.rmtree(attempt, ignore_errors=True)

    def log(self, rows: Sequence[Row]) -> None:
        for row in rows:
            if row["step"] >= self.next_step:
                values = {name: value for name, value in row.items() if name != "step"}
                self.run.log(values, step=row["step"], commit=True)
                self.next_step = row["step"] + 1

    def finish(self, summary: dict[str, Any], *, succeeded: bool) -> None:
        self.run.summary.update(summary)
        try:
            self.run.finish(exit_code=0 if succeeded else 1)
        except TimeoutError:
            rest = f"`wandb sync --no-skip-online {Path(self.run.dir).parent}` uploads it all"
            log.warning("W&B did not take the run within %d s; %s", SECONDS_TO_UPLOAD, rest)


def wandb_mode(logger: WandbConfig) -> str:
    """Where W&B runs go: as configured; by itself as WANDB_MODE says, else online if there are credentials; offline in
    place of online where the server does not answer."""
    mode = wanted_mode(logger.mode)
    return "offline" if mode == "online" and not _is_reachable() else mode


def sweep_stays_offline(loggers: Sequence[LoggerConfig]) -> bool:
    """Whether some jobs of a sweep should go online and cannot, for the sweep to find out once for all of them."""
    if not (loggers := [logger for logger in loggers if isinstance(logger, WandbConfig)]):
        return False
    offline = any(wanted_mode(logger.mode) == "online" for logger in loggers) and not _is_reachable()
    client().teardown()  # its address would be inherited by jobs, on other machines even
    return offline


def _is_reachable() -> bool:
    """Whether W&B answers; once it did not, neither this process nor the sweep's other jobs ask again."""
    if UNREACHABLE in announced or Handover.received().wandb_offline:
        return False
    problem = problem_of_server()
    if problem:
        _announce_once(UNREACHABLE, f"W&B does not answer ({problem}): {OFFLINE}")
    return not problem


def _init_or_go_offline(logger: WandbConfig, run: RunFacts, mode: str) -> Any:
    if mode == "offline":
        if not (announced or Handover.received().wandb_offline):
            _announce_once(OFFLINE, f"W&B: {OFFLINE}")
        return _init(logger, run, mode)
    before = set((run.directory / "wandb").glob("run-*"))
    try:
        return _init(logger, run, mode)
    except Exception as error:
        _announce_once(UNREACHABLE, f"W&B cannot be reached, so the run continues offline ({first_line(error)})")
        client().teardown()  # or the run's id would count as taken
        for empty in set((run.directory / "wandb").glob("run-*")) - before:
            shutil.rmtree(empty, ignore_errors=True)
        return _init(logger, run, "offline")


def _init(logger: WandbConfig, run: RunFacts, mode: str) -> Any:
    wandb = client()
    by_agent = wandb.env.SWEEP_ID in os.environ
    return wandb.init(
        project=None if by_agent else logger.project,
        entity=None if by_agent else logger.entity,
        id=None if by_agent else run.id[:16],
        name=run.name,
        group=run.study,
        job_type=run.group[:16],
        tags=[tag[:LONGEST_TAG] for tag in run.tags],
        config=run.config,
        dir=run.directory,
        mode=mode,  # type: ignore[arg-type]
        resume="allow" if mode == "online" else None,
        reinit="create_new",
        # Without a list of every package installed, made anew for each run; the record has ours.
        settings=run_settings(mode, SECONDS_TO_UPLOAD, x_save_requirements=False),
    )


def _was_online(folder: Path) -> bool:
    """Whether the W&B files in a folder are those of an attempt online."""
    return folder.name.startswith("run-")


def _is_uploaded(folder: Path) -> bool:
    """Whether the W&B files in a folder have been sent to the server, on the way or by `wandb sync`."""
    return _was_online(folder) or next(folder.glob("*.wandb.synced"), None) is not None


def _steps(folder: Path) -> int:
    """The first step that the W&B files in a folder do not hold; their last record may be torn."""
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--summary", "--json", str(folder)]
    inspected = subprocess.run(command, capture_output=True, check=True, text=True, timeout=SECONDS_TO_START)
    step = json.loads(inspected.stdout)["step"]
    return 0 if step is None else step + 1


def _announce_once(what: str, message: str) -> None:
    """One quiet line a process."""
    if what not in announced:
        announced.append(what)
        log.info(message)


announced: list[str] = []
