"""How long a step takes on a device."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

TURN_SECONDS = 0.03
"""About so long is a turn of steps, which are not waited for one by one."""
MOST_STEPS = 200


def milliseconds(step: Callable[[], object], device: str, rounds: int) -> float:
    """A step's time among its like: the median over `rounds` turns, each of as many steps as take a moment. By CUDA
    events on a GPU, and the clock on a CPU; after steps that warm up."""
    for _ in range(3):
        step()
    steps = max(min(int(TURN_SECONDS / max(_turn(step, device, 1), 1e-6)), MOST_STEPS), 1)
    return 1000 * statistics.median(_turn(step, device, steps) / steps for _ in range(rounds))


def _turn(step: Callable[[], object], device: str, steps: int) -> float:
    """Seconds of so many steps."""
    if device == "cpu":
        start = time.perf_counter()
        for _ in range(steps):
            step()
        return time.perf_counter() - start
    torch.cuda.synchronize()
    first, last = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    first.record()
    for _ in range(steps):
        step()
    last.record()
    last.synchronize()
    return first.elapsed_time(last) / 1000
