"""The large-kernel operator: every backend beside conv2d and fused attention, one step forward and backward each.

A case is a grid of n x n tokens, a kernel side, a sharing and a dtype. All that is compared in a case takes turns of a
few steps, so that a machine that slows down slows all of it; ratios are to be trusted, times less.
"""

from __future__ import annotations

import itertools
import os
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from rich.console import Console
from rich.progress import track
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from lkca_exp.bench.machine import in_gflops, matmul_peak, table_of
from lkca_exp.models.large_kernel import direct, large_kernel_mix
from lkca_exp.models.large_kernel.rule import Problem, fastest_backend

CHANNELS, NUM_HEADS = 192, 12
SHARINGS = {"channel": CHANNELS, "head": NUM_HEADS, "all": 1}
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
SIDES = (3, 5, 7, 11, 15)
TABLE_WIDTH = 180
TURN_SECONDS = 0.03
REFERENCES = ("conv2d", "channels_last", "attention fp32", "attention bf16")
BACKENDS = ("convolution", "toeplitz", "direct")


class Case(NamedTuple):
    """`batch` images of n x n tokens."""

    n: int
    side: int
    sharing: str
    dtype: str
    batch: int

    def __str__(self) -> str:
        return f"n={self.n} K={self.side} {self.dtype} per {self.sharing}, B={self.batch}"


def grid_of_cases(
    grids: Iterable[int], sides: Iterable[int] | None, sharings: Iterable[str], dtypes: Iterable[str]
) -> Iterator[Case]:
    """Every combination; `sides` None: the usual ones and 2n-1. Larger grids have smaller batches."""
    for n, sharing, dtype in itertools.product(grids, sharings, dtypes):
        batch = max(min(128, 8192 // n**2), 1)
        for side in sorted({*(sides or (*SIDES, 2 * n - 1))}):
            if side <= 2 * n - 1:
                yield Case(n, side, sharing, dtype, batch)


def run(cases: Iterable[Case], rounds: int) -> dict[str, Any]:
    """Measure these cases, print a table, return the figures."""
    console = Console(width=TABLE_WIDTH)
    peaks = {name: matmul_peak(dtype) for name, dtype in DTYPES.items()}
    figures = {}
    for case in track(list(cases), "measuring", console=console, transient=True):
        figures[str(case)] = measure(case, rounds, peaks[case.dtype])
    title = f"ms a step, C={CHANNELS}, {torch.get_num_threads()} CPU threads, median of {rounds} rounds"
    console.print(table_of(title, (_row(*case) for case in figures.items())))
    console.print(
        f"Peak of the matrix product: {in_gflops(peaks)}. Share of it by the N x N products of the attention view."
    )
    return {"peak_flops": peaks, "threads": torch.get_num_threads(), "rounds": rounds, "cases": figures}


def measure(case: Case, rounds: int, peak: float) -> dict[str, Any]:
    """Milliseconds, share of the peak and megabytes of each, and what auto chooses."""
    steps = _steps(case)
    for step in steps.values():
        step()  # compiles, and fills caches
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            seconds[name].append(_turn(step))
    ms = {name: 1000 * statistics.median(times) for name, times in seconds.items()}
    grid, num_kernels = (case.n, case.n), SHARINGS[case.sharing]
    problem = Problem(case.batch, grid, CHANNELS, num_kernels, case.side, DTYPES[case.dtype], "cpu")
    auto = fastest_backend(problem)
    attention = min(ms["attention fp32"], ms["attention bf16"])
    others = {"conv2d": ms["conv2d"], "channels_last": ms["channels_last"], "attention": attention}
    flops = 3 * 2 * case.batch * case.n**4 * CHANNELS
    return {
        "ms": ms,
        "auto": auto,
        "share_of_peak_percent": 100 * flops / (ms[auto] / 1000) / peak,
        "memory_mb": {name: _peak_memory(step) / 1e6 for name, step in steps.items()},
        "times_as_fast_as": {name: other / ms[auto] for name, other in others.items()},
        "auto_over_best": ms[auto] / min(ms[name] for name in BACKENDS if name in ms),
    }


def _turn(step: Callable[[], object]) -> float:
    """Seconds of a step among its like: the first of a turn find caches and memory as a neighbour left them."""
    seconds: list[float] = []
    while not seconds or sum(seconds) < TURN_SECONDS:
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def _steps(case: Case) -> dict[str, Callable[[], object]]:
    """Name -> one step, forward and backward, of the backends and of what they are compared with."""
    dtype, grid = DTYPES[case.dtype], (case.n, case.n)
    tokens = torch.randn(case.batch, case.n**2, CHANNELS).to(dtype).requires_grad_()
    upstream = torch.randn(case.batch, case.n**2, CHANNELS).to(dtype)
    kernel = torch.randn(SHARINGS[case.sharing], case.side, case.side, requires_grad=True)
    steps: dict[str, Callable[[], object]] = {}
    for backend in BACKENDS if direct.works() else BACKENDS[:2]:
        steps[backend] = _step(lambda x, k, b=backend: large_kernel_mix(x, k, grid, b), (tokens, kernel), upstream)
    image = tokens.detach().unflatten(1, grid).permute(0, 3, 1, 2)
    weight = kernel.detach().repeat_interleave(CHANNELS // len(kernel), 0)[:, None].to(dtype).requires_grad_()
    for name, layout in (("conv2d", torch.contiguous_format), ("channels_last", torch.channels_last)):
        here = image.contiguous(memory_format=layout).requires_grad_()
        gradient = upstream.unflatten(1, grid).permute(0, 3, 1, 2).contiguous(memory_format=layout)
        steps[name] = _step(
            lambda x, w: F.conv2d(x, w, padding=case.side // 2, groups=CHANNELS), (here, weight), gradient
        )
    for name, kind in DTYPES.items():
        qkv = torch.randn(3, case.batch, NUM_HEADS, case.n**2, CHANNELS // NUM_HEADS).to(kind)
        inputs = tuple(part.clone().requires_grad_() for part in qkv)
        steps[f"attention {name}"] = _step(F.scaled_dot_product_attention, inputs, torch.randn_like(qkv[0]))
    return steps


def _step(mix: Callable[..., Tensor], inputs: tuple[Tensor, ...], upstream: Tensor) -> Callable[[], object]:
    return lambda: torch.autograd.grad(mix(*inputs), inputs, upstream)


def _peak_memory(step: Callable[[], object]) -> int:
    """Bytes at the peak, beyond what there was before: results and what is kept for them included."""
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # else the profiler logs every start
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        step()
    allocations = [e for e in profiler.profiler.kineto_results.events() if e.name() == "[memory]"]
    held = itertools.accumulate(e.nbytes() for e in sorted(allocations, key=lambda e: e.start_ns()))
    return max(held, default=0)


def _row(name: str, case: dict[str, Any]) -> dict[str, str]:
    ms = {column: f"{case['ms'][column]:.2f}" if column in case["ms"] else "" for column in (*BACKENDS, *REFERENCES)}
    return {
        "": name,
        **ms,
        "auto": case["auto"],
        "/ best": f"{case['auto_over_best']:.2f}",
        "x conv2d, channels_last, attention": " / ".join(f"{ratio:.3g}" for ratio in case["times_as_fast_as"].values()),
        "% peak": f"{case['share_of_peak_percent']:.0f}",
        "MB": f"{case['memory_mb'][case['auto']]:.0f}",
    }
