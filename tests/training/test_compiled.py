"""Compiled runs: what is compiled, what is recorded, and that they continue as they began."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from lkca_exp.data.content import run_of
from lkca_exp.data.prepare import prepare
from lkca_exp.engine.lifecycle import begin
from tests.conftest import TINY
from tests.runs.conftest import change
from tests.test_run import record, run_folder, start_and_stop
from tests.training.test_training import trained


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> list[torch.fx.GraphModule]:
    """All that torch.compile is asked to compile; it is run as it stands, so that it computes the same to the bit."""
    compile, graphs = torch.compile, []

    def keep(graph: torch.fx.GraphModule, inputs: Any) -> Callable[..., Any]:
        graphs.append(graph)
        return graph.forward

    monkeypatch.setattr("torch.compile", lambda f, dynamic, options: compile(f, backend=keep, dynamic=dynamic))
    monkeypatch.setattr("lkca_exp.models.compilation.compile_problem", lambda device: None)
    return graphs


def test_training_is_compiled_once_and_evaluation_never(job, tmp_path, graphs):
    """Though evaluation has batches of two other sizes. Drop path is on, and draws the same."""
    overrides = ["data.fraction=1", "model.drop_path=0.3", "optim.ema_decay=0.9"]
    compiled, ours = trained(job, "compile=true", *overrides)
    assert len(graphs) == 1
    eager, theirs = trained(job, "compile=false", f"paths.runs={tmp_path / 'eager'}", *overrides)
    assert len(graphs) == 1
    assert (ours["model"]["compiled"], theirs["model"]["compiled"]) == (True, False)
    assert compiled.name == eager.name
    for name in ("metrics.jsonl", "weights.safetensors"):
        assert (compiled / name).read_bytes() == (eager / name).read_bytes()
    assert ours["model"]["flops_per_image"] == theirs["model"]["flops_per_image"]


@pytest.mark.slow
def test_many_runs_in_one_process_are_all_compiled(job, graphs):
    """More than torch recompiles one piece of code for; and no run's batch size makes another's compilation dynamic."""
    for number in range(10):
        trained(job, "compile=true", "trainer=debug", "model.depth=1", f"batch_size={16 + number}")
        assert len(graphs) == 1 + number


@pytest.mark.parametrize("began", [True, False, None])
def test_a_run_goes_on_as_it_began(job, graphs, began):
    """None: it was begun before there was a choice, and is eager."""
    made = job("protocol=final", "model.depth=1", f"compile={str(began is True).lower()}")
    directory = run_of(made).directory
    directory.mkdir(parents=True)
    begun = begin(run_of(made), None, prepare(made.config))
    if began is None:
        change(directory, model={key: value for key, value in begun.model.items() if key != "compiled"})
    _, ended = trained(job, "protocol=final", "model.depth=1", f"compile={str(began is not True).lower()}")
    assert [attempt["status"] for attempt in ended["attempts"]] == ["killed", "finished"]
    assert ended["model"].get("compiled") is began
    assert len(graphs) == (began is True)


def test_a_short_run_is_not_compiled(job):
    assert trained(job)[1]["model"]["compiled"] is False


@pytest.mark.slow
def test_a_compiled_run_that_is_interrupted_ends_bit_for_bit_as_one_left_alone(cli, tmp_path):
    args = [*TINY, "epochs=40", "data.fraction=1", "model.drop_path=0.3", "compile=true"]
    assert start_and_stop(tmp_path, args, 2, signal.SIGKILL) == -signal.SIGKILL
    folder = run_folder(tmp_path)
    assert cli(*args, "compile=false", timeout=600).returncode == 0
    assert [attempt["status"] for attempt in record(folder)["attempts"]] == ["killed", "finished"]
    assert record(folder)["model"]["compiled"]
    cold = {"TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cold")}
    assert cli(*args, "paths.runs=alone", timeout=600, **cold).returncode == 0
    for name in ("metrics.jsonl", "weights.safetensors", "predictions.npz"):
        assert (folder / name).read_bytes() == (tmp_path / "alone" / "default" / folder.name / name).read_bytes(), name


@pytest.mark.slow
def test_two_processes_train_a_compiled_model_as_one_does(cli, tmp_path):
    args = [*TINY, "model.drop_path=0.3", "data.fraction=1", "compile=true"]
    for place in (["paths.runs=one"], ["paths.runs=two", "trainer=ddp"]):
        done = cli(*args, *place, timeout=600)
        assert done.returncode == 0, done.stderr
    one, two = (next(tmp_path.glob(f"{place}/default/*")) for place in ("one", "two"))
    assert record(two)["model"]["compiled"]
    assert load_file(one / "weights.safetensors").keys() == load_file(two / "weights.safetensors").keys()
    for row, other in zip(*([json.loads(r) for r in (f / "metrics.jsonl").open()] for f in (one, two)), strict=True):
        assert row["train/loss"] == pytest.approx(other["train/loss"], rel=1e-4)
