"""The large-kernel operator: every backend beside conv2d and fused attention, one step forward and backward each.

A case is a grid of n x n tokens, a kernel side, a sharing and a precision. All that is compared in a case takes turns
of a few steps, so that a machine that slows down slows all of it; ratios are to be trusted, times less.
"""

from __future__ import annotations

import functools
import itertools
import os
import statistics
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from rich.console import Console
from rich.progress import track
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from lkca_exp.bench.cases import PRECISIONS
from lkca_exp.bench.clock import turn
from lkca_exp.bench.machine import in_gflops, matmul_peak, name_of, set_precision, table_of
from lkca_exp.models.large_kernel import direct, large_kernel_mix
from lkca_exp.models.large_kernel.rule import Problem, fastest_backend
from lkca_exp.training.step_graph import StepGraph

CHANNELS, NUM_HEADS = 192, 12
SHARINGS = {"channel": CHANNELS, "head": NUM_HEADS, "all": 1}
SIDES = (3, 5, 7, 11, 15)
TABLE_WIDTH = 180
REFERENCES = ("conv2d", "channels_last", "attention fp32", "attention bf16")
BACKENDS = {"cpu": ("convolution", "toeplitz", "direct"), "cuda": ("convolution", "toeplitz")}


class Case(NamedTuple):
    """`batch` images of n x n tokens."""

    n: int
    side: int
    sharing: str
    precision: str
    batch: int

    def __str__(self) -> str:
        return f"n={self.n} K={self.side} {self.precision} per {self.sharing}, B={self.batch}"


