"""What a sweep hands to its jobs, in whatever process, machine or queue a launcher puts them, and how they tell each
other how they ended.

One environment variable carries it, as JSON: the only channel that all of Hydra's launchers share. A worker inherits
it, and Hydra sets it for each job (`hydra.job.env_set`).
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

VARIABLE = "LKCA_EXP_SWEEP"
ALIKE_TO_STOP = 3


@dataclass(frozen=True)
class Handover:
    """`gpus` are to be shared by the jobs of a machine, as CUDA_VISIBLE_DEVICES names them; `pid` is the sweep's own
    process; `journal` the file of its Journal; `num_jobs` are to be done since `begun`, which train on `images` in all;
    `varied_keys` those in whose overrides its jobs differ; `wandb_offline` says that W&B did not answer the sweep;
    `lost` are the ids of runs after which the sweep's process had lost the GPU and began anew."""

    gpus: tuple[str, ...] = ()
    pid: int | None = None
    journal: str | None = None
    varied_keys: tuple[str, ...] = ()
    num_jobs: int = 0
    images: float = 0.0
    begun: str = ""
    wandb_offline: bool = False
    lost: tuple[str, ...] = ()

    @classmethod
    def received(cls) -> Handover:
        """That of the sweep that this process does a job of; all defaults outside a sweep."""
        return cls(**json.loads(os.environ.get(VARIABLE, "{}")))

    @property
    def environment(self) -> dict[str, str]:
        """The environment variable to set for the jobs."""
        return {VARIABLE: json.dumps(asdict(self))}


class End(NamedTuple):
    """How a job of a sweep ended: its error, if any, and the images it was to train on, each counted once an epoch."""

    error: str | None
    images: float


@dataclass(frozen=True)
class Journal:
    """A line for every job of a sweep that has ended; lines are appended whole."""

    path: Path

    @staticmethod
    def of_this_sweep() -> Journal | None:
        """The journal of the sweep that this process does a job of; None outside a sweep."""
        path = Handover.received().journal
        return Journal(Path(path)) if path else None

    def note(self, error: str | None, images: float) -> None:
        """Add how a job ended."""
        with self.path.open("a") as file:
            file.write(json.dumps(End(error, images)) + "\n")

    def ends(self) -> list[End]:
        """How those jobs ended that have so far."""
        return [End(*json.loads(line)) for line in self.path.read_text().splitlines()] if self.path.exists() else []

    def reason_to_stop(self, on_failure: str) -> str:
        """Why no further job should begin; empty if it should."""
        errors = [end.error for end in self.ends()]
        if on_failure == "stop" and any(errors):
            return "on_failure=stop, and a run failed"
        first = errors[:ALIKE_TO_STOP]
        if len(first) == ALIKE_TO_STOP and first[0] and len(set(first)) == 1:
            return f"the first {ALIKE_TO_STOP} runs failed alike"
        return ""
