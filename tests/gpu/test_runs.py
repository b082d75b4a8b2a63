"""Whole runs on a GPU."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest
import pytorch_lightning as pl
import torch
from safetensors.torch import load_file

from lkca_exp.config.errors import RunFailedError
from lkca_exp.data.content import run_of
from lkca_exp.data.prepare import prepare
from lkca_exp.engine import distributed, fit, lifecycle
from lkca_exp.engine.evaluate import evaluate
from lkca_exp.engine.lifecycle import begin, train
from lkca_exp.runs.checksums import METRICS
from lkca_exp.runs.record import read, read_finished
from lkca_exp.runs.rows import read_rows
from lkca_exp.runs.state import run_state
from lkca_exp.training.step_graph import WARM_UP_STEPS
from tests.conftest import TINY, environment
from tests.gpu import ON_A_GPU
from tests.interrupted import stop_after

pytestmark = ON_A_GPU
MIXERS = ("attention", "lkca", "lkca_depthwise")


def losses(run) -> list[float]:
    """Of every epoch."""
    rows, _ = read_rows(run.directory / METRICS)
    return [row["train/loss"] for row in rows]


@pytest.mark.parametrize("mixer", MIXERS)
@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-3), ("tf32", 5e-3), ("bf16", 1e-2)])
def test_it_learns_as_on_a_cpu(job, mixer, precision, tolerance, tmp_path):
    words = [f"model/mixer={mixer}", "epochs=10", "data.fraction=1", "optim.lr=0.003", "model.drop_path=0"]
    here = run_of(job("trainer=cpu", *words, f"paths.runs={tmp_path / 'cpu'}"))
    there = run_of(job("trainer=gpu", *words, f"precision={precision}"))
    train(here)
    train(there)
    assert losses(there) == pytest.approx(losses(here), rel=tolerance)
    record = read(there.directory)
    assert record.device["accelerator"] == "gpu"
    assert record.memory["of"] == "cuda"
    assert record.speed["data_wait_share"] < 1


class Strict(pl.Callback):
    """Once a step is recorded, nothing may wait for the GPU from the third step of an epoch to its end."""

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if batch_idx >= 2 and trainer.global_step > WARM_UP_STEPS:
            torch.cuda.set_sync_debug_mode("error")

    def on_validation_start(self, trainer, pl_module):
        torch.cuda.set_sync_debug_mode("default")

    def on_exception(self, trainer, pl_module, exception):
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("mixer", MIXERS)
@pytest.mark.parametrize("augment", ["light", "li2024"])
def test_a_step_waits_for_nothing(job, mixer, augment):
    run = run_of(
        job("trainer=gpu", f"model/mixer={mixer}", f"augment={augment}", "optim.ema_decay=0.9", "optim.clip_norm=1")
    )
    run.directory.mkdir(parents=True)
    data = prepare(run.config)
    fit.fit(run, begin(run, None, data), data, callbacks=[Strict()])


@pytest.mark.parametrize("mixer", MIXERS)
def test_a_deterministic_run_that_is_killed_and_continued_ends_with_the_same_bits(job, mixer, tmp_path):
    words = ["trainer=gpu", f"model/mixer={mixer}", "augment=li2024", "trainer.deterministic=true"]
    whole = run_of(job(*words))
    parted = run_of(job(*words, f"paths.runs={tmp_path / 'other'}"))
    train(whole)
    stop_after(parted, epochs=1)
    train(parted)
    assert len(read(parted.directory).attempts) == 2
    one, other = (load_file(run.directory / "weights.safetensors") for run in (whole, parted))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_run_begun_on_a_cpu_continues_on_a_gpu(job, monkeypatch):
    made = job("model/mixer=lkca")
    on_cpu = run_of(
        dataclasses.replace(made, config=dataclasses.replace(made.config, trainer=job("trainer=cpu").config.trainer))
    )
    with monkeypatch.context() as patch:
        patch.setattr(lifecycle, "fit", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(on_cpu)
    on_gpu = run_of(made)
    assert on_gpu.directory == on_cpu.directory
    train(on_gpu)
    record = read_finished(on_gpu.directory)
    assert record.device["accelerator"] == "gpu"
    assert record.warnings[-1] == "begun on a cpu and continued on a gpu"


def interrupted(*_, **__):
    raise KeyboardInterrupt


def test_one_process_of_ddp_trains_as_none(job, monkeypatch):
    """NCCL joins only what is on GPUs. The launcher is for several; here it starts one."""
    run = run_of(job("trainer=ddp", "trainer.devices=1", "model/mixer=lkca"))
    run.directory.mkdir(parents=True)
    data = prepare(run.config)
    outcome = distributed.launch(run, begin(run, None, data))
    assert 0 <= outcome["metrics"]["test/top1"] <= 1


@pytest.mark.parametrize("mixer", ["attention", "lkca"])
@pytest.mark.parametrize("compile", ["true", "false"])
def test_a_graph_computes_what_its_kernels_do(job, mixer, compile, tmp_path):
    words = ["trainer=gpu", f"model/mixer={mixer}", "epochs=10", "data.fraction=1", "optim.lr=0.003"]
    words += ["optim.ema_decay=0.9", "model.drop_path=0.1", "augment=li2024", "optim.clip_norm=1"]
    recorded = run_of(job(*words, f"compile={compile}"))
    plain = run_of(job(*words, "trainer.graphs=false", f"paths.runs={tmp_path / 'plain'}"))
    train(recorded)
    train(plain)
    assert losses(recorded) == pytest.approx(losses(plain), rel=1e-3)


def test_after_one_that_had_no_memory_a_run_trains(job):
    large = run_of(job("trainer=gpu", "trainer.memory_share=0.002", "model.width=1024", "model.depth=16"))
    with pytest.raises(RunFailedError, match="out of memory"):
        train(large)
    run = run_of(job("trainer=gpu"))
    train(run)
    assert read_finished(run.directory)


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16"])
def test_evaluation_gives_what_the_record_says(job, precision):
    run = run_of(job("trainer=gpu", f"precision={precision}", "model/mixer=lkca"))
    train(run)
    again = evaluate(run_state(run.directory))
    recorded = read_finished(run.directory).metrics
    assert again["top1"] == recorded["test/top1"]
    assert again["loss"] == pytest.approx(recorded["test/loss"], rel=1e-5)


def test_two_jobs_share_a_card(tmp_path):
    command = [sys.executable, "-m", "lkca_exp", *TINY, "trainer=gpu", "trainer.memory_share=0.4"]
    jobs = [
        subprocess.Popen([*command, f"seed={seed}"], cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True)
        for seed in range(2)
    ]
    for process in jobs:
        _, error = process.communicate(timeout=240)
        assert process.returncode == 0, error
    records = [json.loads(file.read_text()) for file in tmp_path.glob("runs/*/*/run.json")]
    assert [record["status"] for record in records] == ["finished"] * 2
