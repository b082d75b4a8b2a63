"""How the jobs of one sweep tell each other how they ended, whichever process a launcher put them in."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

JOURNAL = "LKCA_EXP_SWEEP_JOURNAL"
ALIKE_TO_STOP = 3


@dataclass(frozen=True)
class Journal:
    """A line for every job of a sweep that has ended: its error, or null. Hydra carries the file's name to the jobs in
    their environment; lines are appended whole."""

    path: Path

    @staticmethod
    def of_this_sweep() -> Journal | None:
        """The journal of the sweep that this process does a job of; None outside a sweep."""
        name = os.environ.get(JOURNAL)
        return Journal(Path(name)) if name else None

    def note(self, error: str | None) -> None:
        """Add how a job ended."""
        with self.path.open("a") as file:
            file.write(json.dumps(error) + "\n")

    def reason_to_stop(self, on_failure: str) -> str:
        """Why no further job should begin; empty if it should."""
        ends = [json.loads(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []
        failures = [error for error in ends if error]
        if failures and on_failure == "stop":
            return "on_failure=stop, and a run failed"
        first = ends[:ALIKE_TO_STOP]
        if len(first) == ALIKE_TO_STOP and first[0] and len(set(first)) == 1:
            return f"the first {ALIKE_TO_STOP} runs failed alike"
        return ""
