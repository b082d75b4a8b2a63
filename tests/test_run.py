"""Whole runs from the command line: continued, repeated, shared, interrupted."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from lkca_exp.runs.lock import hold
from tests.conftest import TINY, environment


def run_folder(tmp_path: Path, study: str = "default") -> Path:
    (folder,) = (path.parent for path in (tmp_path / "runs" / study).glob("*/run.json"))
    return folder


def record(folder: Path) -> dict:
    return json.loads((folder / "run.json").read_text())


def start_and_stop(tmp_path: Path, args: list[str], after_rows: int, how: signal.Signals, **env: str) -> int:
    """Start a run, send it a signal once it has recorded so many epochs, and return its exit status."""
    command = [sys.executable, "-m", "lkca_exp", *args]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment(**env), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and process.poll() is None:
        if any(len(f.read_text().splitlines()) >= after_rows for f in tmp_path.glob("runs/*/*/metrics.jsonl")):
            process.send_signal(how)
            break
        time.sleep(0.02)
    return process.wait(timeout=60)


NORMALISED = [
    "model=convmixer",
    "model.patches_per_side=4",
    *(f"model.options.{size}" for size in ("dim=16", "depth=2")),
]
"""A model whose weights are not all of its state: batch norms count."""


@pytest.mark.parametrize("model", [[], pytest.param(NORMALISED, marks=pytest.mark.slow)], ids=["lkca", "batch_norm"])
def test_a_run_killed_and_interrupted_ends_bit_for_bit_as_one_left_alone(cli, tmp_path, model):
    tiny = [word for word in TINY if not (model and word.startswith("model."))]
    args = [*tiny, *model, "epochs=12", "data.fraction=1", "optim.ema_decay=0.9"]
    assert start_and_stop(tmp_path, args, 2, signal.SIGKILL) == -signal.SIGKILL
    assert start_and_stop(tmp_path, args, 5, signal.SIGINT) == 130
    folder = run_folder(tmp_path)
    assert record(folder)["status"] == "interrupted"
    assert cli(*args).returncode == 0
    assert [attempt["status"] for attempt in record(folder)["attempts"]] == ["killed", "interrupted", "finished"]
    assert record(folder)["attempts"][2]["from_epoch"] >= 4  # an epoch's row is there before its checkpoint
    assert cli(*args, "paths.runs=alone").returncode == 0
    for name in ("metrics.jsonl", "weights.safetensors", "predictions.npz"):
        assert (folder / name).read_bytes() == (tmp_path / "alone" / "default" / folder.name / name).read_bytes(), name


def test_a_finished_run_answers_at_once_without_torch(cli, tmp_path):
    assert cli(*TINY).returncode == 0
    before = (run_folder(tmp_path) / "run.json").read_bytes()
    again = cli(*TINY, PYTHONPROFILEIMPORTTIME="1")
    assert again.returncode == 0
    assert "finished before" in again.stdout
    assert not re.search(r"\|\s+torch$", again.stderr, re.MULTILINE)
    assert (run_folder(tmp_path) / "run.json").read_bytes() == before


def test_force_trains_again_and_keeps_the_old_result(in_process, tmp_path):
    assert in_process(*TINY).returncode == 0
    first = record(run_folder(tmp_path))
    assert in_process(*TINY, "force=true").returncode == 0
    folder = run_folder(tmp_path)
    assert record(folder)["timings"]["started"] > first["timings"]["started"]
    assert record(folder)["metrics"] == first["metrics"]
    assert record(folder / "previous") == first


def test_another_study_takes_a_finished_run_over(in_process, tmp_path):
    assert in_process(*TINY).returncode == 0
    done = in_process(*TINY, "study=other")
    assert done.returncode == 0
    assert "taken over from default/" in done.stdout
    first, other = run_folder(tmp_path), run_folder(tmp_path, "other")
    assert record(other)["reused_from"] == f"default/{first.name}"
    assert record(other)["study"] == "other"
    assert record(other)["metrics"] == record(first)["metrics"]
    for name in ("weights.safetensors", "analysis/locality.json"):
        assert (other / name).samefile(first / name)


def test_a_run_held_by_another_process_is_left_to_it(in_process, tmp_path):
    assert in_process(*TINY).returncode == 0
    folder = run_folder(tmp_path)
    (folder / "run.json").unlink()
    with hold(folder) as mine:
        assert mine
        done = in_process(*TINY)
    assert done.returncode == 0
    assert "locked by another process" in done.stdout
    assert not (folder / "run.json").exists()


def test_a_failed_run_exits_with_1_and_is_tried_again(in_process, tmp_path):
    args = [*TINY, "optim.lr=1e30", "optim.clip_norm=null", "optim.warmup_epochs=0"]
    for attempts in (1, 2):
        done = in_process(*args)
        assert done.returncode == 1
        assert "FloatingPointError" in done.stdout + done.stderr
        assert "the same command tries again" in done.stderr
        assert record(run_folder(tmp_path))["status"] == "failed"
        assert len(record(run_folder(tmp_path))["attempts"]) == attempts


@pytest.mark.slow
def test_two_processes_train_one_model_as_one_does(cli, tmp_path):
    """Gloo on the CPU. Batches, stochastic depth, dropout and so the gradients are the same, but for rounding."""
    args = [*TINY, "data.fraction=1", "model.drop_path=0.3", "model/mixer=attention", "model.mixer.dropout=0.2"]
    assert cli(*args).returncode == 0
    alone = run_folder(tmp_path)
    done = cli(*args, "trainer=ddp", "paths.runs=two", PYTHONUNBUFFERED="1")
    assert done.returncode == 0, done.stderr
    two = tmp_path / "two" / "default" / alone.name
    assert record(two)["device"]["count"] == 2
    assert record(two)["status"] == "finished"
    rows = [[json.loads(line) for line in (f / "metrics.jsonl").read_text().splitlines()] for f in (alone, two)]
    assert len(rows[0]) == len(rows[1]) == 3
    for ours, theirs in zip(*rows, strict=True):
        assert ours["train/loss"] == pytest.approx(theirs["train/loss"], rel=1e-4)
        assert ours["val/loss"] == pytest.approx(theirs["val/loss"], rel=1e-3)
    stored = [np.load(folder / "predictions.npz") for folder in (alone, two)]
    assert stored[0]["labels"].tolist() == stored[1]["labels"].tolist()
    assert (stored[0]["predictions"] == stored[1]["predictions"]).mean() > 0.98


def test_a_sweep_ends_with_a_comparison(in_process, tmp_path):
    overrides = [word for word in TINY if not word.startswith("epochs")]
    done = in_process("-m", *overrides, "epochs=2", "model/mixer=attention,lkca", "seed=range(2)", "study=small")
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "runs" / "small").glob("*/run.json"))) == 4
    page = tmp_path / "runs" / "small" / "report" / "index.html"
    assert page.exists()
    assert "index.html" in done.stdout
    assert "attention" in done.stdout
    again = in_process("-m", *overrides, "epochs=2", "model/mixer=attention,lkca", "seed=range(2)", "study=small")
    assert "4 jobs, 4 finished before, 0 to do" in again.stdout
