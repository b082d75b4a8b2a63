"""What the machine can do at most, and how a bench shows what it measured."""

from __future__ import annotations

import time
from collections.abc import Iterable

import torch
from rich.table import Table

MOST_SECONDS = 1.0
"""After which no further repeat begins."""


def matmul_peak(dtype: torch.dtype = torch.float32, side: int = 2048, repeats: int = 9) -> float:
    """The best rate of a square matrix product on the CPU, in operations per second. A machine that is slow at it, such
    as one without instructions for bfloat16, gets fewer repeats."""
    a, b = torch.randn(2, side, side).to(dtype)
    best, begun = float("inf"), time.perf_counter()
    for _ in range(repeats):
        start = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - start)
        if time.perf_counter() - begun > MOST_SECONDS:
            break
    return 2 * side**3 / best


def in_gflops(peaks: dict[str, float]) -> str:
    """Name and peak of each dtype, for people."""
    return ", ".join(f"{name} {peak / 1e9:.0f} GFLOP/s" for name, peak in peaks.items())


def table_of(title: str, rows: Iterable[dict[str, str]]) -> Table:
    """A line for each of `rows`, under the keys of the first; all columns but the first are flush right."""
    rows, table = list(rows), Table(title=title)
    for number, heading in enumerate(rows[0]):
        table.add_column(heading, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row.values())
    return table
