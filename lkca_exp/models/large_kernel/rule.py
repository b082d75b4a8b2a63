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

from lkca_exp.models.large_kernel import convolution, toeplitz

log = logging.getLogger(__name__)

WORTH_COMPILING = 1.5e10
"""Numbers (images x blocks x tokens x channels) that a run mixes before compiling has paid for itself. A number takes
`direct` some 5 ns less than `toeplitz`, and its two kernels compile in half a minute on 8 x 8 tokens."""

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


def fastest_backend(problem: Problem, compiling: bool = False) -> str:
    """The name of a backend; `compiling` says that it may be `direct`, which is for CPUs with a C++ compiler."""
    if problem.device in ("cpu", "meta"):
        return _rule_compiling(problem) if compiling else _rule(problem)
    return "toeplitz" if torch.compiler.is_compiling() else _measured(problem)


def _rule(problem: Problem) -> str:
    """On a CPU without compiling. A matrix costs the same for every K; the convolution costs more with K^2, and several
    times that in bfloat16. What decides between them is the size of the matrices and how many there are."""
    num_tokens = problem.grid[0] * problem.grid[1]
    if problem.dtype == torch.bfloat16:
        dear = problem.num_kernels == problem.channels and num_tokens > 64
        return "toeplitz" if problem.side >= (9 if dear else 3) else "convolution"
    if problem.num_kernels == 1 or num_tokens <= 16:
        smallest = 5
    elif num_tokens <= 64:
        smallest = 7
    elif problem.num_kernels < problem.channels:
        smallest = 9
    else:
        smallest = 13
    return "toeplitz" if problem.side >= smallest else "convolution"


def _rule_compiling(problem: Problem) -> str:
    """On a CPU with a compiler. `direct` wins where each channel has a kernel, and where a matrix is mostly zeros; the
    convolution where the kernel is small beside a large grid; the fewer matrices there are and the lower the precision,
    the more the matrix product wins."""
    num_tokens = problem.grid[0] * problem.grid[1]
    if problem.dtype == torch.bfloat16:
        return "direct" if problem.num_kernels == problem.channels and num_tokens > 64 else _rule(problem)
    if problem.side <= 3:
        return "convolution"
    if problem.num_kernels == 1 or (problem.num_kernels < problem.channels and num_tokens > 64 and problem.side >= 11):
        return "toeplitz"
    return "convolution" if num_tokens > 64 and problem.side <= 7 else "direct"


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
