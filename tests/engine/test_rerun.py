"""A recorded run, trained once more."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lkca_exp.config.errors import ConfigError
from lkca_exp.data.content import run_of
from lkca_exp.engine.lifecycle import train
from lkca_exp.engine.rerun import job_of, rerun
from lkca_exp.runs import record as records
from lkca_exp.runs.environment import command_line
from lkca_exp.runs.lock import hold
from lkca_exp.runs.run import new_record
from lkca_exp.runs.state import run_state
from tests.conftest import TINY
from tests.runs.conftest import change
from tests.test_run import start_and_stop

SAME = ("metrics.jsonl", "weights.safetensors", "predictions.npz")


@pytest.fixture
def finished(job, tmp_path, monkeypatch) -> Path:
    """A run, trained for real."""
    monkeypatch.chdir(tmp_path)
    made = job("paths.runs=runs", "model/mixer=attention", "protocol=final")
    train(run_of(made))
    return run_of(made).directory


def test_a_finished_run_comes_to_the_same_and_its_result_is_set_aside(finished, caplog):
    caplog.set_level("INFO")
    before = {name: (finished / name).read_bytes() for name in SAME}
    first = records.read(finished)
    rerun(finished)
    assert {name: (finished / name).read_bytes() for name in SAME} == before
    assert {name: (finished / "previous" / name).read_bytes() for name in SAME} == before
    again = records.read(finished)
    assert again.timings.started > first.timings.started
    assert again.config == first.config | {"force": True, "compile": False}
    assert f"{finished.name}: every number is as it was before" in caplog.messages


def test_another_study_gets_a_result_of_its_own(finished):
    before = (finished / "run.json").read_bytes()
    rerun(finished, study="other")
    other = finished.parents[1] / "other" / finished.name
    assert records.read(other).reused_from is None
    assert not (other / "metrics.jsonl").samefile(finished / "metrics.jsonl")
    assert (other / "metrics.jsonl").read_bytes() == (finished / "metrics.jsonl").read_bytes()
    assert (finished / "run.json").read_bytes() == before


def test_it_stays_where_the_run_lies_now(finished, tmp_path):
    moved = tmp_path / "elsewhere" / "study" / finished.name
    moved.parent.mkdir(parents=True)
    finished.rename(moved)
    rerun(moved)
    assert (moved / "previous" / "run.json").exists()
    assert not finished.exists()


@pytest.mark.parametrize(
    ("recorded", "compile"), [({"compiled": True}, True), ({"compiled": False}, False), ({}, False)]
)
def test_it_is_compiled_or_not_as_it_was(job, recorded, compile):
    """A record of before there was a choice has no such entry."""
    run = run_of(job())
    run.directory.mkdir(parents=True)
    records.write(run.directory, replace(new_record(run), status="interrupted", model=recorded))
    assert job_of(run_state(run.directory)).config.compile is bool(compile)


def test_it_computes_with_as_many_threads(finished):
    change(finished, device=records.read(finished).device | {"threads": 2})
    rerun(finished)
    try:
        assert records.read(finished).device["threads"] == 2
    finally:
        torch.set_num_threads(1)


def test_a_result_that_differs_is_reported(finished, caplog):
    caplog.set_level("INFO")
    rows = [json.loads(line) for line in (finished / "metrics.jsonl").read_text().splitlines()]
    rows[1]["train/loss"] += 1e-9
    (finished / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    rerun(finished)
    warning, result = (message for message in caplog.messages if "differs" in message)
    assert "metrics.jsonl differs from its record: damaged, or another run's" in warning
    assert "from epoch 1 on: test top-1 was" in result


def test_a_record_that_cannot_be_read_leaves_the_configuration(finished):
    before = (finished / "metrics.jsonl").read_bytes()
    (finished / "run.json").write_text("{")
    rerun(finished)
    assert (finished / "metrics.jsonl").read_bytes() == before
    (finished / "run.json").unlink()
    (finished / "config.yaml").unlink()
    with pytest.raises(ConfigError, match="Neither"):
        rerun(finished)


def test_a_run_that_a_process_is_at_is_refused(finished):
    change(finished, status="running")
    with hold(finished), pytest.raises(ConfigError, match="locked by another process"):
        rerun(finished)


def test_settings_of_another_version_are_told(finished):
    config = records.read(finished).config
    change(finished, config=config | {"epochz": 3})
    with pytest.raises(ConfigError, match="no such key"):
        rerun(finished)


@pytest.mark.slow
def test_a_killed_run_is_continued(cli, tmp_path):
    args = [*TINY, "epochs=12", "data.fraction=1"]
    start_and_stop(tmp_path, args, 3, signal.SIGKILL)
    (folder,) = tmp_path.glob("runs/default/*-s0-*")
    assert run_state(folder).state == "killed"
    done = cli("rerun", folder.name, module="lkca_exp.runs")
    assert done.returncode == 0, done.stderr
    record = records.read(folder)
    assert [attempt.status for attempt in record.attempts] == ["killed", "finished"]
    assert record.attempts[1].from_epoch >= 2
    assert not (folder / "previous").exists()


@pytest.mark.parametrize(
    ("program", "typed"),
    [("lkca_exp/__main__.py", "python -m lkca_exp"), ("lkca_exp/runs/__main__.py", "python -m lkca_exp.runs"),
     ("bin/lkca-exp", "lkca-exp")],
)  # fmt: skip
def test_a_record_has_the_command_as_typed(monkeypatch, program, typed):
    monkeypatch.setattr("sys.argv", [f"/some/where/{program}", "rerun", "a b"])
    assert command_line() == f"{typed} rerun 'a b'"
