"""Which backend is the fastest: a rule for each kind of device, so that equal runs compute in equal ways.

They are what `python -m lkca_exp.bench op` measured, forward and backward with both gradients: on a Xeon, and in CUDA
graphs on an H200.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lkca_exp.models.large_kernel import direct

MOST_WEIGHTS = 2**24
"""Numbers in the matrices of all kernels on a GPU: 64 MiB in float32, and their gradient takes some times as much."""


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
    return _rule_on_gpu(problem)


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


def _rule_on_gpu(problem: Problem) -> str:
    """Measured on 8 x 8 and 16 x 16 tokens. The matrix product is the faster, up to 130 times, but where torch has a
    convolution in bfloat16 that is made for small kernels, and there is more than one. Its matrices have to fit, those
    of the gradient too. For N beyond 8 K^2 nothing was measured, and the convolution multiplies far less."""
    num_tokens = problem.grid[0] * problem.grid[1]
    small = problem.dtype == torch.bfloat16 and problem.side <= 7 and problem.num_kernels > 1
    fits = problem.num_kernels * num_tokens**2 <= MOST_WEIGHTS
    return "toeplitz" if fits and not small and num_tokens <= 8 * problem.side**2 else "convolution"
