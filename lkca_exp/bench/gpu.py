"""What a GPU does with this project: the operator, steps of whole models and their kernels, the loader, jobs at once.

Times are of the device, by CUDA events over several steps at a time, so that the host's part shows where it is the
slower one, as it does in training. On a CPU, which this bench takes with `--device cpu` to be tried out, they are of
its clock. Shapes: B images a batch, n x n tokens, K kernel side.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from rich.console import Console
from torch.profiler import ProfilerActivity, profile

from lkca_exp.bench import op
from lkca_exp.bench.clock import milliseconds
from lkca_exp.bench.contenders import contenders, paper_contenders
from lkca_exp.bench.data import BATCH_SIZE, images_per_s, synthetic
from lkca_exp.bench.data import ours as our_loader
from lkca_exp.bench.machine import matmul_peak, name_of, table_of
from lkca_exp.bench.model import FORMS, Way, training_step
from lkca_exp.models.compilation import works
from lkca_exp.runs.record import read_finished

BATCH = 128
GRIDS_AND_SIDES = ((8, 3), (8, 7), (8, 15), (16, 3), (16, 7), (16, 31))
PRECISIONS = ("fp32", "tf32", "bf16")
IN_EVERY_PRECISION = ("lkca_t", "vit_lite")
"""And compiled, which takes half a minute each time. The others are measured in bfloat16."""
PRODUCTS = ("gemm", "nvjet", "cutlass", "xmma", "fmha", "flash")
"""Parts of the names of kernels that are matrix products or attention, as NVIDIA's libraries and torch name them."""
CHUNKS = (1024, 4096, 8192, 16384)
JOBS = (1, 2, 4, 8)
EPOCHS_OF_A_JOB = 100
PUBLISHED = "as published"
"""The authors' own form of LKCA, thousands of kernels' work: it is left to `bench model`."""

Step = Callable[[], object]


class Part(NamedTuple):
    """A part of the bench, what its table is called, and its rows."""

    title: str
    rows: Callable[[str, int, bool], Iterator[dict[str, Any]]]


def run(device: str, rounds: int, names: Sequence[str], small: bool) -> dict[str, Any]:
    """Measure the parts of these names, print their tables, return the figures. `small` takes little of each, to see
    that all works."""
    console = Console(width=160)
    machine = {
        "device": name_of(device),
        "torch": torch.__version__,
        "peak_tflops": {precision: matmul_peak(device, precision) / 1e12 for precision in PRECISIONS},
    }
    parts: dict[str, list[dict[str, Any]]] = {}
    for name in names:
        parts[name] = []
        for row in PARTS[name].rows(device, rounds, small):
            parts[name].append(row)
            print("  ".join(f"{heading} {value}" for heading, value in _shown(row).items()), file=sys.stderr)
        console.print(table_of(f"{PARTS[name].title}, {machine['device']}", map(_shown, parts[name])))
    return machine | {"rounds": rounds, "parts": parts}


def as_markdown(figures: dict[str, Any]) -> str:
    """The same tables for docs/gpu.md."""
    peaks = ", ".join(f"{name} {peak:.0f}" for name, peak in figures["peak_tflops"].items())
    lines = [f"On {figures['device']}, torch {figures['torch']}; peak of the matrix product in TFLOP/s: {peaks}."]
    for name, rows in figures["parts"].items():
        shown = [_shown(row) for row in rows]
        lines += ["", f"{PARTS[name].title}:", "", _line(shown[0]), _line(dict.fromkeys(shown[0], "---:"))]
        lines += [_line(dict(zip(row, row.values(), strict=True)), values=True) for row in shown]
    return "\n".join(lines) + "\n"


