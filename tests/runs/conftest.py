"""Run folders as training leaves them, without training."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lkca_exp.data.content import run_of
from lkca_exp.runs import record as records
from lkca_exp.runs.files import write_json
from lkca_exp.runs.rows import write_rows
from lkca_exp.runs.run import new_record

MakeRun = Callable[..., Path]


@pytest.fixture
def make_run(job, tmp_path, monkeypatch) -> MakeRun:
    """Makes the folder of a run below `runs` of an empty working folder: `make_run("finished", "seed=1")`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")

    def make(status: str, *overrides: str, epochs: int = 2) -> Path:
        made = job(*overrides, "paths.runs=runs")
        folder = run_of(made).directory
        folder.mkdir(parents=True)
        device = {"accelerator": "cpu", "name": "a processor", "count": 1, "threads": 1}
        record = replace(new_record(run_of(made)), device=device)
        record = records.begin_attempt(folder, record, from_epoch=0)
        write_rows(folder / "metrics.jsonl", [{"epoch": epoch, "train/loss": 1.0} for epoch in range(epochs)])
        (folder / "checkpoints").mkdir()
        (folder / "checkpoints" / "last.ckpt").write_bytes(b"c" * 1000)
        if status == "finished":
            (folder / "weights.safetensors").write_bytes(b"w" * 100)
            records.end_attempt(folder, record, status, metrics={"epoch": 1, "test/top1": 0.875})
        elif status == "failed":
            records.end_attempt(folder, record, status, ValueError("no such thing\nsecond line"))
        elif status != "running":
            records.end_attempt(folder, record, status)
        return folder

    return make


def change(folder: Path, **fields: Any) -> None:
    """Change fields of a record that a run left, as an earlier version may have written them."""
    record = json.loads((folder / "run.json").read_text()) | fields
    record.pop("checksum", None)
    write_json(folder / "run.json", record)
