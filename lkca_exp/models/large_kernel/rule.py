"""Which backend is the fastest: a rule on a CPU, measured once for each problem on other devices.

The rule is what `python -m lkca_exp.bench op` measured, forward and backward with both gradients.
"""

from __future__ import annotations

import functools
import logging
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from lkca_exp.models.large_kernel import convolution, direct, toeplitz

log = logging.getLogger(__name__)

NUM_TIMED = 5
"""Steps of each backend that are timed on a device without a rule, after one that warms up."""


class Problem(NamedTuple):
    """All that the speed of a backend depends on, beside the machine. K = `side`; `device` as in torch.device.type."""

    batch: int
    grid: tuple[int, int]
    channels: int
    num_kernels: int
    side: int
    dtype: torch.dtype
    device: str

    @classmethod
    def of(cls, tokens: Tensor, kernel: Tensor, grid: tuple[int, int]) -> Problem:
        num_kernels, side, _ = kernel.shape
        return cls(tokens.shape[0], grid, tokens.shape[2], num_kernels, side, tokens.dtype, tokens.device.type)


def fastest_backend(problem: Problem, compiler: bool | None = None) -> str:
    """The name of a backend. `compiler`: whether a C++ compiler works here; None: it is tried."""
    if problem.device in ("cpu", "meta"):
        if compiler is None:
            compiler = not torch.compiler.is_compiling() and direct.works()
        return _rule(problem) if compiler else _rule_without_compiler(problem)
    return "toeplitz" if torch.compiler.is_compiling() else _measured(problem)


def _rule_without_compiler(problem: Problem) -> str:
    """On a CPU. A matrix costs the same for every K; the convolution costs more with K^2, and several times that in
    bfloat16. What decides between them is the size of the matrices and how many there are."""
    num_tokens = problem.grid[0] * problem.grid[1]
    shared, per_channel = problem.num_kernels == 1, problem.num_kernels == problem.channels
    low_precision = problem.dtype == torch.bfloat16
    if low_precision and shared and num_tokens <= 64:
        smallest = 3
    elif low_precision:
        smallest = 9 if per_channel and num_tokens > 64 else 5
    elif num_tokens <= 16:
        smallest = 3 if shared else 5
    elif num_tokens <= 64:
        smallest = 5 if shared else 7
    elif shared:
        smallest = 7
    else:
        smallest = 13 if per_channel else 9
    return "toeplitz" if problem.side >= smallest else "convolution"


def _rule(problem: Problem) -> str:
    """On a CPU with a compiler `direct` is the fastest but where the convolution does little, and where the matrix
    product does: few matrices, mostly full, and better still in bfloat16."""
    num_tokens, n = problem.grid[0] * problem.grid[1], max(problem.grid)
    low_precision = problem.dtype == torch.bfloat16
    smallest: float = 2 * n + 1  # of a kernel that is better written as a matrix; no kernel is as large
    if problem.num_kernels == 1:
        if num_tokens <= 16:
            smallest = 3
        elif low_precision:
            smallest = n - 1
        else:
            smallest = n if num_tokens <= 64 else 1.5 * n
    elif low_precision and problem.num_kernels < problem.channels and num_tokens > 64:
        smallest = 1.5 * n
    if problem.side >= smallest:
        return "toeplitz"
    return "convolution" if problem.side <= 3 and not low_precision else "direct"


@functools.lru_cache(maxsize=256)
def _measured(problem: Problem) -> str:
    """The faster of the backends that need no compiler, timed on this device."""
    mixes = {"convolution": convolution.mix, "toeplitz": toeplitz.mix}
    seconds = {name: _time(mix, problem) for name, mix in mixes.items()}
    log.debug("large-kernel backends for %s: %s", problem, {name: f"{s * 1e3:.3g} ms" for name, s in seconds.items()})
    return min(seconds, key=lambda name: seconds[name])


def _time(mix: Callable[[Tensor, Tensor, tuple[int, int]], Tensor], problem: Problem) -> float:
    """Seconds of one step, forward and backward; the median of a few."""
    batch, grid, channels, num_kernels, side, dtype, device = problem
    with torch.inference_mode(False), torch.enable_grad():
        tokens = torch.ones(batch, grid[0] * grid[1], channels, dtype=dtype, device=device, requires_grad=True)
        kernel = torch.ones(num_kernels, side, side, device=device, requires_grad=True)

        seconds = []
        for _ in range(NUM_TIMED + 1):
            start = time.perf_counter()
            torch.autograd.grad(mix(tokens, kernel, grid).sum(), (tokens, kernel))
            if device != "cpu":
                torch.accelerator.synchronize()
            seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])
