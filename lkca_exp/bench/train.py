"""Our training against a bare PyTorch loop of the same model, batches, optimiser and schedule.

Both run from the first step of an epoch to the end of the last one, turn by turn in one process. Ours includes all
that a run does meanwhile: metrics, the epoch's row, the record, the checkpoint. The bare loop does none of it.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from rich.console import Console
from torch import nn

from lkca_exp.bench.machine import matmul_peak, name_of, table_of
from lkca_exp.config.job import Job, compose
from lkca_exp.config.machine import available_cpus
from lkca_exp.config.schema import PathsConfig
from lkca_exp.data.prepare import RunData, prepare
from lkca_exp.engine.fit import build_datamodule, fit
from lkca_exp.engine.lifecycle import begin
from lkca_exp.models.build import build_model, flops_per_image, no_weight_decay
from lkca_exp.runs.run import Run
from lkca_exp.training.device import choose_threads, set_up_device, uses_gpu
from lkca_exp.training.optim import build_optimizer
from lkca_exp.training.schedule import build_schedule

CASES = {
    "digits": ["+experiment=digits_compare", "epochs=4"],
    "Fashion-MNIST": ["+experiment=fashion_mnist_scarce", "epochs=2"],
}
"""Name -> overrides of what is trained. A round of each is `epochs` long."""


class Stopwatch(pl.Callback):
    """Seconds from the first step of training to the end of the last epoch."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.start = time.perf_counter()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.seconds = time.perf_counter() - self.start
        self.num_steps = trainer.global_step


def run(rounds: int, device: str) -> dict[str, Any]:
    """Measure all cases, print the table, return the figures."""
    peak = matmul_peak(device, "fp32")
    cases = {name: measure(job, rounds, peak) for name, job in _jobs(device)}
    console = Console()
    title = f"Training, {name_of(device)}, median of {rounds} rounds"
    console.print(table_of(title, (_row(*case) for case in cases.items())))
    console.print(f"Peak of the fp32 matrix product: {peak / 1e9:.0f} GFLOP/s.")
    return {"peak_fp32_flops": peak, "threads": torch.get_num_threads(), "rounds": rounds, "cases": cases}


def measure(job: Job, rounds: int, peak: float) -> dict[str, float]:
    """Medians over `rounds` of both loops, run turn by turn."""
    data = prepare(job.config)
    pairs = []
    for number in range(rounds + 1):
        bare, ours = bare_loop(job, data), lightning_loop(job, data)
        if number:  # the first pair warms up
            pairs.append((bare, ours))
    bare_ms, ours_ms = (1000 * statistics.median(seconds) for seconds in zip(*pairs, strict=True))
    model = build_model(job.config.model, job.derived)
    step_flops = 3 * flops_per_image(model, job.derived) * job.config.batch_size  # backward is two forward passes
    return {
        "bare_ms_per_step": bare_ms,
        "ours_ms_per_step": ours_ms,
        "overhead_ms_per_step": 1000 * statistics.median(ours - bare for bare, ours in pairs),
        "overhead_percent": 100 * (statistics.median(ours / bare for bare, ours in pairs) - 1),
        "bare_images_per_s": 1000 * job.config.batch_size / bare_ms,
        "ours_images_per_s": 1000 * job.config.batch_size / ours_ms,
        "ours_share_of_peak_percent": 100 * step_flops / (ours_ms / 1000) / peak,
    }


def run_busy(rounds: int) -> dict[str, Any]:
    """Measure all cases alone and beside a process that takes one CPU, print the table, return the figures."""
    cases = {name: busy_case(job, rounds) for name, job in _jobs("cpu")}
    console = Console()
    title = f"Training beside a process that takes one of {available_cpus()} CPUs, median of {rounds} rounds"
    console.print(table_of(title, ({"": name, **case} for name, case in cases.items())))
    console.print("A fair share is the speed alone, less one CPU of all.")
    return {"cpus": available_cpus(), "rounds": rounds, "cases": cases}


def busy_case(job: Job, rounds: int) -> dict[str, str]:
    """Steps/s alone; of a run that begins beside the process, with as many threads as it takes then; and of one that
    goes on with all threads when the process comes."""
    data = prepare(job.config)
    threads = torch.get_num_threads()

    def steps_per_s() -> float:
        return 1 / statistics.median(lightning_loop(job, data) for _ in range(rounds))

    alone = steps_per_s()
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        try:
            joined = steps_per_s()
            choose_threads(job.config.trainer)
            begun = steps_per_s()
        finally:
            torch.set_num_threads(threads)
            process.kill()
    fair = alone * (1 - 1 / available_cpus())
    return {
        "alone, steps/s": f"{alone:.1f}",
        "begun beside it": f"{begun:.1f}",
        "of a fair share": f"{begun / fair:.2f}",
        "joined by it": f"{joined:.1f}",
        "of a fair share ": f"{joined / fair:.2f}",
    }


def _jobs(device: str) -> Iterator[tuple[str, Job]]:
    trainer = {"cpu": "cpu", "cuda": "gpu"}[device]
    for data_set, overrides in CASES.items():
        for mixer in ("attention", "lkca"):
            yield (
                f"{data_set}, {mixer}",
                compose([*overrides, f"model/mixer={mixer}", f"trainer={trainer}", "logger=none"]),
            )


def lightning_loop(job: Job, data: RunData) -> float:
    """Seconds a step of a real run, in a folder that is thrown away."""
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        run = Run(replace(job.config, paths=PathsConfig(runs=folder)), job.derived)
        run.directory.mkdir(parents=True)
        fit(run, begin(run, None, data), data, callbacks=[watch])
    return watch.seconds / watch.num_steps


def bare_loop(job: Job, data: RunData) -> float:
    """Seconds a step of the same training, written out."""
    config = job.config
    set_up_device(config)
    device = "cuda" if uses_gpu(config.trainer) else "cpu"
    model = build_model(config.model, job.derived, config.seed).to(device)
    optimizer = build_optimizer(model, config.optim, no_weight_decay(model))
    epoch = 0
    loader = build_datamodule(job, data).train_loader(lambda: epoch, device=device)
    num_steps, num_warmup = config.epochs * len(loader), round(job.derived.warmup_epochs * len(loader))
    schedule = build_schedule(optimizer, config.optim, num_steps, num_warmup)
    model.train()
    start = time.perf_counter()
    for epoch in range(config.epochs):  # noqa: B007 - the loader asks for it
        for images, labels in loader:
            loss = F.cross_entropy(model(images), labels, label_smoothing=config.optim.label_smoothing)
            optimizer.zero_grad()
            loss.backward()
            if config.optim.clip_norm is not None:
                nn.utils.clip_grad_norm_(model.parameters(), config.optim.clip_norm)
            optimizer.step()
            schedule.step()
    if device == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - start) / num_steps


def _row(name: str, case: dict[str, float]) -> dict[str, str]:
    return {
        "": name,
        "bare ms/step": f"{case['bare_ms_per_step']:.2f}",
        "ours ms/step": f"{case['ours_ms_per_step']:.2f}",
        "overhead ms": f"{case['overhead_ms_per_step']:.2f}",
        "overhead %": f"{case['overhead_percent']:.1f}",
        "ours images/s": f"{case['ours_images_per_s']:,.0f}",
        "% of peak": f"{case['ours_share_of_peak_percent']:.1f}",
    }
