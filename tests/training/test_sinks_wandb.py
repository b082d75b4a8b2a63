"""A run is one run in W&B, with its whole history once, whatever happened on the way."""

from __future__ import annotations

import json
import logging
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import wandb

from lkca_exp.config.errors import RunFailedError
from lkca_exp.config.schema import WandbConfig
from lkca_exp.data.content import run_of
from lkca_exp.engine.lifecycle import train
from lkca_exp.runs.handover import Handover
from lkca_exp.runs.record import read, write
from lkca_exp.training.sinks import open_sink
from lkca_exp.training.sinks import wandb as wandb_sink
from lkca_exp.training.sinks.sink import RunFacts
from lkca_exp.training.sinks.wandb import WandbSink, wandb_mode
from tests.conftest import TINY
from tests.test_run import record, run_folder, start_and_stop
from tests.training.wandb_files import history, only, stored, summary

ROWS = [{"epoch": n, "step": 10 * (n + 1), "train/loss": 2.0 - n} for n in range(4)]
WITH_WANDB = [word for word in TINY if not word.startswith("logger")] + ["logger.mode=offline"]


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    """No credentials, and a process that has announced nothing yet."""
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL", "WANDB_SWEEP_ID", "WANDB_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", "/nonexistent")
    monkeypatch.setattr(wandb_sink, "announced", [])


@pytest.fixture
def run(tmp_path):
    return RunFacts("a" * 64, "b" * 64, "study", "run-s0-aaaaaaaa", tmp_path, ["tag"], {"epochs": 2})


def log_offline(run: RunFacts, after: int, upto: int) -> Path:
    """Log as an attempt does that trains the epochs from `after` on; returns its folder."""
    sink = open_sink(WandbConfig(mode="offline"), run)
    for done in range(after + 1, upto + 1):
        sink.log(ROWS[:done])
    sink.finish({"test/top1": 0.5}, succeeded=True)
    return max((run.directory / "wandb").glob("offline-run-*"), key=lambda folder: folder.stat().st_ctime)


