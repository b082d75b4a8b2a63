"""Runs that go online: they arrive once and whole, and a server in trouble costs seconds and no rows."""

from __future__ import annotations

import json
import logging
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import wandb

from lkca_exp.config.schema import NoLoggerConfig, WandbConfig
from lkca_exp.runs import wandb_client
from lkca_exp.runs.handover import Handover
from lkca_exp.runs.wandb_client import problem_of_server
from lkca_exp.training.sinks import open_sink
from lkca_exp.training.sinks import wandb as wandb_sink
from lkca_exp.training.sinks.sink import RunFacts
from lkca_exp.training.sinks.wandb import sweep_stays_offline, wandb_mode
from tests.conftest import TINY, environment
from tests.test_run import record, run_folder, start_and_stop
from tests.training.wandb_files import history, stored
from tests.training.wandb_server import EVENTS, WandbServer, serve_wandb

ROWS = [{"epoch": n, "step": 10 * (n + 1), "train/loss": 2.0 - n} for n in range(4)]
ONLINE = [word for word in TINY if not word.startswith("logger")]
FAULTS = ("closed", "hang", "drop", "500")
SECONDS_TO_DECIDE = 3.0


@pytest.fixture
def server() -> Iterator[WandbServer]:
    with serve_wandb() as running:
        yield running


