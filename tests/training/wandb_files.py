"""Reads W&B's files back, with W&B's own reader."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def stored(directory: Path) -> list[dict]:
    """The records in the only W&B file of a run below `directory`, up to where it is torn."""
    (file,) = directory.rglob("*.wandb")
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(file)]
    lines = subprocess.run(command, capture_output=True, check=True, text=True).stdout.splitlines()
    return [json.loads(line) for line in lines]


def only(records: list[dict], kind: str) -> dict:
    (record,) = (record[kind] for record in records if record["type"] == kind)
    return record


def history(records: list[dict]) -> list[dict]:
    """The rows logged, without W&B's clocks; its `_step` is our `step`."""
    rows = [record["history"]["item"] for record in records if record["type"] == "history"]
    return [{k: v for k, v in row.items() if not k.startswith("_")} | {"step": row["_step"]} for row in rows]


def summary(records: list[dict]) -> dict:
    """The summary after all of its updates."""
    updates = [record["summary"].get("update", {}) for record in records if record["type"] == "summary"]
    return {key: value for update in updates for key, value in update.items()}