def test_offline_keeps_everything_in_the_run_s_folder(run, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            log_offline(run, 0, 2)
            records = stored(tmp_path)
            shutil.rmtree(tmp_path / "wandb")
    described = only(records, "run")
    assert (described["run_id"], described["run_group"], described["job_type"]) == ("a" * 16, "study", "b" * 16)
    assert described["tags"] == ["tag"]
    assert described["config"]["update"]["epochs"] == 2
    assert history(records) == ROWS[:2]
    assert summary(records)["test/top1"] == 0.5
    assert only(records, "exit").get("exit_code", 0) == 0
    assert caplog.text.count("W&B: offline") == 1


def test_a_continued_attempt_replaces_what_was_not_uploaded(run, tmp_path):
    (torn,) = log_offline(run, 0, 2).glob("*.wandb")
    torn.write_bytes(torn.read_bytes()[:1500])
    log_offline(run, 3, 4)
    assert history(stored(tmp_path)) == ROWS


def test_a_continued_attempt_does_not_repeat_what_was_uploaded(run):
    first = log_offline(run, 0, 2)
    (file,) = first.glob("*.wandb")
    file.with_name(file.name + ".synced").touch()  # as `wandb sync` does
    second = log_offline(run, 2, 3)
    third = log_offline(run, 3, 4)
    assert not second.exists()
    assert history(stored(first)) == ROWS[:2]
    assert history(stored(third)) == ROWS[2:]


def test_other_runs_files_are_kept(run, tmp_path):
    """A folder may hold those of an agent's run, which has an id of its own."""
    other = log_offline(run, 0, 1)
    log_offline(RunFacts("c" * 64, "b" * 64, "study", "run", tmp_path), 0, 1)
    assert other.exists()


def test_in_a_sweep_by_an_agent_w_and_b_names_the_run(run, monkeypatch):
    """It ignores an id that we gave, with a warning: the agent waits for the run that it announced."""
    given = {}
    monkeypatch.setattr(
        wandb, "init", lambda **settings: given.update(settings) or SimpleNamespace(id="", step=0, offline=True)
    )
    monkeypatch.setenv("WANDB_SWEEP_ID", "sweep")
    WandbSink(WandbConfig(mode="offline"), run)
    assert (given["id"], given["project"], given["entity"]) == (None, None, None)


def test_in_a_sweep_by_an_agent_the_run_has_the_agent_s_id(job, tmp_path, monkeypatch):
    wandb.teardown()  # it reads its environment when it starts
    monkeypatch.setenv("WANDB_SWEEP_ID", "sweep")
    monkeypatch.setenv("WANDB_RUN_ID", "fromagent")
    run = run_of(job("logger=wandb", "logger.mode=offline"))
    train(run)
    wandb.teardown()
    described = only(stored(tmp_path), "run")
    assert (described["run_id"], described["sweep_id"]) == ("fromagent", "sweep")
    assert described["config"]["update"]["identity"] == run.id


@pytest.mark.slow
def test_a_run_killed_again_and_again_is_one_run_in_w_and_b(cli, tmp_path):
    args = [*WITH_WANDB, "epochs=9", "data.fraction=1"]
    for epochs in (2, 5):
        assert start_and_stop(tmp_path, args, epochs, signal.SIGKILL) == -signal.SIGKILL
    done = cli(*args, **Handover(varied_keys=("seed",)).environment)
    assert done.returncode == 0, done.stderr
    folder = run_folder(tmp_path)
    records, ours = stored(folder), record(folder)
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert len(rows) == 9
    assert history(records) == rows
    described = only(records, "run")
    assert (described["run_id"], described["run_group"]) == (ours["id"][:16], "default")
    assert described["job_type"] == ours["group"][:16]
    assert described["tags"] == sorted(["digits", ours["label"], "seed"])
    config = described["config"]["update"]
    assert (config["identity"], config["epochs"], config["model"]["mixer"]["name"]) == (ours["id"], 9, "lkca")
    assert ours["metrics"].items() <= summary(records).items()
    assert only(records, "exit").get("exit_code", 0) == 0


def test_a_run_killed_before_its_test_has_its_whole_history(job):
    made = job("logger=wandb", "logger.mode=offline", "keep=all")
    train(run_of(made))
    folder = run_of(made).directory
    finished = read(folder)
    write(folder, replace(finished, status="running"))
    train(run_of(made))
    records = stored(folder)
    assert [row["epoch"] for row in history(records)] == [0, 1, 2]
    assert summary(records)["test/top1"] == finished.metrics["test/top1"]


def test_a_failed_run_is_finished_too(job, tmp_path):
    breaking = ("optim.lr=1e30", "optim.clip_norm=null", "optim.warmup_epochs=0")
    made = job("logger=wandb", "logger.mode=offline", *breaking)
    with pytest.raises(RunFailedError):
        train(run_of(made))
    assert only(stored(tmp_path), "exit")["exit_code"] == 1


@pytest.mark.slow
def test_of_two_processes_the_first_one_logs(cli, tmp_path):
    assert cli(*WITH_WANDB, "trainer=ddp", "data.fraction=1").returncode == 0
    assert [row["epoch"] for row in history(stored(tmp_path))] == [0, 1, 2]


def test_one_wandb_run_a_job_and_one_line_a_sweep(in_process, tmp_path):
    done = in_process("-m", *WITH_WANDB, "seed=0,1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("W&B") == 1
    runs = sorted(tmp_path.glob("runs/default/*/wandb/offline-run-*"))
    assert len(runs) == 2
    for folder in runs:
        assert len(history(stored(folder))) == 3


def test_online_only_where_there_are_credentials(monkeypatch):
    assert wandb_mode(WandbConfig()) == "offline"
    assert wandb_mode(WandbConfig(mode="disabled")) == "disabled"
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert wandb_mode(WandbConfig()) == "disabled"
    assert wandb_mode(WandbConfig(mode="offline")) == "offline"


def test_disabled(run, tmp_path):
    sink = open_sink(WandbConfig(mode="disabled"), run)
    sink.log(ROWS)
    sink.finish({"test/top1": 0.5}, succeeded=True)
    assert isinstance(sink.sink, WandbSink)
    assert list(tmp_path.iterdir()) == []
