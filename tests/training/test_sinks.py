"""Where curves go beside the local record. Whatever happens there, training goes on."""

from __future__ import annotations

import json
import logging
import shutil
import struct

import pytest

from lkca_exp.config.schema import NoLoggerConfig, TensorboardConfig, WandbConfig
from lkca_exp.training import sinks
from lkca_exp.training.sinks import NoSink, RunFacts, Safe, open_sink, wandb_mode
from tests.conftest import TINY

ROWS = [{"epoch": 0, "step": 10, "train/loss": 2.0}, {"epoch": 1, "step": 20, "train/loss": 1.0}]


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    """No credentials, and a process that has said nothing yet."""
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", "/nonexistent")
    monkeypatch.setattr(sinks, "_said", [])


@pytest.fixture
def run(tmp_path):
    return RunFacts("a" * 64, "b" * 64, "study", "run-s0-aaaaaaaa", tmp_path, ["tag"], {"epochs": 2})


def stored(directory) -> list:
    """The records in the only offline W&B file below `directory`: LevelDB's log format after a header of 7 bytes."""
    from wandb.proto import wandb_internal_pb2

    (file,) = directory.rglob("*.wandb")
    data, place, found, parts = file.read_bytes(), 7, [], b""
    while place + 7 <= len(data):
        if 32768 - place % 32768 < 7:  # a block's end, too small for a header
            place += 32768 - place % 32768
            continue
        _, length, kind = struct.unpack_from("<IHB", data, place)
        parts += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # a whole record, or the last part of one
            record = wandb_internal_pb2.Record()
            record.ParseFromString(parts)
            found.append(record)
            parts = b""
    return found


def logged(records: list) -> list[dict]:
    rows = [{item.nested_key[0]: json.loads(item.value_json) for item in r.history.item} for r in records]
    return [row for row, record in zip(rows, records, strict=True) if record.WhichOneof("record_type") == "history"]


def test_wandb_offline_keeps_everything_in_the_run_s_folder(run, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            sink = open_sink(WandbConfig(), run)
            for row in ROWS:
                sink.log(row)
            sink.finish({"test/top1": 0.5}, succeeded=True)
            records = stored(tmp_path)
            shutil.rmtree(tmp_path / "wandb")
    (described,) = [r.run for r in records if r.WhichOneof("record_type") == "run"]
    assert (described.run_id, described.run_group, described.job_type) == ("a" * 16, "study", "b" * 16)
    assert list(described.tags) == ["tag"]
    rows = logged(records)
    assert [(row["epoch"], row["train/loss"]) for row in rows] == [(0, 2.0), (1, 1.0)]
    assert [row["_step"] for row in rows] == [10, 20]
    (end,) = [r.exit for r in records if r.WhichOneof("record_type") == "exit"]
    assert end.exit_code == 0
    assert caplog.text.count("W&B: offline") == 1


def test_a_failed_run_is_finished_too(cli, tmp_path):
    args = [word for word in TINY if not word.startswith("logger")]
    done = cli(*args, "optim.lr=1e30", "optim.clip_norm=null", "optim.warmup_epochs=0", NETRC="/nonexistent")
    assert done.returncode == 1
    (end,) = [r.exit for r in stored(tmp_path) if r.WhichOneof("record_type") == "exit"]
    assert end.exit_code == 1


def test_one_wandb_run_a_job_and_one_line_a_sweep(cli, tmp_path):
    args = [word for word in TINY if not word.startswith("logger")]
    done = cli("-m", *args, "seed=0,1", NETRC="/nonexistent")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("W&B") == 1
    runs = sorted(tmp_path.glob("runs/default/*/wandb/offline-run-*"))
    assert len(runs) == 2
    for folder in runs:
        assert len(logged(stored(folder))) == 3


def test_wandb_goes_online_only_where_there_are_credentials(monkeypatch):
    assert wandb_mode(WandbConfig()) == "offline"
    assert wandb_mode(WandbConfig(mode="disabled")) == "disabled"
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert wandb_mode(WandbConfig()) == "disabled"
    assert wandb_mode(WandbConfig(mode="offline")) == "offline"


def test_wandb_that_cannot_be_reached_goes_on_offline(run, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(sinks.WandbSink, "SECONDS_TO_CONNECT", 1)
    with caplog.at_level(logging.INFO):
        sink = open_sink(WandbConfig(mode="online"), run)
        sink.log(ROWS[0])
        sink.finish({}, succeeded=True)
    assert "goes on offline" in caplog.text
    (offline,) = (tmp_path / "wandb").glob("offline-run-*")
    assert len(logged(stored(offline))) == 1
    assert wandb_mode(WandbConfig(mode="online")) == "offline"  # the next run does not wait again


def test_tensorboard(run, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    sink = open_sink(TensorboardConfig(), run)
    for row in ROWS:
        sink.log(row)
    sink.finish({"test/top1": 0.5, "view": "attention"}, succeeded=True)
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(event.step, event.value) for event in events.Scalars("train/loss")] == [(10, 2.0), (20, 1.0)]
    assert [event.value for event in events.Scalars("summary/test/top1")] == [0.5]


def test_none(run):
    assert isinstance(open_sink(NoLoggerConfig(), run), NoSink)


def test_a_sink_that_fails_is_told_once_and_let_be(caplog):
    class Failing(NoSink):
        def log(self, row):
            raise ConnectionError("the network is away")

    sink = Safe(Failing())
    sink.log(ROWS[0])
    sink.log(ROWS[1])
    sink.finish({}, succeeded=True)
    assert caplog.text.count("the network is away") == 1


def test_a_sink_that_cannot_be_opened_is_done_without(run, monkeypatch, caplog):
    def broken(*_):
        raise OSError("no room")

    monkeypatch.setattr(sinks, "TensorboardSink", broken)
    assert isinstance(open_sink(TensorboardConfig(), run), NoSink)
    assert "no room" in caplog.text
