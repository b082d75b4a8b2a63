"""Where curves go beside the local record. No error there ends training."""

from __future__ import annotations

import pytest

from lkca_exp.config.schema import NoLoggerConfig, TensorboardConfig
from lkca_exp.training import sinks
from lkca_exp.training.sinks import open_sink
from lkca_exp.training.sinks.sink import NoSink, RunFacts, Safe

ROWS = [{"epoch": 0, "step": 10, "train/loss": 2.0}, {"epoch": 1, "step": 20, "train/loss": 1.0}]


@pytest.fixture
def run(tmp_path):
    return RunFacts("a" * 64, "b" * 64, "study", "run-s0-aaaaaaaa", tmp_path, ["tag"], {"epochs": 2})


def test_tensorboard(run, tmp_path):
    """Opened twice, as by a run that was killed and continued: no epoch is there twice."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    killed = open_sink(TensorboardConfig(), run)
    killed.log(ROWS[:1])
    killed.sink.writer.flush()
    sink = open_sink(TensorboardConfig(), run)
    for done in (1, 2):
        sink.log(ROWS[:done])
    sink.finish({"test/top1": 0.5, "view": "attention"}, succeeded=True)
    (file,) = (tmp_path / "tensorboard").iterdir()
    events = EventAccumulator(str(file), purge_orphaned_data=False).Reload()
    assert [(event.step, event.value) for event in events.Scalars("train/loss")] == [(10, 2.0), (20, 1.0)]
    assert [event.value for event in events.Scalars("summary/test/top1")] == [0.5]


def test_none(run):
    assert isinstance(open_sink(NoLoggerConfig(), run), NoSink)


def test_a_sink_that_fails_is_reported_once_and_not_used_again(caplog):
    class Failing(NoSink):
        def log(self, rows):
            raise ConnectionError("the network is away")

    sink = Safe(Failing())
    sink.log(ROWS)
    sink.log(ROWS)
    sink.finish({}, succeeded=True)
    assert caplog.text.count("the network is away") == 1


def test_a_sink_that_cannot_be_opened_is_done_without(run, monkeypatch, caplog):
    def broken(*_):
        raise OSError("no room")

    monkeypatch.setattr(sinks, "TensorboardSink", broken)
    assert isinstance(open_sink(TensorboardConfig(), run), NoSink)
    assert "no room" in caplog.text
