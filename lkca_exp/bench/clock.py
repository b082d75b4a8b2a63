"""How long a step takes on a device, which is "cpu" or "cuda"."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

TURN_SECONDS = 0.03
"""About so long is a turn of steps."""
MOST_STEPS = 200


def milliseconds(step: Callable[[], object], device: str, rounds: int) -> float:
    """The median over `rounds` turns, after steps that warm up."""
    for _ in range(3):
        step()
    return 1000 * statistics.median(turn(step, device) for _ in range(rounds))


def turn(step: Callable[[], object], device: str) -> float:
    """Seconds of a step among its like: the first of a turn find caches and memory as a neighbour left them. On a CPU
    the median of a few; on a GPU the mean, by CUDA events, of a few that are not waited for one by one."""
    if device == "cpu":
        seconds: list[float] = []
        while not seconds or sum(seconds) < TURN_SECONDS:
            start = time.perf_counter()
            step()
            seconds.append(time.perf_counter() - start)
        return statistics.median(seconds)
    steps = max(min(int(TURN_SECONDS / max(_on_gpu(step, 1), 1e-6)), MOST_STEPS), 1)
    return _on_gpu(step, steps) / steps


def _on_gpu(step: Callable[[], object], steps: int) -> float:
    """Seconds of so many steps."""
    torch.cuda.synchronize()
    first, last = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    first.record()
    for _ in range(steps):
        step()
    last.record()
    last.synchronize()
    return first.elapsed_time(last) / 1000
