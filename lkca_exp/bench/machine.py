"""What the machine can do at most."""

from __future__ import annotations

import time

import torch


def matmul_peak(dtype: torch.dtype = torch.float32, side: int = 2048, repeats: int = 9) -> float:
    """The best rate of a square matrix product on the CPU, in operations per second."""
    a, b = torch.randn(2, side, side).to(dtype)
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - start)
    return 2 * side**3 / best