def grid_of_cases(
    grids: Iterable[int], sides: Iterable[int] | None, sharings: Iterable[str], precisions: Iterable[str]
) -> Iterator[Case]:
    """Every combination; `sides` None: the usual ones and 2n-1. Larger grids have smaller batches."""
    for n, sharing, precision in itertools.product(grids, sharings, precisions):
        batch = max(min(128, 8192 // n**2), 1)
        for side in sorted({*(sides or (*SIDES, 2 * n - 1))}):
            if side <= 2 * n - 1:
                yield Case(n, side, sharing, precision, batch)


def run(cases: Iterable[Case], rounds: int, device: str) -> dict[str, Any]:
    """Measure these cases, print a table, return the figures."""
    console = Console(width=TABLE_WIDTH)
    figures = {}
    for case in track(list(cases), "measuring", console=console, transient=True):
        figures[str(case)] = measure(case, rounds, device)
    title = f"ms a step, C={CHANNELS}, {name_of(device)}, median of {rounds} rounds"
    console.print(table_of(title, (_row(*case, device) for case in figures.items())))
    peaks = {precision: matmul_peak(device, precision) for precision in PRECISIONS}
    console.print(
        f"Peak of the matrix product: {in_gflops(peaks)}. Share of it by the N x N products of the attention view."
    )
    return {"peak_flops": peaks, "threads": torch.get_num_threads(), "rounds": rounds, "cases": figures}


def measure(case: Case, rounds: int, device: str) -> dict[str, Any]:
    """Milliseconds, share of the peak and megabytes of each, and what auto chooses."""
    peak, dtype = matmul_peak(device, case.precision), set_precision(case.precision)
    steps = _steps(case, dtype, device)
    for step in steps.values():
        step()  # compiles, and fills caches
    memory = {name: _peak_memory(step, device) / 1e6 for name, step in steps.items()}
    if device == "cuda":  # as in training, where starting kernels one by one would take longer than they do
        steps = {name: StepGraph(step) for name, step in steps.items()}
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            seconds[name].append(turn(step, device))
    ms = {name: 1000 * statistics.median(times) for name, times in seconds.items()}
    problem = Problem(case.batch, (case.n, case.n), CHANNELS, SHARINGS[case.sharing], case.side, dtype, device)
    auto = fastest_backend(problem)
    attention = min(ms["attention fp32"], ms["attention bf16"])
    others = {"conv2d": ms["conv2d"], "channels_last": ms["channels_last"], "attention": attention}
    flops = 3 * 2 * case.batch * case.n**4 * CHANNELS
    return {
        "ms": ms,
        "auto": auto,
        "share_of_peak_percent": 100 * flops / (ms[auto] / 1000) / peak,
        "memory_mb": memory,
        "times_as_fast_as": {name: other / ms[auto] for name, other in others.items()},
        "auto_over_best": ms[auto] / min(ms[name] for name in BACKENDS[device] if name in ms),
    }


def _steps(case: Case, dtype: torch.dtype, device: str) -> dict[str, Callable[[], object]]:
    """Name -> one step, forward and backward, of the backends and of what they are compared with."""
    grid = (case.n, case.n)
    tokens = torch.randn(case.batch, case.n**2, CHANNELS, device=device).to(dtype).requires_grad_()
    upstream = torch.randn(case.batch, case.n**2, CHANNELS, device=device).to(dtype)
    kernel = torch.randn(SHARINGS[case.sharing], case.side, case.side, device=device, requires_grad=True)
    steps = {name: _step(mix, (tokens, kernel), upstream) for name, mix in _backends(grid, device).items()}
    image = tokens.detach().unflatten(1, grid).permute(0, 3, 1, 2)
    weight = kernel.detach().repeat_interleave(CHANNELS // len(kernel), 0)[:, None].to(dtype).requires_grad_()
    for name, layout in (("conv2d", torch.contiguous_format), ("channels_last", torch.channels_last)):
        here = image.contiguous(memory_format=layout).requires_grad_()
        gradient = upstream.unflatten(1, grid).permute(0, 3, 1, 2).contiguous(memory_format=layout)
        steps[name] = _step(
            lambda x, w: F.conv2d(x, w, padding=case.side // 2, groups=CHANNELS), (here, weight), gradient
        )
    for name, kind in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        qkv = torch.randn(3, case.batch, NUM_HEADS, case.n**2, CHANNELS // NUM_HEADS, device=device).to(kind)
        inputs = tuple(part.clone().requires_grad_() for part in qkv)
        steps[f"attention {name}"] = _step(F.scaled_dot_product_attention, inputs, torch.randn_like(qkv[0]))
    return steps


def _backends(grid: tuple[int, int], device: str) -> dict[str, Callable[..., Tensor]]:
    """Those that work here."""
    return {
        name: functools.partial(large_kernel_mix, grid=grid, backend=name)
        for name in BACKENDS[device]
        if name != "direct" or direct.works()
    }


def _step(mix: Callable[..., Tensor], inputs: tuple[Tensor, ...], upstream: Tensor) -> Callable[[], object]:
    return lambda: torch.autograd.grad(mix(*inputs), inputs, upstream)


def _peak_memory(step: Callable[[], object], device: str) -> int:
    """Bytes at the peak, beyond what there was before: results and what is kept for them included."""
    if device == "cuda":
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        step()
        return torch.cuda.max_memory_allocated() - before
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # else the profiler logs every start
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        step()
    allocations = [e for e in profiler.profiler.kineto_results.events() if e.name() == "[memory]"]
    held = itertools.accumulate(e.nbytes() for e in sorted(allocations, key=lambda e: e.start_ns()))
    return max(held, default=0)


def _row(name: str, case: dict[str, Any], device: str) -> dict[str, str]:
    columns = (*BACKENDS[device], *REFERENCES)
    ms = {column: f"{case['ms'][column]:.2f}" if column in case["ms"] else "" for column in columns}
    return {
        "": name,
        **ms,
        "auto": case["auto"],
        "/ best": f"{case['auto_over_best']:.2f}",
        "x conv2d, channels_last, attention": " / ".join(f"{ratio:.3g}" for ratio in case["times_as_fast_as"].values()),
        "% peak": f"{case['share_of_peak_percent']:.0f}",
        "MB": f"{case['memory_mb'][case['auto']]:.0f}",
    }