def operator(device: str, rounds: int, small: bool) -> Iterator[dict[str, Any]]:
    """One step forward and backward of each backend, of cuDNN in both layouts, and of fused attention."""
    cases = itertools.product(GRIDS_AND_SIDES[:1] if small else GRIDS_AND_SIDES, op.SHARINGS, PRECISIONS)
    for (n, side), sharing, precision in cases:
        batch = 2 if small else max(BATCH * 64 // n**2, 1)
        figures = op.measure(op.Case(n, side, sharing, precision, batch), rounds, device)
        times = {name: figures["ms"].get(name) for name in (*op.BACKENDS[device], *op.REFERENCES)}
        yield {"n": n, "K": side, "kernel per": sharing, "in": precision, **times, "rule": figures["auto"]}


def models(device: str, rounds: int, small: bool) -> Iterator[dict[str, Any]]:
    """Training steps with AdamW of the paper's models, of timm's ViT and vit-pytorch's. Of the fastest way: how many
    kernels it has, how long they take and how much of that matrix products; and its rate as a share of the peak of the
    matrix product in the same precision (MFU)."""
    paper = [each for each in paper_contenders() if PUBLISHED not in each.name]
    compiler = device == "cuda" and works(device)
    batch = 2 if small else BATCH
    for contender in paper[:1] if small else [*paper, *contenders()]:
        thorough = contender.name in IN_EVERY_PRECISION
        for precision in PRECISIONS if thorough else PRECISIONS[-1:]:
            forms = ["eager"] if device == "cpu" else ["eager", "graph"]
            if thorough and compiler:
                forms.append("compiled graph")
            torch.compiler.reset()
            steps = {form: training_step(contender, Way(precision, form), batch, device) for form in forms}
            ms = {form: milliseconds(step, device, rounds) for form, step in steps.items()}
            fastest = min(ms, key=lambda form: ms[form])
            step_flops = 3 * contender.flops_per_image * batch
            yield {
                "model": contender.name,
                "in": precision,
                **{f"{form}, ms": ms.get(form) for form in FORMS["cuda"]},
                **kernels(steps[fastest], device)._asdict(),
                "images/s": round(1000 * batch / ms[fastest]),
                "% of peak": 100 * step_flops / (ms[fastest] / 1000) / matmul_peak(device, precision),
            }


class Kernels(NamedTuple):
    """How many a step starts, how long they take together, and how much of that matrix products do; None on a CPU."""

    kernels: int | None = None
    kernels_ms: float | None = None
    percent_in_products: float | None = None


def kernels(step: Step, device: str) -> Kernels:
    if device != "cuda":
        return Kernels()
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # else the profiler logs every start
    step()
    torch.cuda.synchronize()
    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        step()
        torch.cuda.synchronize()
    on_device = [event for event in profiler.events() if event.device_type == torch.autograd.DeviceType.CUDA]
    times = [(event.name, event.time_range.elapsed_us() / 1000) for event in on_device]
    total = sum(ms for _, ms in times)
    products = sum(ms for name, ms in times if any(part in name for part in PRODUCTS))
    return Kernels(len(times), total, 100 * products / max(total, 1e-9))


def loader(device: str, rounds: int, small: bool) -> Iterator[dict[str, Any]]:
    """Images a second of the training batches alone, by the number of images that are augmented together."""
    for recipe in ("light", "lee2021"):
        for chunk in CHUNKS[:1] if small else CHUNKS:
            split = synthetic(32, images=BATCH_SIZE * 4 if small else 2 * max(CHUNKS))
            passes = our_loader(recipe, split, [], device=device, chunk_images=chunk)
            images_per_s(passes, device)  # warms up
            yield {"recipe": recipe, "chunk": chunk, "images/s": round(images_per_s(passes, device))}


def jobs(device: str, rounds: int, small: bool) -> Iterator[dict[str, Any]]:
    """Runs of digits side by side in processes of their own, started together: how many are done in a minute, starts
    included, and on how many images a second all of them train by their records."""
    accelerator = "gpu" if device == "cuda" else "cpu"
    for count in JOBS[:1] if small else JOBS:
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            words = [
                f"epochs={1 if small else EPOCHS_OF_A_JOB}",
                "logger=none",
                "trainer.progress_bar=false",
                f"trainer={accelerator}",
                f"trainer.memory_share={1 / count}",
                f"paths.runs={folder}",
            ]
            command = [sys.executable, "-m", "lkca_exp", *words]
            running = [
                subprocess.Popen([*command, f"seed={seed}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                for seed in range(count)
            ]
            failed = sum(process.wait() != 0 for process in running)
            seconds = time.perf_counter() - start
            records = [read_finished(file.parent) for file in Path(folder).glob("*/*/run.json")]
        yield {
            "jobs at once": count,
            "seconds": seconds,
            "runs/minute": 60 * count / seconds,
            "images/s": round(sum(record.speed["train_images_per_s"] for record in records if record)),
            "failed": failed,
        }


PARTS = {
    "op": Part("The operator, ms a step forward and backward", operator),
    "loader": Part(f"Training batches of 32 x 32 images, by chunk, batches of {BATCH_SIZE}", loader),
    "jobs": Part("Runs side by side on one card", jobs),
    "models": Part(f"Training steps, batches of {BATCH}", models),
}


def _shown(row: dict[str, Any]) -> dict[str, str]:
    return {name: "" if value is None else _number(value) for name, value in row.items()}


def _number(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.3g}" if value < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _line(row: dict[str, str], values: bool = False) -> str:
    cells = row.values() if values or "---:" in row.values() else row
    return f"| {' | '.join(cells)} |"
