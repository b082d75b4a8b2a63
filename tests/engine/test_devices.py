"""A run that changes the kind of device, and a GPU that is lost."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lkca_exp.config.errors import RunFailedError, out_of_memory
from lkca_exp.data.content import run_of
from lkca_exp.data.prepare import prepare
from lkca_exp.engine import lifecycle
from lkca_exp.engine.lifecycle import begin, train
from lkca_exp.runs.handover import ALIKE_TO_STOP, Journal
from lkca_exp.runs.record import read


def test_a_run_that_comes_to_another_kind_of_device_chooses_its_way_of_computing_anew(job, caplog):
    run = run_of(job())
    run.directory.mkdir(parents=True)
    data = prepare(run.config)
    here = begin(run, None, data)
    elsewhere = replace(
        here,
        status="interrupted",
        device=here.device | {"accelerator": "gpu"},
        model={"backend": "x", "compiled": True},
    )
    moved = begin(run, elsewhere, data)
    assert moved.model == here.model
    assert moved.device == here.device
    assert moved.warnings == ("begun on a gpu and continued on a cpu",)
    assert "whose way of computing is chosen anew" in caplog.text
    kept = begin(run, replace(here, status="interrupted", model={"backend": "convolution", "compiled": False}), data)
    assert kept.model["backend"] == "convolution", "on the same kind it is kept"
    assert kept.warnings == ()


def test_a_process_whose_gpu_is_lost_ends_with_its_run_recorded(job, monkeypatch, caplog):
    """After such an error every call to the GPU raises it again, that of the handler too."""
    run = run_of(job())

    def lost(*_):
        raise RuntimeError("CUDA error: an illegal memory access was encountered\nCUDA kernel errors ...")

    def fail(*_):
        monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
        monkeypatch.setattr(torch.cuda, "synchronize", lost)
        lost()

    monkeypatch.setattr(lifecycle, "fit", fail)
    with pytest.raises(SystemExit):
        train(run)
    record = read(run.directory)
    assert record.status == "failed"
    assert "illegal memory access" in record.error.message
    assert "the GPU is lost to this process" in caplog.text


def test_runs_that_lack_memory_fail_alike_whatever_they_ask_for(tmp_path):
    journal = Journal(tmp_path / "journal")
    for number in range(ALIKE_TO_STOP):
        assert not journal.reason_to_stop("continue")
        error = torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {number} GiB.")
        journal.note(RunFailedError(f"run {number}", out_of_memory(error)).kind)
    assert journal.reason_to_stop("continue") == "the first 3 runs failed alike"
    assert RunFailedError("run", "ValueError: 1").kind != RunFailedError("run", "ValueError: 2").kind
