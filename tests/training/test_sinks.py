"""Where curves go beside the local record. No error there ends training."""

from __future__ import annotations

from pkgutil import resolve_name
from types import SimpleNamespace

import pytest

from lkca_exp.config.schema import GROUP_SCHEMAS, NoLoggerConfig, TensorboardConfig
from lkca_exp.training.sinks import open_sink, tensorboard
from lkca_exp.training.sinks.sink import NoSink, RunFacts, Safe
from lkca_exp.training.sinks.tensorboard import hparams_of
from tests.conftest import TINY

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


def sessions(folder):
    """What TensorBoard's own reader for its tab HPARAMS makes of the runs below a folder."""
    from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
    from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
    from tensorboard.context import RequestContext
    from tensorboard.plugins.hparams.api_pb2 import ListSessionGroupsRequest
    from tensorboard.plugins.hparams.backend_context import Context
    from tensorboard.plugins.hparams.list_session_groups import Handler

    runs = EventMultiplexer().AddRunsFromDirectory(str(folder))
    runs.Reload()
    provider = MultiplexerDataProvider(runs, str(folder))
    context = Context(SimpleNamespace(data_provider=provider))
    request = ListSessionGroupsRequest(slice_size=100, allowed_statuses=[0, 1, 2, 3])
    groups = Handler(RequestContext(), context, "", request).run().session_groups
    return [
        (
            {name: value.string_value or value.number_value for name, value in group.hparams.items()},
            {value.name.tag: value.value for value in group.metric_values},
        )
        for group in groups
    ]


def test_tensorboard_compares_the_runs_of_a_sweep_by_what_varies(in_process, tmp_path):
    words = [word for word in TINY if not word.startswith("logger")]
    done = in_process("-m", *words, "logger=tensorboard", "model/mixer=attention,lkca", "optim.lr=0.001,0.01")
    assert done.returncode == 0, done.stderr
    found = sessions(tmp_path / "runs")
    assert {(hparams["model.mixer.name"], hparams["optim.lr"]) for hparams, _ in found} == {
        ("attention", 0.001),
        ("attention", 0.01),
        ("lkca", 0.001),
        ("lkca", 0.01),
    }
    assert len(found) == 4
    for _, metrics in found:
        assert 0 <= metrics["summary/test/top1"] <= 1
        assert metrics["summary/parameters"] > 0


def test_a_continued_run_has_its_hyperparameters_once(run, tmp_path):
    for _ in range(2):
        sink = open_sink(TensorboardConfig(), run)
        sink.log(ROWS)
        sink.finish({"test/top1": 0.5}, succeeded=True)
    assert sessions(tmp_path) == [({"epochs": 2.0}, {"summary/test/top1": 0.5})]
    (file,) = (tmp_path / "tensorboard").iterdir()
    assert file.read_bytes().count(b"_hparams_/session_start_info") == 1


def test_the_hyperparameters_of_a_run():
    config = {
        "optim": {"lr": 0.1, "name": "adamw", "clip_norm": None},
        "model": {"mixer": {"name": "lkca", "kernel_size": 9}, "depth": 2},
        "seed": 0,
        "names": ["a"],
        "paths": {"runs": "runs"},
        "derived": {"epochs": 3},
    }
    assert hparams_of(config, ["optim.lr", "seed"]) == {"optim.lr": 0.1, "seed": 0}
    assert hparams_of(config, ["model/mixer"]) == {"model.mixer.name": "lkca", "model.mixer.kernel_size": 9}
    everything = hparams_of(config, [])
    assert everything == hparams_of(config, ["experiment"])
    assert everything["names"] == "['a']"
    assert not {"optim.clip_norm", "paths.runs", "derived.epochs"} & everything.keys()


@pytest.mark.parametrize("name", sorted({*GROUP_SCHEMAS["logger"]} - {"none"}))
def test_every_logger_names_its_sink(name):
    sink = resolve_name(GROUP_SCHEMAS["logger"][name].build)
    assert callable(sink.log)
    assert callable(sink.finish)


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

    monkeypatch.setattr(tensorboard, "TensorboardSink", broken)
    assert isinstance(open_sink(TensorboardConfig(), run), NoSink)
    assert "no room" in caplog.text
