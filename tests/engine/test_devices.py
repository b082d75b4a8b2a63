"""A run that changes the kind of device, and a GPU that is lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lkca_exp.config.errors import GpuLostError, RunFailedError, out_of_memory
from lkca_exp.data.content import run_of
from lkca_exp.data.prepare import prepare
from lkca_exp.engine import lifecycle
from lkca_exp.engine.lifecycle import begin, train
from lkca_exp.runs.handover import ALIKE_TO_STOP, Journal
from lkca_exp.runs.record import read
from tests.conftest import TINY
from tests.interrupted import losing_the_gpu

CHECKOUT = Path(__file__).parents[2]


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


def test_a_run_that_loses_the_gpu_is_recorded(job, monkeypatch, caplog):
    """After such an error every call to the GPU raises it again, that of the handler too."""
    run = run_of(job())

    def lost(*_):
        raise RuntimeError("CUDA error: an illegal memory access was encountered\nCUDA kernel errors ...")

    def fail(*_):
        monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
        monkeypatch.setattr(torch.cuda, "synchronize", lost)
        lost()

    monkeypatch.setattr(lifecycle, "fit", fail)
    with pytest.raises(GpuLostError):
        train(run)
    record = read(run.directory)
    assert record.status == "failed"
    assert "illegal memory access" in record.error.message
    assert "the GPU is lost to this process" in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "seeds", "finished", "failed"),
    [
        (["hydra/launcher=basic"], {1, 3}, {0, 2, 4}, {1, 3}),
        (["hydra/launcher=joblib"], {1, 3}, {0, 2, 4}, {1, 3}),
        (["hydra/launcher=basic"], {0, 1, 2, 3, 4}, set(), {0, 1, 2, 3}),
        (["hydra/launcher=basic", "on_failure=stop"], {1}, {0}, {1}),
        (["hydra/launcher=basic", "force=true"], {1}, {0}, {1}),
        (["hydra/launcher=basic", "hydra/sweeper=basic"], {1}, {0, 2, 3, 4}, {1}),
    ],
    ids=["own process", "workers", "lost every time", "told to stop", "all again", "another sweeper"],
)
def test_after_a_lost_gpu_a_sweep_goes_on_in_another_process_or_ends(cli, tmp_path, words, seeds, finished, failed):
    (tmp_path / "sitecustomize.py").write_text(losing_the_gpu(f"run.config.seed in {seeds}"))
    done = cli(*TINY, "-m", "seed=0,1,2,3,4", *words, PYTHONPATH=f"{tmp_path}:{CHECKOUT}")
    assert done.returncode == 1
    records = [read(folder) for folder in tmp_path.glob("runs/*/*-s*")]
    assert {record.seed for record in records if record.status == "finished"} == finished
    assert {record.seed for record in records if record.status == "failed"} == failed
    assert all(len(record.attempts) == 1 for record in records)
    assert not [*tmp_path.glob("runs/*/.sweep-*")]


def test_runs_that_lack_memory_fail_alike_whatever_they_ask_for(tmp_path):
    journal = Journal(tmp_path / "journal")
    for number in range(ALIKE_TO_STOP):
        assert not journal.reason_to_stop("continue")
        error = torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {number} GiB.")
        journal.note(RunFailedError(f"run {number}", out_of_memory(error)).kind, images=100)
    assert journal.reason_to_stop("continue") == "the first 3 runs failed alike"
    assert RunFailedError("run", "ValueError: 1").kind != RunFailedError("run", "ValueError: 2").kind
