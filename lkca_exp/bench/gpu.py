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
from typing import Any, NamedTuple

import torch
from rich.console import Console
from torch.profiler import ProfilerActivity, profile

from lkca_exp.bench import op
from lkca_exp.bench.clock import milliseconds
from lkca_exp.bench.contenders import contenders, paper_contenders
from lkca_exp.bench.data import BATCH_SIZE, synthetic
from lkca_exp.bench.data import ours as our_loader
from lkca_exp.bench.machine import matmul_peak, name_of, table_of
from lkca_exp.bench.model import FORMS, Way, training_step
from lkca_exp.models.compilation import works

BATCH = 128
GRIDS_AND_SIDES = ((8, 3), (8, 7), (8, 15), (16, 7), (16, 31))
PRECISIONS = ("fp32", "tf32", "bf16")
COMPILED = ("lkca_t", "vit_lite")
"""In every precision, the other models of the paper in bf16 only: each takes half a minute or more."""
CHUNKS = (1024, 4096, 8192, 16384)
JOBS = (1, 2, 4, 8)
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
        parts[name] = list(PARTS[name].rows(device, rounds, small))
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
    """Training steps with AdamW of the paper's models, of timm's ViT and vit-pytorch's; the kernels of an eager one;
    and the best rate as a share of the peak of the matrix product in the same precision (MFU)."""
    paper = [each for each in paper_contenders() if PUBLISHED not in each.name]
    compiler = device == "cuda" and works(device)
    batch = 2 if small else BATCH
    for contender in paper[:1] if small else [*paper, *contenders()]:
        for precision in PRECISIONS:
            peak = matmul_peak(device, precision)
            row: dict[str, Any] = {"model": contender.name, "in": precision}
            compiled = compiler and (contender.name in COMPILED or (contender in paper and precision == "bf16"))
            for form in FORMS["cuda"]:
                row[f"{form}, ms"] = None
                if form == "eager" or compiled:
                    torch.compiler.reset()
                    step = training_step(contender, Way(precision, form), batch, device)
                    row[f"{form}, ms"] = milliseconds(step, device, rounds)
                    row.setdefault("kernels", kernels(step, device))
            best = min(value for name, value in row.items() if name.endswith("ms") and value is not None)
            row["images/s"] = round(1000 * batch / best)
            row["% of peak"] = 100 * 3 * contender.flops_per_image * batch / (best / 1000) / peak
            yield row


def kernels(step: Step, device: str) -> int | None:
    """How many kernels a step starts; None on a CPU."""
    if device != "cuda":
        return None
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # else the profiler logs every start
    step()
    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        step()
        torch.cuda.synchronize()
    on_device = (event for event in profiler.events() if event.device_type == torch.autograd.DeviceType.CUDA)
    return sum(1 for _ in on_device)


def loader(device: str, rounds: int, small: bool) -> Iterator[dict[str, Any]]:
    """Images a second of the training batches alone, by the number of images that are augmented together."""
    for recipe in ("light", "lee2021"):
        for chunk in CHUNKS[:1] if small else CHUNKS:
            split = synthetic(32, images=BATCH_SIZE * 4 if small else max(2 * chunk, 16384))
            passes = our_loader(recipe, split, [], device=device, chunk_images=chunk)

            def whole(passes: Callable[[], Iterator[Any]] = passes) -> None:
                for _ in passes():
                    pass

            rate = 1000 * len(split) / milliseconds(whole, device, rounds)
            yield {"recipe": recipe, "chunk": chunk, "images/s": round(rate)}


def jobs(device: str, rounds: int, small: bool) -> Iterator[dict[str, Any]]:
    """Runs of digits side by side in processes of their own, started together; by the wall clock, starts included."""
    accelerator = "gpu" if device == "cuda" else "cpu"
    for count in JOBS[:1] if small else JOBS:
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            words = [
                f"epochs={1 if small else 30}",
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
        yield {"jobs at once": count, "seconds": seconds, "runs/minute": 60 * count / seconds, "failed": failed}


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