@pytest.fixture
def here(server: WandbServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[WandbServer]:
    """Has W&B's client in this process talk to the server."""
    wandb.teardown()
    for name in ("WANDB_MODE", "WANDB_SWEEP_ID", "WANDB_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(wandb_sink, "announced", [])
    yield server
    wandb.teardown()


@pytest.fixture
def run(tmp_path: Path) -> RunFacts:
    return RunFacts("a" * 64, "b" * 64, "study", "run-s0-aaaaaaaa", tmp_path, ["tag"], {"epochs": 2})


@pytest.fixture
def break_server(monkeypatch: pytest.MonkeyPatch) -> Callable[[WandbServer, str], None]:
    def begin(server: WandbServer, fault: str) -> None:
        server.fault = fault
        if fault == "closed":
            monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")

    return begin


def test_an_online_run_arrives_once(here, run):
    sink = open_sink(WandbConfig(project="ours", entity="us"), run)
    for epochs in range(1, 5):
        sink.log(ROWS[:epochs])
    sink.finish({"test/top1": 0.5}, succeeded=True)
    (arrived,) = here.runs.values()
    assert arrived.history == ROWS
    assert arrived.summary["test/top1"] == 0.5
    assert arrived.exit_codes == [0]
    assert arrived.config["epochs"] == 2
    expected = {
        "name": "a" * 16,
        "project": "ours",
        "entity": "us",
        "groupName": "study",
        "jobType": "b" * 16,
        "displayName": "run-s0-aaaaaaaa",
        "tags": ["tag"],
    }
    assert expected.items() <= arrived.upserted.items()


def test_a_run_that_was_meant_to_be_offline_says_nothing_of_the_server(here, tmp_path, caplog):
    """The next one of the process goes online all the same."""
    for number, mode in enumerate(["offline", "online"]):
        facts = RunFacts(f"{number}" * 64, "b" * 64, "study", "run", tmp_path / mode)
        facts.directory.mkdir()
        sink = open_sink(WandbConfig(mode=mode), facts)
        sink.log(ROWS)
        sink.finish({}, succeeded=True)
    (arrived,) = here.runs.values()
    assert arrived.name == "1" * 16
    assert arrived.history == ROWS


def test_what_the_machine_does_is_logged_too(here, run):
    """By W&B's client, every 15 seconds and at the start, as long as a run lasts."""
    sink = open_sink(WandbConfig(), run)
    deadline = time.monotonic() + 10
    while not (here.runs and (events := here.runs["a" * 16].lines(EVENTS))) and time.monotonic() < deadline:
        time.sleep(0.1)
    sink.finish({}, succeeded=True)
    assert {"system.memory_percent", "system.proc.memory.rssMB"} <= events[0].keys()


def test_a_continued_run_adds_what_the_server_lacks(here, run):
    for epochs in (2, 4):
        sink = open_sink(WandbConfig(), run)
        sink.log(ROWS[:epochs])
        sink.finish({}, succeeded=epochs == 4)
    (arrived,) = here.runs.values()
    assert arrived.history == ROWS
    assert arrived.exit_codes == [1, 0]


@pytest.mark.slow
def test_a_run_killed_and_continued_is_one_run_with_every_epoch_once(cli, tmp_path, server):
    args, env = [*ONLINE, "epochs=9", "data.fraction=1"], server.environment()
    for epochs in (2, 5):
        assert start_and_stop(tmp_path, args, epochs, signal.SIGKILL, **env) == -signal.SIGKILL
    done = cli(*args, **env, **Handover(varied_keys=("seed",)).environment)
    assert done.returncode == 0, done.stderr
    folder = run_folder(tmp_path)
    ours, (arrived,) = record(folder), server.runs.values()
    assert arrived.history == [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert len(arrived.history) == 9
    expected = {
        "name": ours["id"][:16],
        "groupName": "default",
        "jobType": ours["group"][:16],
        "displayName": folder.name,
    }
    assert expected.items() <= arrived.upserted.items()
    assert sorted(arrived.upserted["tags"]) == sorted(["digits", ours["label"], "seed"])
    assert (arrived.config["identity"], arrived.config["epochs"]) == (ours["id"], 9)
    assert ours["metrics"].items() <= arrived.summary.items()
    assert arrived.exit_codes[-1] == 0


@pytest.mark.parametrize("fault", FAULTS)
def test_a_server_in_trouble_is_asked_once_and_costs_seconds(here, run, break_server, caplog, fault):
    break_server(here, fault)
    begin = time.monotonic()
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            sink = open_sink(WandbConfig(), run)
            sink.log(ROWS)
            sink.finish({}, succeeded=True)
    wandb.teardown()  # waits for W&B's own process
    assert time.monotonic() - begin < SECONDS_TO_DECIDE + 3  # to start that process twice
    assert caplog.text.count("W&B") == 1
    assert "W&B does not answer" in caplog.text
    assert history(stored(run.directory)) == ROWS
    assert len(here.requests) <= 1


@pytest.mark.parametrize("fault", ["hang", "drop"])
def test_a_server_that_fails_during_a_run(here, run, monkeypatch, caplog, fault):
    monkeypatch.setattr(wandb_sink, "SECONDS_TO_UPLOAD", 1)
    sink = open_sink(WandbConfig(), run)
    sink.log(ROWS[:2])
    here.fault = fault
    begin = time.monotonic()
    sink.log(ROWS)
    assert time.monotonic() - begin < 0.5
    sink.finish({"test/top1": 0.5}, succeeded=True)
    assert time.monotonic() - begin < wandb_sink.SECONDS_TO_UPLOAD + 2
    (folder,) = (run.directory / "wandb").glob("run-*")
    assert f"`wandb sync --no-skip-online {folder}` uploads it" in caplog.text
    assert history(stored(folder)) == ROWS
    here.fault = None
    command = [sys.executable, "-m", "wandb", "sync", "--no-skip-online", str(folder)]
    subprocess.run(command, cwd=run.directory, env=environment(**here.environment()), check=True, capture_output=True)
    (arrived,) = here.runs.values()
    assert arrived.history == ROWS
    assert arrived.summary["test/top1"] == 0.5


def test_an_attempt_online_with_rows_unsent_that_continues_offline(here, run, monkeypatch, caplog):
    """Both folders are named, and both commands together bring every epoch once."""
    monkeypatch.setattr(wandb_sink, "SECONDS_TO_UPLOAD", 1)
    sink = open_sink(WandbConfig(), run)
    here.fault = "hang"
    sink.log(ROWS[:2])
    sink.finish({}, succeeded=False)
    caplog.clear()
    with caplog.at_level(logging.INFO):
        sink = open_sink(WandbConfig(mode="offline"), run)
    sink.log(ROWS)
    sink.finish({"test/top1": 0.5}, succeeded=True)
    (told,) = (message for message in caplog.messages if "may have left rows unsent" in message)
    commands = re.findall("`(.+?)`", told)
    assert len(commands) == 2
    here.fault = None
    for command in commands:
        words = [sys.executable, "-m", command]
        env = environment(**here.environment())
        subprocess.run(" ".join(words), shell=True, cwd=run.directory, env=env, check=True, capture_output=True)
    (arrived,) = here.runs.values()
    assert arrived.history == ROWS
    assert arrived.summary["test/top1"] == 0.5


def test_a_server_that_answers_and_then_hangs_at_the_start(here, run, monkeypatch, caplog):
    monkeypatch.setattr(wandb_client, "SECONDS_TO_CONNECT", 1)
    assert wandb_mode(WandbConfig()) == "online"
    monkeypatch.setattr(wandb_sink, "problem_of_server", lambda: "")
    here.fault = "500"
    with caplog.at_level(logging.INFO):
        sink = open_sink(WandbConfig(), run)
        sink.log(ROWS)
        sink.finish({}, succeeded=True)
    assert "continues offline" in caplog.text
    assert history(stored(run.directory)) == ROWS
    assert wandb_mode(WandbConfig()) == "offline"  # the next run does not wait again


def test_a_sweep_decides_for_its_jobs(here, monkeypatch):
    assert not sweep_stays_offline([NoLoggerConfig(), WandbConfig(mode="offline")])
    assert here.requests == []
    assert not sweep_stays_offline([NoLoggerConfig(), WandbConfig()])
    assert here.requests == ["Viewer"]
    here.fault = "500"
    assert sweep_stays_offline([WandbConfig()])
    monkeypatch.setattr(wandb_sink, "announced", [])  # a process of its own
    for name, value in Handover(wandb_offline=True).environment.items():
        monkeypatch.setenv(name, value)
    assert wandb_mode(WandbConfig()) == "offline"
    assert here.requests == ["Viewer", "Viewer"]


@pytest.mark.slow
@pytest.mark.parametrize("how", [["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"], ["hydra/sweeper=basic"]])
def test_a_sweep_asks_a_server_in_trouble_once(cli, tmp_path, server, how):
    server.fault = "hang"
    args = ["-m", *ONLINE, "seed=0,1", *how]
    done = cli(*args, **server.environment())
    assert done.returncode == 0, done.stderr
    assert (done.stdout + done.stderr).count("W&B") == 1
    assert server.requests == ["Viewer"]
    for folder in tmp_path.glob("runs/default/*/wandb/offline-run-*"):
        assert len(history(stored(folder))) == 3
    assert len(list(tmp_path.glob("runs/default/*/run.json"))) == 2


def test_a_certificate_that_python_does_not_know_is_left_to_w_and_b(here, monkeypatch):
    import ssl
    import urllib.error
    import urllib.request

    class Opener:
        def open(self, *_, **__):
            raise urllib.error.URLError(ssl.SSLCertVerificationError("self-signed"))

    monkeypatch.setattr(urllib.request, "build_opener", lambda *_: Opener())
    assert problem_of_server() == ""
