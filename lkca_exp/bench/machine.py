"""What the machine can do at most, and how a bench shows what it measured."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterable

import torch
from rich.table import Table

from lkca_exp.bench.clock import turn

MOST_SECONDS = 1.0
"""After which no further repeat begins."""
REPEATS = 9


def name_of(device: str) -> str:
    """The card, or how many threads of the CPU a bench has."""
    return torch.cuda.get_device_name() if device == "cuda" else f"{torch.get_num_threads()} CPU threads"


def set_precision(precision: str) -> torch.dtype:
    """Have products and convolutions of float32 computed in "fp32" or "tf32"; returns the type of the tokens, which is
    another for "bf16"."""
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    return torch.bfloat16 if precision == "bf16" else torch.float32


@functools.cache
def matmul_peak(device: str, precision: str, side: int | None = None) -> float:
    """The best rate of a square matrix product, in operations per second. A machine that is slow at it, such as one
    without instructions for bfloat16, gets fewer repeats."""
    side = side or (8192 if device == "cuda" else 2048)
    a, b = torch.randn(2, side, side, device=device).to(set_precision(precision))
    best, begun = float("inf"), time.perf_counter()
    for _ in range(REPEATS):
        best = min(best, turn(lambda: a @ b, device))
        if time.perf_counter() - begun > MOST_SECONDS:
            break
    return 2 * side**3 / best


def in_gflops(peaks: dict[str, float]) -> str:
    """Name and peak of each precision, for people."""
    return ", ".join(f"{name} {peak / 1e9:.0f} GFLOP/s" for name, peak in peaks.items())


def table_of(title: str, rows: Iterable[dict[str, str]]) -> Table:
    """A line for each of `rows`, under the keys of the first; all columns but the first are flush right."""
    rows, table = list(rows), Table(title=title)
    for number, heading in enumerate(rows[0]):
        table.add_column(heading, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row.values())
    return table
